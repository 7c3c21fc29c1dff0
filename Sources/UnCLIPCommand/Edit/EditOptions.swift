public import ArgumentParser
import Foundation
public import UnCLIP

extension ImageEdit.Noise: ExpressibleByArgument {}

/// What the commands that mix embeddings and noises share beside their inputs.
struct EditOptions: ParsableArguments {
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// Makes the images of a plan with one subject.
  ///
  /// - Parameters:
  ///   - plan: Where they go.
  ///   - edit: How they are made.
  ///   - destination: Writes them.
  ///   - columns: Of the grid; nil makes it square.
  func run(
    _ plan: OutputPlan, _ edit: Edit, to destination: ImageDestination, columns: Int?
  ) throws {
    let subject = plan.items.first?.subject ?? ""
    try Edit.generate(
      [(subject, edit)], plan, to: destination, columns: columns, model: model, machine: machine,
      output: output
    ) { try $0.settings(size, sampling, prior: prior, editing: $1) }
  }
}
