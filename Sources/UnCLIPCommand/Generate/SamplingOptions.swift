public import ArgumentParser
public import Diffusion
import UnCLIP

extension SamplerKind: ExpressibleByArgument {}
extension ThresholdKind: ExpressibleByArgument {}
extension PriorKind: ExpressibleByArgument {}

/// Where guidance acts: `0.2:0.8`, fractions of the process.
struct GuidanceInterval: ExpressibleByArgument {
  let (start, end): (Double, Double)

  /// Reads `start:end`; nil for what is no interval.
  init?(argument: String) {
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
  private static let secondUpsamplerStepRange = OptionRange(
    "--second-upsampler-steps", SamplingSettings.stepRange)
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

  @Option(
    help: ArgumentHelp("The second upsampler's, if it differs from --sampler.", valueName: "name"))
  var secondUpsamplerSampler: SamplerKind?

  @Option(help: decoderStepRange.help("Denoising steps of the decoder", note: modelsOwn))
  var decoderSteps: Int?

  @Option(
    help: upsamplerStepRange.help(
      "Denoising steps of the upsampler", note: modelsOwn))
  var upsamplerSteps: Int?

  @Option(
    help: secondUpsamplerStepRange.help(
      "Denoising steps of the second upsampler", note: modelsOwn))
  var secondUpsamplerSteps: Int?

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
    try Self.secondUpsamplerStepRange.check(secondUpsamplerSteps)
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
    if let secondUpsamplerSampler { settings.secondUpsamplerSampler = secondUpsamplerSampler }
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
    if let secondUpsamplerSteps { settings.secondUpsamplerSteps = secondUpsamplerSteps }
    if let decoderGuidance { settings.decoderGuidance = decoderGuidance }
    if let guidanceRescale { settings.guidanceRescale = guidanceRescale }
  }
}

/// How the prior samples; the model's defaults where not given.
struct PriorOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where a prompt's image embedding comes from: the diffusion or the autoregressive prior; none "
        + "leaves all to the prompt, and text takes the prompt's own embedding.",
      valueName: "name"))
  var prior: PriorKind?

  @Option(help: ArgumentHelp("The prior's, if it differs from --sampler.", valueName: "name"))
  var priorSampler: SamplerKind?

  private static let stepRange = OptionRange("--prior-steps", SamplingSettings.stepRange)
  private static let guidanceRange = OptionRange("--prior-guidance", SamplingSettings.guidanceRange)
  private static let candidateRange = OptionRange(
    "--prior-candidates", SamplingSettings.candidateRange)
  private static let temperatureRange = OptionRange(
    "--prior-temperature", SamplingSettings.temperatureRange)
  private static let topKRange = OptionRange("--prior-top-k", SamplingSettings.topKRange)

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

  @Option(
    help: temperatureRange.help(
      "Temperature of the autoregressive prior", note: "below 1 likely tokens become likelier",
      valueName: "temperature"))
  var priorTemperature: Double?

  @Option(
    help: topKRange.help(
      "How many of the likeliest tokens the autoregressive prior samples from", note: "0 is all"))
  var priorTopK: Int?

  func validate() throws {
    try Self.temperatureRange.check(priorTemperature)
    try Self.topKRange.check(priorTopK)
    try Self.stepRange.check(priorSteps)
    try Self.guidanceRange.check(priorGuidance)
    try Self.candidateRange.check(priorCandidates)
  }

  /// Refuses options that the prior does not have.
  /// - Throws: `CommandError.usage`.
  func check(for kind: PriorKind) throws(CommandError) {
    let given = [
      "prior_steps": priorSteps != nil, "prior_sampler": priorSampler != nil,
      "prior_guidance": priorGuidance != nil, "prior_candidates": priorCandidates != nil,
      "prior_temperature": priorTemperature != nil, "prior_top_k": priorTopK != nil,
    ].filter(\.value).keys.sorted()
    guard let key = given.first(where: { !kind.settingKeys.contains($0) }) else { return }
    let kinds = PriorKind.allCases.filter { $0.settingKeys.contains(key) }.map(\.rawValue)
    throw CommandError.usage(
      "--\(key.replacing("_", with: "-")) is for --prior \(kinds.joined(separator: " and ")), but the "
        + "prior is \(kind.rawValue).")
  }

  /// Sets the options that were given.
  func apply(to settings: inout SamplingSettings) {
    if let prior { settings.priorKind = prior }
    if let priorTemperature { settings.priorTemperature = priorTemperature }
    if let priorTopK { settings.priorTopK = priorTopK }
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
    editing edit: Edit? = nil, hasImage: Bool = false
  ) throws -> GenerationSettings {
    var own = edit?.defaultSampling(of: self) ?? defaults.sampling
    if hasImage { own.prepareForImage() }
    sampling.apply(to: &own)
    prior?.apply(to: &own)
    try prior?.check(for: own.priorKind)
    return try settings(
      for: ImageRequest(
        prompt: "", negative: image.negative, size: image.size, sampling: own))
  }
}
