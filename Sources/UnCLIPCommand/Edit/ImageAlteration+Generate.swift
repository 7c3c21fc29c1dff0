import Foundation
import Imaging
import UnCLIP

extension ImageAlteration {
  /// Makes and writes the images of a command.
  ///
  /// - Parameters:
  ///   - alterations: One for each input image.
  ///   - inputs: Paths of all that is read.
  ///   - settings: The settings of all images but for the seed, of the opened model.
  static func generate(
    _ alterations: [ImageAlteration], inputs: [String], images: ImageOptions, model: ModelOptions,
    machine: MachineOptions, output: OutputOptions,
    settings: (UnCLIPPipeline) throws -> GenerationSettings
  ) throws {
    let subjects = alterations.map(\.record.source.path)
    let plan = try images.plan(of: subjects, inputs: inputs, output: output) {
      URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent
    }
    let pipeline = try model.open(on: machine, requiring: [])
    var settings = try settings(pipeline)
    for part in alterations.flatMap({ $0.parts(for: settings) }) {
      try pipeline.folder.require([part])
    }
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    generator.warnIfTooLong([settings.prompt, settings.negative])
    if !settings.prompt.isEmpty { try generator.warnOfUnknownWords([settings.prompt]) }
    generator.warnOfForeignImages(subjects)
    let bySubject = Dictionary(
      zip(subjects, alterations), uniquingKeysWith: { first, _ in first })
    try images.generate(plan, sources: alterations.count, output: output) { item, title, note in
      settings.seed = item.seed
      guard let alteration = bySubject[item.subject] else {
        preconditionFailure("no image \(item.subject) was read")
      }
      return try generator.image(settings, altering: alteration, title: title, note: note)
    }
  }
}
