public import ArgumentParser
public import Diffusion
import UnCLIP

extension SamplerKind: ExpressibleByArgument {}
extension ThresholdKind: ExpressibleByArgument {}

/// Where guidance acts: `0.2:0.8`, fractions of the process.
public struct GuidanceInterval: ExpressibleByArgument {
  let (start, end): (Double, Double)

  public init?(argument: String) {
    let ends = argument.split(separator: ":", omittingEmptySubsequences: false).map { Double($0) }
    guard ends.count == 2, let start = ends[0], let end = ends[1],
      SamplingSettings.intervalRange.contains(start), end <= 1, end >= start
    else { return nil }
    (self.start, self.end) = (start, end)
  }
}

/// Size and negative prompt of the images.
struct ImageSizeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Side of the images, pixels; the model's largest if not given.", valueName: "pixels"))
  var size: Int?

  @Option(
    name: [.long, .customLong("negative-prompt")],
    help: ArgumentHelp("What guidance steers away from.", valueName: "prompt"))
  var negative = ""
}

/// What the help of a sampling option says where it has no default of its own.
private let modelsOwn = "the model's own if not given"

/// How decoder and upsampler sample; the model's defaults where not given.
struct SamplingOptions: ParsableArguments {
  private static let decoderStepRange = OptionRange("--decoder-steps", SamplingSettings.stepRange)
  private static let upsamplerStepRange = OptionRange(
    "--upsampler-steps", SamplingSettings.stepRange)
  private static let guidanceRange = OptionRange(
    "--decoder-guidance", SamplingSettings.guidanceRange)
  private static let rescaleRange = OptionRange(
    "--guidance-rescale", SamplingSettings.rescaleRange)
  private static let etaRange = OptionRange("--eta", SamplingSettings.etaRange)

  @Option(
    help: ArgumentHelp(
      "How every stage denoises: ddpm adds noise at each step, ddim and dpm++ do not; analytic adds "
        + "the best amount for the model's errors, which 'unclip moments' measures.",
      valueName: "name"))
  var sampler: SamplerKind?

  @Option(help: ArgumentHelp("The decoder's, if it differs from --sampler.", valueName: "name"))
  var decoderSampler: SamplerKind?

  @Option(help: ArgumentHelp("The upsampler's, if it differs from --sampler.", valueName: "name"))
  var upsamplerSampler: SamplerKind?

  @Option(help: decoderStepRange.help("Denoising steps of the decoder", note: modelsOwn))
  var decoderSteps: Int?

  @Option(
    help: upsamplerStepRange.help(
      "Denoising steps of the upsampler", note: modelsOwn))
  var upsamplerSteps: Int?

  @Option(
    help: guidanceRange.help(
      "Guidance scale of the decoder", note: "1 is none; " + modelsOwn, valueName: "scale"))
  var decoderGuidance: Double?

  @Option(
    help: rescaleRange.help(
      "How far to undo the contrast that the decoder's guidance adds", note: modelsOwn,
      valueName: "fraction"))
  var guidanceRescale: Double?

  @Option(
    help: ArgumentHelp(
      "Guide the decoder only between these fractions of its process, as in 0.2:0.8; 0 is all noise.",
      valueName: "start:end"))
  var guidanceInterval: GuidanceInterval?

  @Option(
    help: ArgumentHelp(
      "How the decoder's predictions are bounded: static clamps them, dynamic takes each image's "
        + "own quantile.", valueName: "name"))
  var threshold: ThresholdKind?

  @Option(
    help: etaRange.help(
      "Noise that the decoder's ddim adds at each step", note: "1 is as much as ddpm; " + modelsOwn,
      valueName: "fraction"))
  var eta: Double?

  func validate() throws {
    try Self.decoderStepRange.check(decoderSteps)
    try Self.upsamplerStepRange.check(upsamplerSteps)
    try Self.guidanceRange.check(decoderGuidance)
    try Self.rescaleRange.check(guidanceRescale)
    try Self.etaRange.check(eta)
    if let eta, eta > 0, let sampler = decoderSampler ?? sampler, sampler != .ddim {
      let option = decoderSampler == nil ? "--sampler" : "--decoder-sampler"
      throw ValidationError("--eta is for ddim, but \(option) is \(sampler.rawValue).")
    }
  }

  /// Sets the options that were given.
  func apply(to settings: inout SamplingSettings) {
    if let sampler { settings.setSampler(sampler) }
    if let decoderSampler { settings.decoderSampler = decoderSampler }
    if let upsamplerSampler { settings.upsamplerSampler = upsamplerSampler }
    if settings.decoderSampler != .ddim { settings.decoderEta = 0 }
    if let guidanceInterval {
      (settings.guidanceStart, settings.guidanceEnd) = (
        guidanceInterval.start, guidanceInterval.end
      )
    }
    if let threshold { settings.threshold = threshold }
    if let eta {
      settings.decoderEta = eta
      if eta > 0 { settings.decoderSampler = .ddim }
    }
    if let decoderSteps { settings.decoderSteps = decoderSteps }
    if let upsamplerSteps { settings.upsamplerSteps = upsamplerSteps }
    if let decoderGuidance { settings.decoderGuidance = decoderGuidance }
    if let guidanceRescale { settings.guidanceRescale = guidanceRescale }
  }
}

/// How the prior samples; the model's defaults where not given.
struct PriorOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The prior's, if it differs from --sampler.", valueName: "name"))
  var priorSampler: SamplerKind?

  private static let stepRange = OptionRange("--prior-steps", SamplingSettings.stepRange)
  private static let guidanceRange = OptionRange("--prior-guidance", SamplingSettings.guidanceRange)
  private static let candidateRange = OptionRange(
    "--prior-candidates", SamplingSettings.candidateRange)

  @Option(help: stepRange.help("Denoising steps of the prior", note: modelsOwn))
  var priorSteps: Int?

  @Option(
    help: guidanceRange.help(
      "Guidance scale of the prior", note: "1 is none; " + modelsOwn, valueName: "scale"))
  var priorGuidance: Double?

  @Option(
    help: candidateRange.help(
      "Image embeddings the prior samples, of which the best is kept", note: modelsOwn))
  var priorCandidates: Int?

  func validate() throws {
    try Self.stepRange.check(priorSteps)
    try Self.guidanceRange.check(priorGuidance)
    try Self.candidateRange.check(priorCandidates)
  }

  /// Sets the options that were given.
  func apply(to settings: inout SamplingSettings) {
    if let priorSampler { settings.priorSampler = priorSampler }
    if let priorSteps { settings.priorSteps = priorSteps }
    if let priorGuidance { settings.priorGuidance = priorGuidance }
    if let priorCandidates { settings.priorCandidates = priorCandidates }
  }
}

extension UnCLIPPipeline {
  /// This model's settings with the options applied, without prompt and seed.
  ///
  /// - Parameter hasImage: Whether decoding starts from an image or keeps a part of one.
  /// - Throws: `RequestError` and `ConfigError` for what the model cannot do.
  func settings(
    _ image: ImageSizeOptions, _ sampling: SamplingOptions, prior: PriorOptions? = nil,
    editing edit: ImageEdit? = nil, hasImage: Bool = false
  ) throws -> GenerationSettings {
    var own = edit.map(self.sampling) ?? defaults.sampling
    if hasImage { own.prepareForImage() }
    sampling.apply(to: &own)
    prior?.apply(to: &own)
    return try settings(
      for: ImageRequest(
        prompt: "", negative: image.negative, size: image.size, sampling: own))
  }
}
