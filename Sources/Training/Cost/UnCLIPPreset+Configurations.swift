import CLIP
import Config
import Diffusion
public import UnCLIP

extension UnCLIPPreset {
  /// Makes the system that configurations of its stages describe, sampled as their sample sheets are.
  ///
  /// - Parameter configurations: One of each stage, with its file's name, and one or two of upsamplers.
  /// - Returns: Nil where CLIP, the prior, the decoder or the upsampler is missing.
  /// - Throws: `ConfigError` where two do not fit each other, `CostError.repeated`.
  public static func system(
    of configurations: [(configuration: StageConfiguration, file: String)]
  ) throws -> UnCLIPPreset? {
    var stages = Stages()
    for (configuration, file) in configurations { try stages.take(configuration, file: file) }
    guard let clip = stages.clip, let prior = stages.prior, let decoder = stages.decoder,
      let upsampler = stages.upsamplers.first
    else { return nil }
    try requireFit(clip.model, prior.model.transformer, file: stages.priorFile)
    let model = decoder.model
    guard !model.isHinted || stages.hint != nil else { return nil }
    let second = stages.upsamplers.dropFirst().first
    var sampling = SamplingSettings()
    sampling.priorSteps = prior.objective.sampleSteps
    sampling.priorGuidance = prior.objective.sampleGuidance
    sampling.decoderSteps = decoder.objective.sampleSteps
    sampling.decoderGuidance = decoder.objective.sampleGuidance
    sampling.upsamplerSteps = upsampler.objective.sampleSteps
    return UnCLIPPreset(
      clip: clip.model, prior: (prior.model.transformer, prior.model.scheduler),
      textProjection: model.projection(embeddingWidth: clip.model.embeddingWidth),
      imageHint: model.isHinted ? stages.hint?.model.hint : nil,
      decoder: (model.unet, model.scheduler),
      upsampler: (upsampler.model.unet, upsampler.model.scheduler), sampling: sampling,
      secondUpsampler: second.map {
        SecondUpsampler(
          unet: $0.model.unet, scheduler: $0.model.scheduler, steps: $0.objective.sampleSteps)
      })
  }
}

/// The configurations of a system, by stage.
private struct Stages {
  var clip: TrainConfig<CLIPConfig, CLIPTask.Objective>?
  var prior: TrainConfig<PriorTask.Model, PriorTask.Objective>?
  var priorFile = ""
  var autoregressivePrior:
    TrainConfig<AutoregressivePriorTask.Model, AutoregressivePriorTask.Objective>?
  var hint: TrainConfig<HintTask.Model, HintTask.Objective>?
  var decoder: TrainConfig<DecoderTask.Model, DecoderTask.Objective>?
  /// The one of the smaller images first.
  var upsamplers: [TrainConfig<UpsamplerTask.Model, UpsamplerTask.Objective>] = []

  mutating func take(_ configuration: StageConfiguration, file: String) throws(CostError) {
    switch configuration {
    case .clip(let config): try set(&clip, config, .clip)
    case .prior(let config):
      try set(&prior, config, .prior)
      priorFile = file
    // A system draws with the diffusion prior here.
    case .autoregressivePrior(let config):
      try set(&autoregressivePrior, config, .autoregressivePrior)
    case .hint(let config): try set(&hint, config, .hint)
    case .decoder(let config): try set(&decoder, config, .decoder)
    case .upsampler(let config):
      upsamplers.append(config)
      upsamplers.sort { $0.objective.imageSize < $1.objective.imageSize }
      let sizes = Set(upsamplers.map(\.objective.imageSize))
      guard upsamplers.count <= 2, sizes.count == upsamplers.count else {
        throw .repeated(stage: TrainingStage.upsampler.rawValue)
      }
    }
  }

  private func set<Config>(
    _ place: inout Config?, _ config: Config, _ stage: TrainingStage
  ) throws(CostError) {
    guard place == nil else { throw .repeated(stage: stage.rawValue) }
    place = config
  }
}

/// Requires that a prior is of the embeddings and the texts of a CLIP.
private func requireFit(
  _ clip: CLIPConfig, _ prior: PriorConfig, file: String
) throws(ConfigError) {
  let check = ConfigCheck(file: file, at: "model.transformer")
  try check.require(
    prior.embeddingDim == clip.embeddingWidth, "embedding_dim", prior.embeddingDim,
    "CLIP's embeddings have \(clip.embeddingWidth) dimensions")
  let length = clip.text.maxPositionEmbeddings
  try check.require(
    prior.numEmbeddings == length, "num_embeddings", prior.numEmbeddings,
    "CLIP's texts have \(length) tokens")
}
