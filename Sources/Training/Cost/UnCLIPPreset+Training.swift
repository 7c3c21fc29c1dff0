import CLIP
import Diffusion
import TorchNN
public import UnCLIP

extension UnCLIPPreset {
  /// What training each stage costs: the paper's preset with its batches and steps (table 3), the
  /// others for one image.
  ///
  /// Prior and decoder embed every image and text with CLIP, and the upsamplers are trained on crops of a
  /// quarter of the side. The paper does not give CLIP's steps.
  public var trainingCosts: [TrainingCost] {
    let length = clip.text.maxPositionEmbeddings
    let embedding = clip.cost.forward
    let budgets = name == Self.paper.name ? TrainingCost.Budget.paper : [:]
    func cost(
      _ stage: String, _ parameters: Int, _ image: NetworkCost, frozen: Double = 0
    ) -> TrainingCost {
      TrainingCost(
        stage: stage, parameters: parameters, image: image, frozen: frozen, budget: budgets[stage])
    }
    func enlarging(_ stage: String, _ unet: UNetConfig) -> TrainingCost {
      // The smallest crop that the U-Net can halve, where a quarter is none.
      let crop = max(unet.downsampling, (unet.sampleSize ?? 0) / 4)
      return cost(stage, parameterCount { UNet(unet, using: $0) }, unet.cost(side: crop))
    }
    var costs = [
      cost("clip", parameterCount { CLIPModel(clip, using: $0) }, clip.cost),
      cost(
        "prior", parameterCount { PriorTransformer(prior, using: $0) }, prior.cost,
        frozen: embedding),
    ]
    if let other = autoregressivePriorShape {
      costs.append(
        cost(TrainingCost.autoregressivePrior, other.parameters, other.cost, frozen: embedding))
    }
    if let imageHint {
      costs.append(
        cost(
          "hint", parameterCount { ImageHint(imageHint, using: $0) }, imageHint.cost,
          frozen: embedding))
    }
    let projected = textProjection.cost(textLength: length)
    costs.append(
      cost(
        "decoder",
        parameterCount { UNet(decoder, using: $0) }
          + parameterCount { TextProjection(textProjection, using: $0) },
        projected
          + decoder.cost(
            side: decoder.sampleSize ?? 64,
            contextLength: textProjection.contextLength(textLength: length)),
        frozen: embedding))
    costs.append(enlarging("upsampler", upsampler))
    if let second = secondUpsampler { costs.append(enlarging("second upsampler", second.unet)) }
    return costs
  }
}

extension TrainingCost {
  /// The stage's name of the prior that the paper compares with the diffusion prior.
  package static let autoregressivePrior = "autoregressive prior"
}

extension TrainingCost.Budget {
  /// Batches and steps of table 3; a pass of one image, whatever a machine can hold.
  fileprivate static let paper: [String: TrainingCost.Budget] = [
    "prior": .init(steps: 600_000, images: 4096, passImages: 1),
    TrainingCost.autoregressivePrior: .init(steps: 1_000_000, images: 4096, passImages: 1),
    "decoder": .init(steps: 800_000, images: 2048, passImages: 1),
    "upsampler": .init(steps: 1_000_000, images: 1024, passImages: 1),
    "second upsampler": .init(steps: 1_000_000, images: 512, passImages: 1),
  ]
}
