public import ArgumentParser
public import Diffusion
import UnCLIP

extension SamplerKind: ExpressibleByArgument {}

/// Size and negative prompt of the images.
struct ImageSizeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Side of the images, pixels; the model's largest if not given.", valueName: "pixels"))
  var size: Int?

  @Option(help: ArgumentHelp("What guidance steers away from.", valueName: "prompt"))
  var negative = ""
}

/// How decoder and upsampler sample; the model's defaults where not given.
struct SamplingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How every stage denoises: ddpm adds noise at each step, ddim and dpm++ do not.",
      valueName: "name"))
  var sampler: SamplerKind?

  @Option(help: ArgumentHelp("Denoising steps of the decoder.", valueName: "n"))
  var decoderSteps: Int?

  @Option(help: ArgumentHelp("Denoising steps of the upsampler.", valueName: "n"))
  var upsamplerSteps: Int?

  @Option(help: ArgumentHelp("Guidance scale of the decoder; 1 is none.", valueName: "scale"))
  var decoderGuidance: Double?

  @Option(
    help: ArgumentHelp(
      "How far to undo the contrast that the decoder's guidance adds, 0 to 1.",
      valueName: "fraction"))
  var guidanceRescale: Double?

  /// Sets the options that were given.
  func apply(to settings: inout SamplingSettings) {
    if let sampler { settings.setSampler(sampler) }
    if let decoderSteps { settings.decoderSteps = decoderSteps }
    if let upsamplerSteps { settings.upsamplerSteps = upsamplerSteps }
    if let decoderGuidance { settings.decoderGuidance = decoderGuidance }
    if let guidanceRescale { settings.guidanceRescale = guidanceRescale }
  }
}

/// How the prior samples; the model's defaults where not given.
struct PriorOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Denoising steps of the prior.", valueName: "n"))
  var priorSteps: Int?

  @Option(help: ArgumentHelp("Guidance scale of the prior; 1 is none.", valueName: "scale"))
  var priorGuidance: Double?

  @Option(
    help: ArgumentHelp(
      "Image embeddings the prior samples, of which the best is kept.", valueName: "n"))
  var priorCandidates: Int?

  /// Sets the options that were given.
  func apply(to settings: inout SamplingSettings) {
    if let priorSteps { settings.priorSteps = priorSteps }
    if let priorGuidance { settings.priorGuidance = priorGuidance }
    if let priorCandidates { settings.priorCandidates = priorCandidates }
  }
}

extension UnCLIPPipeline {
  /// This model's settings with the options applied, without prompt and seed.
  /// - Throws: `RequestError` and `ConfigError` for what the model cannot do.
  func settings(
    _ image: ImageSizeOptions, _ sampling: SamplingOptions, prior: PriorOptions? = nil
  ) throws -> GenerationSettings {
    var own = defaults.sampling
    sampling.apply(to: &own)
    prior?.apply(to: &own)
    return try settings(
      for: ImageRequest(
        prompt: "", negative: image.negative, size: image.size, sampling: own))
  }
}
