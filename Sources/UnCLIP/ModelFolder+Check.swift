import CLIP
import Config
import Diffusion
import Foundation
import Torch
import TorchNN

extension ModelFolder {
  /// Checks that the parts of the folder belong to one model: their configurations agree, and the
  /// weights of each fit its configuration.
  ///
  /// Configurations and the headers of weight files are read, no weights.
  /// - Throws: ``ModelFolderError/disagreement(folder:part:key:value:reason:)`` or
  ///   ``ModelFolderError/missing(folder:part:)``; `ConfigError` and `CheckpointError`, naming the
  ///   file.
  public func checkFit() throws {
    let configurations = try PartConfigurations(self)
    try configurations.checkEmbeddings()
    try configurations.checkFingerprint()
    try configurations.checkImages()
    try configurations.checkProcesses()
    try configurations.checkWeights()
  }
}

/// The configurations of the parts that a folder has.
private struct PartConfigurations {
  let folder: ModelFolder
  let text: CLIPTextConfig?
  let vision: CLIPVisionConfig?
  let prior: PriorConfig?
  let autoregressivePrior: AutoregressivePriorConfig?
  let projection: TextProjectionConfig?
  let hint: ImageHintConfig?
  /// Decoder and upsamplers, those that are there.
  private var networks: [(part: ModelFolder.Part, config: UNetConfig)] = []
  private let schedulers: [GenerationProgress.Stage: SchedulerConfig]

  init(_ folder: ModelFolder) throws {
    func read<Config>(
      _ part: ModelFolder.Part, _ read: (URL) throws(ConfigError) -> Config
    ) throws(ConfigError) -> Config? {
      folder.has(part) ? try read(folder.configuration(of: part)) : nil
    }
    self.folder = folder
    text = try read(.textEncoder, CLIPTextConfig.read)
    vision = try read(.imageEncoder, CLIPVisionConfig.read)
    prior = try read(.prior, PriorConfig.read)
    autoregressivePrior = try read(.autoregressivePrior, AutoregressivePriorConfig.read)
    projection = try read(.textProjection, TextProjectionConfig.read)
    hint = try read(.imageHint, ImageHintConfig.read)
    for part in [ModelFolder.Part.decoder, .upsampler, .lastUpsampler, .secondUpsampler] {
      if let config = try read(part, UNetConfig.read) { networks.append((part, config)) }
    }
    schedulers = try folder.schedulers()
  }

  private func network(_ part: ModelFolder.Part) -> UNetConfig? {
    networks.first { $0.part == part }?.config
  }

  /// A value in the configuration of a part.
  private struct Entry {
    let part: ModelFolder.Part
    let key: String
    let value: Int
  }

  private func entry(_ part: ModelFolder.Part, _ key: String, _ value: Int?) -> Entry? {
    value.map { Entry(part: part, key: key, value: $0) }
  }

  private func refuse(_ entry: Entry, _ reason: String) -> ModelFolderError {
    .disagreement(
      folder: folder.url.path, part: entry.part.rawValue, key: entry.key,
      value: "\(entry.value)", reason: reason)
  }

  /// Refuses two values that differ; a missing part agrees with all.
  private func requireEqual(_ entry: Entry?, _ other: Entry?) throws {
    guard let entry, let other, entry.value != other.value else { return }
    throw refuse(
      entry, "'\(other.key)' of \(other.part.rawValue) is \(other.value), and both must agree")
  }

  // MARK: Embeddings and texts

  func checkEmbeddings() throws {
    let embedding = entry(.textEncoder, "projection_dim", text?.projectionDim)
    let encoding = entry(.textEncoder, "hidden_size", text?.hiddenSize)
    let imageWidth = entry(.imageEncoder, "projection_dim", vision?.projectionDim)
    let priorWidth = entry(.prior, "embedding_dim", prior?.embeddingDim)
    let otherPriorWidth = entry(
      .autoregressivePrior, "embedding_dim", autoregressivePrior?.embeddingDim)
    let projectionWidth = entry(
      .textProjection, "clip_embeddings_dim", projection?.clipEmbeddingsDim)
    let hintWidth = entry(.imageHint, "clip_embeddings_dim", hint?.clipEmbeddingsDim)
    try requireEqual(imageWidth, embedding)
    try requireEqual(priorWidth, embedding)
    try requireEqual(priorWidth, encoding)
    try requireEqual(otherPriorWidth, embedding)
    try requireEqual(otherPriorWidth, encoding)
    try requireEqual(otherPriorWidth, imageWidth)
    try requireEqual(projectionWidth, embedding)
    try requireEqual(projectionWidth, encoding)
    try requireEqual(projectionWidth, priorWidth)
    try requireEqual(projectionWidth, otherPriorWidth)
    try requireEqual(hintWidth, embedding)
    try requireEqual(hintWidth, projectionWidth)
    let contexts = [
      entry(.prior, "num_embeddings", prior?.numEmbeddings),
      entry(.autoregressivePrior, "num_embeddings", autoregressivePrior?.numEmbeddings),
    ]
    for case .some(let context) in contexts {
      guard let text, context.value < text.maxPositionEmbeddings else { continue }
      throw refuse(context, "text_encoder gives \(text.maxPositionEmbeddings) tokens")
    }
    guard let projection, let decoder = network(.decoder) else { return }
    try requireEqual(
      Entry(part: .textProjection, key: "cross_attention_dim", value: projection.crossAttentionDim),
      Entry(
        part: .decoder, key: "cross_attention_dim", value: decoder.crossAttentionDim ?? 0))
    let width = decoder.timeEmbedWidth
    if projection.timeEmbedDim != width {
      throw refuse(
        Entry(part: .textProjection, key: "time_embed_dim", value: projection.timeEmbedDim),
        "decoder takes \(width), four times the first of its 'block_out_channels'")
    }
  }

  /// Refuses a prior whose tokens are made of another CLIP's embeddings.
  func checkFingerprint() throws {
    guard autoregressivePrior != nil else { return }
    let file = folder.configuration(of: .autoregressivePrior)
    for (part, hash) in try CLIPFingerprint.read(at: file).parts where folder.has(part) {
      let found = try folder.signFingerprint(of: part)
      guard found != hash else { continue }
      throw ModelFolderError.disagreement(
        folder: folder.url.path, part: ModelFolder.Part.autoregressivePrior.rawValue,
        key: "\(CLIPFingerprint.key).\(part.rawValue)", value: hash,
        reason: "that of the \(part.rawValue) here is \(found), another CLIP")
    }
  }

  // MARK: Images

  func checkImages() throws {
    for (part, network) in networks {
      let area = network.patchSize * network.patchSize
      // An upsampler sees the enlarged image beside the noisy one, a decoder its image hint.
      let channels = part == .decoder && hint == nil ? 3 : 6
      if network.sampleChannels != channels {
        throw refuse(
          Entry(part: part, key: "in_channels", value: network.inChannels),
          part == .decoder
            ? "a decoder \(hint == nil ? "without" : "with") an image_hint takes \(channels * area)"
            : "an upsampler takes \(channels * area)")
      }
      let (process, stage) = self.process(of: part)
      let isLearned = schedulers[stage]?.variance == .learnedRange
      let outputs = isLearned ? [6] : [3, 6]
      if !outputs.contains(network.predictionChannels) {
        throw refuse(
          Entry(part: part, key: "out_channels", value: network.outChannels),
          isLearned
            ? "\(process.rawValue) learns the variance, which takes \(6 * area)"
            : "an image has 3 channels, or 6 with a variance, which makes \(3 * area) "
              + "or \(6 * area)")
      }
      if part != .decoder, let width = network.crossAttentionDim {
        throw refuse(
          Entry(part: part, key: "cross_attention_dim", value: width),
          "an upsampler sees no text")
      }
    }
    if folder.has(.secondUpsampler), network(.decoder) != nil {
      try folder.require([.upsampler])
    }
    guard let small = network(.decoder)?.sampleSize else { return }
    for (part, times) in [
      (ModelFolder.Part.upsampler, 1), (.lastUpsampler, 1), (.secondUpsampler, 2),
    ] {
      let wanted = (0..<times).reduce(small) { size, _ in size * Upsampler.factor }
      guard let large = network(part)?.sampleSize, large != wanted else { continue }
      throw refuse(
        Entry(part: part, key: "sample_size", value: large),
        "decoder makes \(small), which is enlarged to \(wanted)")
    }
  }

  /// The process of a network, and the stage it is.
  private func process(
    of part: ModelFolder.Part
  ) -> (ModelFolder.Part, GenerationProgress.Stage) {
    let stage = GenerationProgress.Stage.denoising.first {
      ModelFolder.parts(of: $0).networks.contains(part)
    }
    guard let stage else { preconditionFailure("\(part.rawValue) does not denoise") }
    return (ModelFolder.parts(of: stage).process, stage)
  }

  // MARK: Processes

  func checkProcesses() throws {
    let defaults = try ModelDefaults.read(from: folder, schedulers: schedulers)
    let sampling = defaults.sampling
    let sizes = try folder.sizes()
    if let size = defaults.size, !sizes.isEmpty, !sizes.contains(size) {
      throw ConfigError.invalid(
        file: folder.url.appendingPathComponent(ModelDefaults.fileName).path, key: "size",
        value: "\(size)",
        expected: "this model makes images of \(sizes.map(String.init).joined(separator: " or "))")
    }
    let stages:
      [(
        stage: GenerationProgress.Stage, network: ModelFolder.Part, process: ModelFolder.Part,
        steps: Int
      )] = [
        (.prior, .prior, .priorScheduler, sampling.priorSteps),
        (.decoder, .decoder, .decoderScheduler, sampling.decoderSteps),
        (.upsampler, .upsampler, .upsamplerScheduler, sampling.upsamplerSteps),
        (
          .secondUpsampler, .secondUpsampler, .secondUpsamplerScheduler,
          sampling.secondUpsamplerSteps
        ),
      ]
    for stage in stages where folder.has(stage.network) {
      guard let process = schedulers[stage.stage] else {
        throw ModelFolderError.missing(
          folder: folder.url.path, part: stage.process.rawValue)
      }
      if process.trainStepCount < stage.steps {
        throw refuse(
          Entry(
            part: stage.process, key: "num_train_timesteps", value: process.trainStepCount),
          "\(stage.network.rawValue) is sampled in \(stage.steps) steps")
      }
    }
    if prior != nil, schedulers[.prior]?.variance == .learnedRange {
      throw ModelFolderError.disagreement(
        folder: folder.url.path, part: "prior_scheduler", key: "variance_type",
        value: "learned_range", reason: "a prior predicts no variance")
    }
  }

  // MARK: Weights

  func checkWeights() throws {
    func check<Network: ConfiguredModule>(
      _ type: Network.Type, _ config: Network.Config?, _ part: ModelFolder.Part
    ) throws {
      guard let config, let stem = part.weightStem else { return }
      let directory = folder.folder(of: part)
      try Network.checkFit(
        config, to: Safetensors.readModel(folder: directory, stem: stem), file: directory)
    }
    if text != nil {
      try CLIPTextModelWithProjection.checkFit(in: folder.folder(of: .textEncoder))
    }
    if vision != nil {
      try CLIPVisionModelWithProjection.checkFit(in: folder.folder(of: .imageEncoder))
    }
    try check(PriorTransformer.self, prior, .prior)
    try check(AutoregressiveTransformer.self, autoregressivePrior, .autoregressivePrior)
    try check(TextProjection.self, projection, .textProjection)
    try check(ImageHint.self, hint, .imageHint)
    for (part, network) in networks { try check(UNet.self, network, part) }
  }
}
