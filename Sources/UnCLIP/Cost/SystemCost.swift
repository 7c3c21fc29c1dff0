import CLIP
import Diffusion
package import Torch
package import TorchNN

/// The weights of a stage, and what it computes for one image.
public struct StageCost: Sendable, Equatable {
  /// The part's name in a model folder.
  public let name: String
  /// The exact number of weights.
  public let parameters: Int
  /// How often its network runs for one image, the halves of guidance counted apart.
  public let passes: Int
  /// Floating-point operations for one image.
  public let operations: Double
  /// Elements alive at once beside the weights. An estimate.
  public let alive: Double
}

/// What a system costs: the weights of all stages, and the operations of one image.
public struct SystemCost: Sendable, Equatable {
  /// Its stages, in the order in which they run.
  public let stages: [StageCost]

  /// The weights of all stages.
  public var parameters: Int { stages.reduce(0) { $0 + $1.parameters } }
  /// Floating-point operations of one image, text and all upsamplers included.
  public var operations: Double { stages.reduce(0) { $0 + $1.operations } }

  /// Bytes of memory for drawing: all weights, and the largest stage's values. An estimate.
  public func bytes(elementSize: Int) -> Double {
    (Double(parameters) + (stages.map(\.alive).max() ?? 0)) * Double(elementSize)
  }
}

/// Returns the number of weights of a network, which gets shapes but no memory.
package func parameterCount<Network: Module>(
  _ make: (RandomSource) -> Network
) -> Int {
  withoutInitialization { make(RandomSource(seed: 0)) }.parameterCount
}

extension UnCLIPPreset {
  /// Returns what drawing one image costs, with texts of the whole context.
  ///
  /// - Parameter sampling: Steps, guidance and candidates; the preset's own unless given.
  public func cost(sampling: SamplingSettings? = nil) -> SystemCost {
    let sampling = sampling ?? self.sampling
    let length = clip.text.maxPositionEmbeddings
    let texts = sampling.priorGuidance != 1 || sampling.decoderGuidance != 1 ? 2 : 1
    var stages = [
      stage(
        .textEncoder, parameterCount { CLIPTextModelWithProjection(clip.text, using: $0) },
        clip.text.cost, passes: texts)
    ]
    let guided = sampling.priorGuidance == 1 ? 1 : 2
    stages.append(
      stage(
        .prior, parameterCount { PriorTransformer(prior, using: $0) }, prior.cost,
        passes: sampling.priorSteps * guided * sampling.priorCandidates, rows: guided))
    let halves = sampling.decoderGuidance == 1 ? 1 : 2
    stages.append(
      stage(
        .textProjection, parameterCount { TextProjection(textProjection, using: $0) },
        textProjection.cost(textLength: length), passes: halves, rows: halves))
    if let imageHint {
      stages.append(
        stage(
          .imageHint, parameterCount { ImageHint(imageHint, using: $0) }, imageHint.cost, passes: 1)
      )
    }
    stages.append(
      decoderStage(
        sampling,
        contextLength: textProjection.contextLength(
          textLength: length), halves: halves))
    stages.append(contentsOf: upsamplerStages(sampling))
    return SystemCost(stages: stages)
  }

  private func stage(
    _ part: ModelFolder.Part, _ parameters: Int, _ cost: NetworkCost, passes: Int, rows: Int = 1
  ) -> StageCost {
    StageCost(
      name: part.rawValue, parameters: parameters, passes: passes,
      operations: Double(passes) * cost.forward, alive: Double(rows) * cost.alive)
  }

  /// The decoder, whose context is projected once for all steps.
  private func decoderStage(
    _ sampling: SamplingSettings, contextLength: Int, halves: Int
  ) -> StageCost {
    let whole = decoder.cost(side: decoder.sampleSize ?? 64, contextLength: contextLength)
    let context = decoder.contextCost(length: contextLength).forward
    let passes = (0..<sampling.decoderSteps).reduce(0) { sum, step in
      let fraction = Double(step) / Double(sampling.decoderSteps)
      return sum + (sampling.decoder.guides(at: fraction) ? 2 : 1)
    }
    return StageCost(
      name: ModelFolder.Part.decoder.rawValue,
      parameters: parameterCount { UNet(decoder, using: $0) }, passes: passes,
      operations: Double(passes) * (whole.forward - context) + Double(halves) * context,
      alive: Double(halves) * whole.alive)
  }

  private func upsamplerStages(_ sampling: SamplingSettings) -> [StageCost] {
    func stage(_ name: String, _ unet: UNetConfig, passes: Int) -> StageCost {
      let cost = unet.cost(side: unet.sampleSize ?? 0)
      return StageCost(
        name: name, parameters: parameterCount { UNet(unet, using: $0) }, passes: passes,
        operations: Double(passes) * cost.forward, alive: cost.alive)
    }
    let last = hasLastUpsampler ? 1 : 0
    var stages = [
      stage(
        ModelFolder.Part.upsampler.rawValue, upsampler, passes: sampling.upsamplerSteps - last)
    ]
    if hasLastUpsampler {
      stages.append(stage(ModelFolder.Part.lastUpsampler.rawValue, upsampler, passes: last))
    }
    if let second = secondUpsampler {
      stages.append(stage("super_res_second", second.unet, passes: second.steps))
    }
    return stages
  }
}
