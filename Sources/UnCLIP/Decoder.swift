public import CLIP
package import Config
public import Diffusion
public import Torch
import TorchNN

/// The decoder: a guided diffusion U-Net that samples a 64×64 image of a CLIP image embedding.
///
/// The embedding enters twice, added to the timestep's embedding and as four extra context tokens
/// before those of the text (``TextProjection``). Neither says where in the image anything is, so
/// a model may also have an ``ImageHint``: a coarse image of both embeddings, enlarged and given
/// to the U-Net as three more channels. For guidance the image embedding is dropped in
/// 10 % and the text in 50 % of the examples, independently.
/// Source: paper section 2.1.
public struct Decoder: DiffusionStage {
  /// The U-Net.
  public let unet: UNet
  /// How the embeddings enter it.
  public let projection: TextProjection
  /// The process over pixels in [-1, 1], and how it is sampled.
  public let scheduler: SchedulerConfig
  /// The noising process.
  public let process: GaussianDiffusion
  /// The coarse image the U-Net is given beside the noised one; nil in the paper.
  public let hint: ImageHint?

  /// Joins the networks and their process.
  public init(
    unet: UNet, projection: TextProjection, scheduler: SchedulerConfig, hint: ImageHint? = nil
  ) {
    self.unet = unet
    self.projection = projection
    self.scheduler = scheduler
    self.hint = hint
    process = scheduler.diffusion()
  }

  /// What an image is decoded from.
  public struct Conditioning {
    /// The CLIP image embedding, raw, `[1, D]`; nil drops it, as some of training does.
    public var imageEmbedding: Tensor?
    /// The prompt; the unconditional half of guidance sees the negative prompt and no embedding.
    public var prompt: PromptConditioning

    /// Joins the two.
    public init(imageEmbedding: Tensor?, prompt: PromptConditioning) {
      self.imageEmbedding = imageEmbedding
      self.prompt = prompt
    }
  }

  /// Embeddings and captions of a batch, and how often each is dropped.
  public struct TrainingConditioning {
    /// CLIP embeddings of the images, raw, `[B, D]`.
    public var imageEmbedding: Tensor
    /// Their captions.
    public var text: TextConditioning
    /// The replacement of a dropped caption: the empty text, one row.
    public var unconditional: TextConditioning
    /// The fraction of embeddings replaced by the learned null embedding; 0.1 in the paper.
    public var imageDropRate: Double
    /// The fraction of captions that are dropped; 0.5 in the paper.
    public var textDropRate: Double

    /// Groups all of it, with the paper's rates.
    public init(
      imageEmbedding: Tensor, text: TextConditioning, unconditional: TextConditioning,
      imageDropRate: Double = 0.1, textDropRate: Double = 0.5
    ) {
      self.imageEmbedding = imageEmbedding
      self.text = text
      self.unconditional = unconditional
      self.imageDropRate = imageDropRate
      self.textDropRate = textDropRate
    }
  }

  /// Returns the U-Net with the embeddings and captions that are left.
  public func trainingDenoiser(
    _ conditioning: TrainingConditioning, using random: RandomSource
  ) -> Denoiser {
    let (b, device) = (conditioning.text.count, conditioning.imageEmbedding.device)
    let imageDropped = random.bernoulli(
      conditioning.imageDropRate, [b], dtype: .bool, device: device)
    let textDropped = random.bernoulli(
      conditioning.textDropRate, [b], dtype: .bool, device: device)
    let text = conditioning.text.replaced(where: textDropped, by: conditioning.unconditional)
    let conditions = projection(
      imageEmbedding: conditioning.imageEmbedding, text: text.trimmed(),
      imageDropped: imageDropped)
    // Guidance compares predictions over one hint, so it stays where the embedding is dropped.
    let coarse = hint?.coarse(
      imageEmbedding: conditioning.imageEmbedding, textEmbedding: text.embedding)
    return denoiser(conditions, coarse: coarse, dtype: .float32)
  }

  /// Returns the U-Net with the embedding and the prompt, and before them the null embedding and
  /// the negative prompt.
  public func denoiser(_ conditioning: Conditioning, rows: Int, isGuided: Bool) -> Denoiser {
    let text = conditioning.prompt.batch(isGuided: isGuided).trimmed().repeated(rows)
    let given = conditioning.imageEmbedding?.to(text.embedding.dtype)
    let one = given ?? conditioning.prompt.text.embedding.zerosLike()
    let dropped = (0..<text.count).map { given == nil || isGuided && $0 < rows }
    let conditions = projection(
      imageEmbedding: one.repeatInterleaved(text.count, over: 0), text: text,
      imageDropped: dropped.contains(true) ? Tensor(dropped, device: one.device) : nil)
    let coarse = hint?.coarse(
      imageEmbedding: one, textEmbedding: conditioning.prompt.text.embedding,
      imageDropped: given == nil ? Tensor([true], device: one.device) : nil)
    return denoiser(
      conditions, coarse: coarse?.repeatInterleaved(text.count, over: 0),
      dtype: text.embedding.dtype)
  }

  /// Clamps to [-1, 1].
  public func finished(_ sample: Tensor) -> Tensor { sample.clamped(min: -1, max: 1) }

  private func denoiser(
    _ conditions: TextProjection.Conditions, coarse: Tensor?, dtype: DType
  ) -> Denoiser {
    let context = unet.context(conditions.context, mask: conditions.contextMask)
    return { [unet] in
      var input = $0.sample
      if let coarse {
        let estimate = LowResolution.enlarged(coarse, to: input.dim(2)).clamped(min: -1, max: 1)
        input = Tensor.concatenated([input, estimate], over: 1)
      }
      return unet(
        input.to(dtype), timesteps: $0.timesteps, context: context,
        classEmbedding: conditions.classEmbedding)
    }
  }

  /// Refuses a U-Net whose input has no room for the hint, or room for one that is not there.
  /// - Throws: `ConfigError.invalid`.
  package static func check(
    _ config: UNetConfig, hinted: Bool, file: String
  ) throws(ConfigError) {
    let wanted = (hinted ? 6 : 3) * config.patchSize * config.patchSize
    guard config.inChannels != wanted else { return }
    throw ConfigError.invalid(
      file: file, key: "in_channels", value: "\(config.inChannels)",
      expected: "a decoder \(hinted ? "with" : "without") an image_hint needs \(wanted)")
  }
}
