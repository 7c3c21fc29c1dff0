import ArgumentParser
import CLIP
import Classics
import Foundation
import Torch
import TorchNN
import UnCLIP

/// The prior that samples a code model's codes, and its conditions.
struct CodePriorOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The prior that samples a VQ-VAE's codes: its folder, or the name of its run.",
      valueName: "model"))
  var prior: String?

  @Option(
    help: ArgumentHelp(
      "The class, for a prior conditioned on classes; all in turn if not given.",
      valueName: "name"))
  var label: String?

  @Option(
    help: ArgumentHelp(
      "The prompt, for a prior conditioned on captions; needs --clip.",
      valueName: "prompt"))
  var prompt: String?

  @Option(
    help: ArgumentHelp(
      "The CLIP model that embeds --prompt: its folder, or a name that 'unclip models' lists.",
      valueName: "folder"), completion: .model)
  var clip: String?

  @Option(
    help: ArgumentHelp(
      "Sampling temperature of the codes, more than 0: lower is less varied.",
      valueName: "t"))
  var temperature = 1.0

  @Option(
    help: ArgumentHelp(
      "Sample from the n most probable codes alone, 0 or more; 0 for all.", valueName: "n"))
  var top = 0

  @Option(
    help: ArgumentHelp(
      "Guidance scale, 0 or more; 1 is none, and more follows the class or prompt more closely.",
      valueName: "scale"))
  var guidance = 1.0

  /// How codes are sampled.
  var sampling: CodeSampling {
    CodeSampling(temperature: temperature, top: top, guidance: guidance)
  }

  func validate() throws {
    if !(temperature > 0 && temperature.isFinite) {
      throw ValidationError("--temperature is \(temperature), but it must be greater than 0.")
    }
    if top < 0 { throw ValidationError("--top is \(top), but it must be 0 or more.") }
    if !(guidance >= 0 && guidance.isFinite) {
      throw ValidationError("--guidance is \(guidance), but it must be 0 or more.")
    }
    if label != nil, prompt != nil {
      throw ValidationError("Give one of --label and --prompt.")
    }
    if prior == nil, label != nil || prompt != nil {
      throw ValidationError("--label and --prompt are conditions of a prior: name it with --prior.")
    }
    if prior == nil, sampling != CodeSampling() {
      throw ValidationError(
        "--temperature, --top and --guidance are settings of a prior: name it with --prior.")
    }
    if (prompt == nil) != (clip == nil) {
      throw ValidationError("--prompt and --clip go together.")
    }
  }
}

extension CodePriorOptions {
  /// Loads the prior and returns a function that samples codes `[count, h, w]` for a code model.
  /// - Throws: `CommandError` for a prior that takes other conditions, `ClassicError`,
  ///   `ConfigError`, `CheckpointError`.
  func codes(
    for model: any CodeModel, in folder: ClassicFolder, prior: ClassicFolder, device: Device
  ) throws -> (Int, RandomSource) -> Tensor {
    let network = try prior.load(.writingCodes, on: device)
    try prior.requireCodebook(model.codebookFingerprint, of: folder.url)
    let condition = try condition(network.codes.condition, prior, device)
    return { count, random in
      network.sample(count, condition: condition(count), sampling: sampling, using: random)
    }
  }

  /// Returns a function of the image count that makes the conditions.
  private func condition(
    _ condition: CodeCondition, _ folder: ClassicFolder, _ device: Device
  ) throws -> (Int) -> Tensor? {
    func refuse(_ option: String, _ kind: String) -> CommandError {
      .usage("The prior in \(folder.url.path) is \(kind): leave \(option) out.")
    }
    switch condition.kind {
    case .none:
      if label != nil { throw refuse("--label", "unconditional") }
      if prompt != nil { throw refuse("--prompt", "unconditional") }
      return { _ in nil }
    case .class:
      if prompt != nil { throw refuse("--prompt and --clip", "conditioned on classes") }
      guard let label else {
        return { count in
          Tensor((0..<count).map { Int64($0 % condition.size) }, shape: [count]).to(device)
        }
      }
      let names = try folder.classes()
      guard let index = names.firstIndex(where: { $0.lowercased() == label.lowercased() }) else {
        throw CommandError.usage(
          "--label is \(label), but the prior knows \(names.joined(separator: ", ")).")
      }
      return { count in
        Tensor([Int64](repeating: Int64(index), count: count), shape: [count]).to(device)
      }
    case .embedding:
      if label != nil { throw refuse("--label", "conditioned on captions") }
      guard let prompt, let clip else { return { _ in nil } }
      let folder = try CLIPFolder(ModelSearch.current.folder(of: clip, for: .embedding))
      let row = try CLIPTextEncoder(folder, device: device)([prompt])
      return { count in row.expanded([count, row.dim(1)]) }
    }
  }
}
