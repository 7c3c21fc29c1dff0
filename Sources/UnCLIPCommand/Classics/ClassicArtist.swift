import ArgumentParser
import CLIP
import Classics
import Config
import Foundation
import Torch
import TorchNN
import UnCLIP

/// Which prior draws a VQ-VAE's codes, and what it is told.
struct CodePriorOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The prior that draws a VQ-VAE's codes: its folder, or the name of its run.",
      valueName: "model"))
  var prior: String?

  @Option(
    help: ArgumentHelp(
      "The class to draw, for a prior that is told classes; all in turn if not given.",
      valueName: "name"))
  var label: String?

  @Option(
    help: ArgumentHelp(
      "The sentence to draw, for a prior that is told captions; needs --clip.",
      valueName: "sentence"))
  var prompt: String?

  @Option(help: ArgumentHelp("The CLIP model that embeds --prompt.", valueName: "folder"))
  var clip: String?

  @Option(
    help: ArgumentHelp(
      "Codes are drawn from probabilities to the power of its inverse: below 1 is safer.",
      valueName: "t"))
  var temperature = 1.0

  @Option(
    help: ArgumentHelp(
      "Only so many of the likeliest codes are drawn; 0 for all.", valueName: "n"))
  var top = 0

  @Option(
    help: ArgumentHelp(
      "How far the class or sentence is followed: 1 as trained, more is truer and less varied.",
      valueName: "scale"))
  var guidance = 1.0

  /// How codes are drawn.
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
      throw ValidationError("--label and --prompt are told to a prior: name it with --prior.")
    }
    if prior == nil, sampling != CodeSampling() {
      throw ValidationError(
        "--temperature, --top and --guidance are of a prior: name it with --prior.")
    }
    if (prompt == nil) != (clip == nil) {
      throw ValidationError("--prompt and --clip go together.")
    }
  }
}

/// Draws pictures with any model that can draw without being shown one.
struct ClassicArtist {
  /// The shape of its pictures.
  let shape: any PictureConfig
  private let source: (Int, RandomSource) -> Tensor

  /// Loads a model, and for a VQ-VAE its prior.
  /// - Throws: `CommandError` for a model that cannot draw, `ClassicError`, `ConfigError`,
  ///   `CheckpointError`.
  init(
    _ folder: ClassicFolder, prior options: CodePriorOptions, runs: RunsOption, device: Device
  ) throws {
    let kind = try folder.kind()
    if options.prior != nil, kind != .vqvae {
      throw CommandError.usage(
        "\(folder.url.path) holds a model of kind \(kind.rawValue), which draws without a prior: "
          + "leave --prior out.")
    }
    switch kind {
    case .gan: (shape, source) = Self.generator(try folder.load(GAN.self), device)
    case .vae: (shape, source) = Self.generator(try folder.load(VAE.self), device)
    case .vqvae:
      guard let name = options.prior else {
        throw CommandError.usage(
          "A VQ-VAE turns codes into pictures, and a prior draws the codes: name a pixelcnn, "
            + "transformer or rnn with --prior.")
      }
      let decoder = try folder.load(VQVAE.self)
      decoder.to(device: device)
      let prior = try runs.folder(name)
      let draw: (Int, RandomSource) -> Tensor
      switch try prior.kind() {
      case .pixelcnn:
        draw = try Self.codes(PixelCNN.self, prior, decoder, folder, options, device)
      case .transformer:
        draw = try Self.codes(CodeTransformer.self, prior, decoder, folder, options, device)
      case .rnn: draw = try Self.codes(CodeRNN.self, prior, decoder, folder, options, device)
      case let other:
        throw CommandError.data(
          "\(prior.url.path) holds a model of kind \(other.rawValue), which is no prior over "
            + "codes: name a pixelcnn, transformer or rnn with --prior.")
      }
      shape = decoder.config
      source = { count, random in decoder.decode(draw(count, random)) }
    case .ae, .dae:
      throw CommandError.usage(
        "An autoencoder knows no distribution of its vectors, so it cannot draw: use "
          + "'reconstruct' or 'interpolate', or draw with a vae, vqvae or gan.")
    case .pixelcnn, .transformer, .rnn:
      throw CommandError.usage(
        "\(folder.url.path) holds a prior over codes: name the VQ-VAE as the model, and this "
          + "one with --prior.")
    case .classifier:
      throw CommandError.usage(
        "\(folder.url.path) holds a classifier, which draws nothing: name a vae, vqvae or gan.")
    }
  }

  /// New pictures `[count, C, S, S]` in [-1, 1], some hundred at a time.
  func draw(_ count: Int, using random: RandomSource) throws -> Tensor {
    let parts = stride(from: 0, to: count, by: 256).map { start in
      noGrad { source(min(256, count - start), random) }
    }
    return Tensor.concatenated(parts, over: 0)
  }

  private static func generator<Model: PictureGenerator>(
    _ model: Model, _ device: Device
  ) -> (any PictureConfig, (Int, RandomSource) -> Tensor) {
    model.to(device: device)
    return (model.config, { count, random in model.sample(count, using: random) })
  }

  private static func codes<Prior: CodePrior>(
    _ type: Prior.Type, _ folder: ClassicFolder, _ decoder: VQVAE, _ decoderFolder: ClassicFolder,
    _ options: CodePriorOptions, _ device: Device
  ) throws -> (Int, RandomSource) -> Tensor {
    try folder.requireCodebook(decoder.codebookFingerprint, of: decoderFolder.url)
    let prior = try folder.load(type)
    prior.to(device: device)
    let condition = try Self.condition(prior.codes.condition, folder, options, device)
    return { count, random in
      prior.sample(
        count, condition: condition(count), sampling: options.sampling, using: random)
    }
  }

  /// What each of so many pictures is to show.
  private static func condition(
    _ condition: CodeCondition, _ folder: ClassicFolder, _ options: CodePriorOptions,
    _ device: Device
  ) throws -> (Int) -> Tensor? {
    func refuse(_ option: String, _ told: String) -> CommandError {
      .usage("The prior in \(folder.url.path) is told \(told): leave \(option) out.")
    }
    switch condition.kind {
    case .none:
      if options.label != nil { throw refuse("--label", "nothing") }
      if options.prompt != nil { throw refuse("--prompt", "nothing") }
      return { _ in nil }
    case .class:
      if options.prompt != nil { throw refuse("--prompt and --clip", "classes") }
      guard let label = options.label else {
        return { count in
          Tensor((0..<count).map { Int64($0 % condition.size) }, shape: [count]).to(device)
        }
      }
      let names = try folder.classes()
      guard let place = names.firstIndex(where: { $0.lowercased() == label.lowercased() }) else {
        throw CommandError.usage(
          "--label is \(label), but the prior knows \(names.joined(separator: ", ")).")
      }
      return { count in
        Tensor([Int64](repeating: Int64(place), count: count), shape: [count]).to(device)
      }
    case .embedding:
      if options.label != nil { throw refuse("--label", "captions") }
      guard let prompt = options.prompt, let clip = options.clip else { return { _ in nil } }
      let url = URL(fileURLWithPath: clip, isDirectory: true)
      let encoder = try ModelFolder(url).loadTextEncoder()
      encoder.model.to(device: device)
      let row = encoder.encode([prompt]).embedding
      return { count in row.expanded([count, row.dim(1)]) }
    }
  }
}
