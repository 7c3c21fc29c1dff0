import Foundation
import Imaging
import UnCLIP

extension Edit {
  /// Makes and writes the images of a command.
  ///
  /// - Parameters:
  ///   - edits: The edit of each of the plan's subjects.
  ///   - plan: Where the images go.
  ///   - destination: Writes them.
  ///   - columns: Of the grid; nil makes it square.
  ///   - settings: The settings of an edit's images but for the seed, of the opened model.
  static func generate(
    _ edits: [(subject: String, edit: Edit)], _ plan: OutputPlan,
    to destination: ImageDestination, columns: Int?, model: ModelOptions, machine: MachineOptions,
    output: OutputOptions, settings: (UnCLIPPipeline, Edit) throws -> GenerationSettings
  ) throws {
    let pipeline = try model.open(on: machine, requiring: [])
    // Each is checked before the first is generated.
    var prepared: [String: (edit: Prepared, settings: GenerationSettings)] = [:]
    for (subject, edit) in edits where prepared[subject] == nil {
      let settings = try settings(pipeline, edit)
      prepared[subject] = (try edit.prepared(with: pipeline, settings), settings)
    }
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    let shared = prepared.values.first?.settings
    let texts = edits.flatMap(\.edit.texts) + [shared?.prompt ?? ""]
    generator.warnIfTooLong(texts + [shared?.negative ?? ""])
    if texts.contains(where: { !$0.isEmpty }) { try generator.warnOfUnknownWords(texts) }
    generator.warnOfForeignImages(edits.flatMap(\.edit.imagePaths))
    if Set(plan.items.map(\.seed)).count > 1,
      prepared.values.contains(where: { $0.edit.edit.ignoresSeed($0.settings) })
    {
      Output.warn(
        "inverted noise without --eta gives the image itself, whatever the seed; give --eta for "
          + "variations.")
    }
    try destination.generate(plan, columns: columns, output: output) { item, title, note in
      guard let (edit, shared) = prepared[item.subject] else {
        preconditionFailure("no edit of \(item.subject)")
      }
      var settings = shared
      settings.seed = item.seed
      return try generator.image(
        settings, edit: edit, frame: item.frame, title: title, note: note)
    }
  }
}
