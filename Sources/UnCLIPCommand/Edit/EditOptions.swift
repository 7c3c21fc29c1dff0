public import ArgumentParser
import Foundation
public import UnCLIP

extension ImageEdit.Noise: ExpressibleByArgument {}

/// What the commands that edit images share beside their inputs.
struct EditOptions: ParsableArguments {
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// Makes the images of a plan.
  ///
  /// - Parameters:
  ///   - plan: Where they go.
  ///   - inputs: What they are made from.
  ///   - edit: How.
  ///   - texts: What else the text encoder reads.
  ///   - destination: Writes them.
  ///   - columns: Of the grid; nil makes it square.
  func run(
    _ plan: OutputPlan, _ inputs: [EditInput], _ edit: ImageEdit, texts: [String] = [],
    to destination: ImageDestination, columns: Int?
  ) throws {
    let pipeline = try model.open(on: machine, requiring: inputs.parts)
    var settings = try pipeline.settings(size, sampling, prior: prior, editing: edit)
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    generator.warnIfTooLong(inputs.prompts + texts + [settings.negative])
    try generator.warnOfUnknownWords(inputs.prompts + texts)
    generator.warnOfForeignImages(inputs.imagePaths)
    let editor = try pipeline.editor(edit, settings)
    try destination.generate(plan, columns: columns, output: output) { item, title, note in
      settings.seed = item.seed
      return try generator.image(
        settings, of: editor, frame: item.frame,
        EditRecord(edit, frame: item.frame, of: inputs), title: title, note: note)
    }
  }
}
