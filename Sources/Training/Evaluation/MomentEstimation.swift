import CLIP
import Datasets
import Diffusion
import Files
public import Foundation
import Imaging
public import Torch
public import UnCLIP

/// Estimates the second moments of a model's stages over data sets, for the analytic sampler.
///
/// Images are shown as they are, not augmented, with their own captions and embeddings.
public struct MomentEstimation {
  private let pipeline: UnCLIPPipeline
  private let directories: [URL]

  /// Rows that a network is given at once.
  private static let batch = 16

  /// Opens a model and its data.
  ///
  /// - Throws: `ModelFolderError`, `ConfigError`, `CheckpointError`, `TokenizerError`.
  public init(_ folder: ModelFolder, data directories: [URL], device: Device = .cpu) throws {
    pipeline = try UnCLIPPipeline(folder, device: device)
    self.directories = directories
  }

  /// The stages that the model has, in order.
  public var stages: [GenerationProgress.Stage] {
    GenerationProgress.Stage.denoising.filter { stage in
      switch stage {
      case .prior: pipeline.folder.has(.prior)
      case .upsampler: pipeline.upsamplers.count > 0
      case .secondUpsampler: pipeline.upsamplers.count > 1
      default: true
      }
    }
  }

  /// Estimates a stage's second moments.
  ///
  /// All timesteps see the same images and the same noise, so that their values differ by the
  /// timestep alone.
  /// - Parameters:
  ///   - stage: One of ``stages``.
  ///   - images: How many, taken evenly from the data; all there are if they are fewer.
  ///   - timesteps: How many, from the first of the process to its last.
  ///   - seed: The seed of the noise.
  ///   - progress: Called after each batch with the work done and to do.
  /// - Throws: `DataError.empty` for data without an image that the stage can be shown; what loading
  ///   a network throws; `ModelFolderError.overflow` for values that are not finite.
  public func moments(
    of stage: GenerationProgress.Stage, images: Int, timesteps: Int, seed: UInt64,
    progress: (_ done: Int, _ count: Int) -> Void = { _, _ in }
  ) throws -> SecondMoments {
    let samples = try samples(for: stage, images)
    switch stage {
    case .prior:
      return try moments(of: pipeline.prior.loaded(), .prior, samples, timesteps, seed, progress) {
        prior, batch, _ in
        let embedding = try pipeline.imageEncoder.loaded()(batch.images)
        let text = pipeline.textEncoder.encode(batch.captions)
        return (
          prior.transformer.standardised(embedding),
          .init(text: text, unconditional: text.row(0), textDropRate: 0)
        )
      }
    case .decoder:
      return try moments(
        of: pipeline.decoder.loaded(), .decoder, samples, timesteps, seed, progress
      ) { _, batch, _ in
        let text = pipeline.textEncoder.encode(batch.captions)
        return (
          batch.images,
          .init(
            imageEmbedding: try pipeline.imageEncoder.loaded()(batch.images), text: text,
            unconditional: text.row(0), imageDropRate: 0, textDropRate: 0)
        )
      }
    case .upsampler:
      return try moments(of: .first, .blur, samples, timesteps, seed, progress)
    case .secondUpsampler:
      return try moments(of: .second, .bsrLight, samples, timesteps, seed, progress)
    case .text, .inversion:
      preconditionFailure("the stage \(stage.rawValue) does not denoise")
    }
  }

  /// Those of an upsampler, on crops of a quarter of a side.
  private func moments(
    of level: Upsampler.Level, _ degradation: Upsampler.Degradation,
    _ samples: [EvaluationSample], _ timesteps: Int, _ seed: UInt64, _ progress: (Int, Int) -> Void
  ) throws -> SecondMoments {
    try pipeline.folder.require([level.part])
    let upsampler = try pipeline.upsamplers[level.index].loaded()
    return try moments(of: upsampler, level.stage, samples, timesteps, seed, progress) {
      _, batch, random in
      let crops = batch.images.cropped(to: batch.images.dim(2) / Upsampler.factor, using: random)
      return (crops, .init(images: crops, degradation: degradation))
    }
  }

  /// Images and their captions.
  private struct Batch {
    /// `[B, 3, S, S]` in [-1, 1].
    let images: Tensor
    let captions: [String]
  }

  private func moments<Stage: DiffusionStage>(
    of network: Stage, _ stage: GenerationProgress.Stage, _ samples: [EvaluationSample],
    _ timesteps: Int, _ seed: UInt64, _ progress: (Int, Int) -> Void,
    _ prepared: (Stage, Batch, RandomSource) throws -> (
      start: Tensor, conditioning: Stage.TrainingConditioning
    )
  ) throws -> SecondMoments {
    let stepCount = network.scheduler.trainStepCount
    let visited = try TimestepSpacing.uniform(min(timesteps, stepCount)).timesteps(of: stepCount)
    var estimate = SecondMomentEstimate(stepCount: stepCount)
    let batches = stride(from: 0, to: samples.count, by: Self.batch).map {
      samples[$0..<min($0 + Self.batch, samples.count)]
    }
    var done = 0
    for (number, rows) in batches.enumerated() {
      let images = Tensor(images: rows.map(\.image), range: .symmetric, device: pipeline.device)
        .contiguous()
      let own = seed &+ UInt64(number)
      let (start, conditioning) = try noGrad {
        try prepared(
          network, Batch(images: images, captions: rows.map(\.caption)), RandomSource(seed: own))
      }
      for timestep in visited {
        network.addStartErrors(
          of: start, conditioning, at: timestep, to: &estimate, using: RandomSource(seed: own))
        done += 1
        progress(done, batches.count * visited.count)
      }
    }
    guard let moments = estimate.secondMoments, moments.allSatisfy(\.isFinite) else {
      throw ModelFolderError.overflow(
        folder: pipeline.folder.url.path, stage: stage.rawValue, dtype: "float32")
    }
    return SecondMoments(
      timesteps: visited, values: visited.map { moments[$0] }, samples: samples.count)
  }

  /// Reads images of the stage's size, for the upsampler none that would have to be enlarged.
  private func samples(
    for stage: GenerationProgress.Stage, _ count: Int
  ) throws(DataError) -> [EvaluationSample] {
    let level = Upsampler.Level.allCases.first { $0.stage == stage }
    let size = level.map { pipeline.sizes[$0.index + 1] } ?? pipeline.decoderSize
    let stream = try TrainingStream(
      directories: directories,
      configuration: StreamConfiguration(
        Mixture(workers: 0, coreOnly: true, minimumSide: level == nil ? 0 : size),
        imageSize: size, part: .all))
    return try stream.samples(limit: count, spread: true)
  }
}
