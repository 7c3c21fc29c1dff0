import Config
import Datasets
import Diffusion
import Foundation
import Imaging
import TorchNN
import Training
import UnCLIP

/// A small data set and configurations of the `tiny` preset, for runs of every stage.
struct TinyRun {
  let folder: URL
  /// Whether the decoder starts from an image hint, and learns from the prior's embeddings.
  var isHinted = false
  /// Whether CLIP's text tower is trained alone.
  var locksImages = false
  var data: URL { folder.appending(path: "data") }
  var preset: UnCLIPPreset { .tiny }

  /// Writes images of coloured squares and discs into `folder`.
  init(in folder: URL) throws {
    self.folder = folder
    var writer = try ShardWriter(directory: data, name: "shapes", samplesPerShard: 20)
    let colors: [(String, [UInt8])] = [
      ("red", [220, 30, 30, 255]), ("green", [30, 180, 60, 255]), ("blue", [40, 70, 220, 255]),
      ("yellow", [240, 210, 40, 255]), ("purple", [150, 50, 200, 255]),
      ("grey", [120, 120, 120, 255]),
    ]
    for (name, color) in colors {
      for shape in ["square", "disc", "bar", "ring"] {
        try writer.append(
          Sample(
            key: "\(name)-\(shape)", image: Self.image(shape, color),
            caption: "\(name) \(shape)", keywords: [shape], source: "folder", licence: "CC0-1.0",
            group: "Shapes/\(shape)"))
      }
    }
    _ = try writer.finish()
  }

  private static func image(_ shape: String, _ color: [UInt8]) -> Image {
    let side = 64
    var pixels: [UInt8] = []
    for y in 0..<side {
      for x in 0..<side {
        let (dx, dy) = (Double(x) - 31.5, Double(y) - 31.5)
        let radius = (dx * dx + dy * dy).squareRoot()
        let inside =
          switch shape {
          case "square": max(abs(dx), abs(dy)) < 24
          case "disc": radius < 26
          case "bar": abs(dy) < 8
          default: radius < 26 && radius > 14
          }
        pixels += inside ? color : [0, 0, 0, 0]
      }
    }
    return Image(width: side, height: side, channels: 4, pixels: pixels)
  }

  /// With everything that makes images of others, so that nothing of it is out of the test.
  var options: Mixture {
    Mixture(
      workers: 0, sceneFraction: 0.15, shapeFraction: 0.05, heldOutFraction: 0.3, coreOnly: true,
      groupWeights: ["People & Body": 0.5],
      augmentation: Augmentation(
        smallestScale: 0.86, shift: 0.02, flipFraction: 0.5, coloredBackgroundFraction: 0.06))
  }

  /// The configuration of a stage as JSON.
  func config(_ stage: TrainingStage, training: TrainingOptions = .tiny) throws -> Data {
    let weighting = LossWeighting.truncatedSNR(gamma: 5)
    switch stage {
    case .tokenizer:
      return try ConfigFile.encode(
        TokenizerTrainConfig(
          vocabularySize: 600, contextLength: 12, minimumCount: 1, captions: 500, seed: 0,
          data: options))
    case .clip:
      return try ConfigFile.encode(
        TrainConfig(
          model: preset.clip,
          objective: CLIPTask.Objective(evaluationCount: 8, locksImages: locksImages),
          training: training, data: options))
    case .prior:
      return try ConfigFile.encode(
        TrainConfig(
          model: PriorTask.Model(transformer: preset.prior, scheduler: preset.priorScheduler),
          objective: PriorTask.Objective(
            textDropRate: 0.1, statisticsBatches: 2, embeddingBatches: 3, evaluationCount: 2,
            sampleSteps: 2, sampleGuidance: 1), training: training, data: options))
    case .autoregressivePrior:
      return try ConfigFile.encode(
        TrainConfig(
          model: AutoregressivePriorTask.Model(
            transformer: AutoregressivePriorConfig(
              heads: 2, headWidth: 8, layers: 1, embeddingWidth: preset.prior.embeddingDim,
              textLength: preset.prior.numEmbeddings, components: 0, buckets: 6,
              dropout: 0.1)),
          objective: AutoregressivePriorTask.Objective(
            textDropRate: 0.1, reconstructionError: 0.05, statisticsBatches: 6,
            embeddingBatches: 3, evaluationCount: 2, sampleTemperature: 1, sampleGuidance: 1),
          training: training, data: options))
    case .hint:
      return try ConfigFile.encode(
        TrainConfig(
          model: HintTask.Model(
            hint: ImageHintConfig(embeddingWidth: 16, hiddenWidth: 24, layers: 1, size: 8)),
          objective: HintTask.Objective(
            imageDropRate: 0.1, textDropRate: 0.3, embeddingNoise: 0.2,
            drawnEmbeddings: DrawnEmbeddings(fraction: 0.5, steps: 2, guidance: 2),
            embeddingBatches: 3, evaluationCount: 4), training: training, data: options))
    case .decoder:
      return try ConfigFile.encode(
        TrainConfig(
          model: decoderModel,
          objective: DecoderTask.Objective(
            imageDropRate: 0.1, textDropRate: 0.5, weighting: weighting,
            drawnEmbeddings: isHinted
              ? DrawnEmbeddings(fraction: 0.5, steps: 2, guidance: 2) : .none,
            embeddingBatches: 3, sampleSteps: 2, sampleGuidance: 2),
          training: training, data: options))
    case .upsampler, .secondUpsampler:
      var unet = preset.upsampler
      if stage == .secondUpsampler { unet.sampleSize = 4 * (unet.sampleSize ?? 64) }
      return try ConfigFile.encode(
        TrainConfig(
          model: UpsamplerTask.Model(unet: unet, scheduler: preset.upsamplerScheduler),
          objective: UpsamplerTask.Objective(
            imageSize: 64, cropSize: 16, weighting: weighting,
            degradation: stage == .upsampler ? .blur : .bsrFull, conditionNoise: 0.1,
            sampleSteps: 2),
          training: training, data: options))
    default: return try classicConfig(stage, training: training)
    }
  }

  private var decoderModel: DecoderTask.Model {
    guard isHinted else {
      return DecoderTask.Model(unet: preset.decoder, scheduler: preset.decoderScheduler)
    }
    var unet = preset.decoder
    (unet.inChannels, unet.outChannels, unet.addsCondition) = (6, 3, true)
    return DecoderTask.Model(unet: unet, scheduler: preset.upsamplerScheduler)
  }

  /// The output folder of a stage.
  func out(_ stage: TrainingStage) -> URL { folder.appending(path: stage.rawValue) }

  /// The stages whose parts a stage needs.
  func needs(_ stage: TrainingStage) -> [TrainingStage] {
    switch stage {
    case .clip: [.tokenizer]
    case .decoder where isHinted: [.clip, .prior, .hint]
    case .prior, .autoregressivePrior, .decoder: [.clip]
    case .hint: [.clip, .prior]
    case .pixelcnn, .transformer, .rnn: [.vqvae]
    default: []
    }
  }

  func run(
    _ stage: TrainingStage, training: TrainingOptions = .tiny, resume: Bool = false,
    into out: URL? = nil, initial: URL? = nil
  ) throws -> TrainingRun {
    TrainingRun(
      stage: stage, configuration: try config(stage, training: training),
      configurationName: "\(stage.rawValue).yaml", data: [data], out: out ?? self.out(stage),
      models: needs(stage).map { self.out($0).appending(path: "model") }, initial: initial,
      resume: resume)
  }
}
