public import Diffusion

/// How every stage samples, without gaps: made from the model's own defaults, changed where a
/// person asks for something else, and recorded whole in every image.
///
/// A new setting is a property here with its key and its range; the option that sets it; and the
/// stage that reads it.
public struct SamplingSettings: Codable, Sendable, Equatable {
  /// Where a prompt's image embedding comes from.
  public var priorKind: PriorKind
  /// Denoising steps of the prior.
  public var priorSteps: Int
  /// Guidance scale of the prior; 1 is none.
  public var priorGuidance: Double
  /// Image embeddings the prior samples, of which the one nearest to the text is kept
  /// (paper section 2.2).
  public var priorCandidates: Int
  /// How the prior denoises.
  public var priorSampler: SamplerKind
  /// Divides the logits of the autoregressive prior's tokens: below 1 likely ones become likelier.
  public var priorTemperature: Double
  /// Only so many of the likeliest tokens are sampled by the autoregressive prior; 0 is all.
  public var priorTopK: Int
  /// Denoising steps of the decoder.
  public var decoderSteps: Int
  /// Guidance scale of the decoder; 1 is none.
  public var decoderGuidance: Double
  /// How far guidance may not raise the contrast of the decoder's prediction, 0 to 1.
  public var guidanceRescale: Double
  /// The fraction of the decoder's process from which guidance acts; 0 is its begin.
  public var guidanceStart: Double
  /// The fraction of the decoder's process up to which guidance acts; 1 is its end.
  public var guidanceEnd: Double
  /// How the decoder's predictions are bounded.
  public var threshold: ThresholdKind
  /// How the decoder denoises.
  public var decoderSampler: SamplerKind
  /// The noise that the decoder's DDIM adds at each step: 0 is none, 1 as much as ancestral
  /// sampling.
  public var decoderEta: Double
  /// Denoising steps of the upsampler.
  public var upsamplerSteps: Int
  /// How the upsampler denoises.
  public var upsamplerSampler: SamplerKind
  /// Denoising steps of the second upsampler.
  public var secondUpsamplerSteps: Int
  /// How the second upsampler denoises.
  public var secondUpsamplerSampler: SamplerKind
  /// Inpainting: how often each stretch of steps is noised and denoised again.
  public var resamplingJumps: Int
  /// Inpainting: steps in such a stretch.
  public var resamplingLength: Int

  enum CodingKeys: String, CodingKey {
    case priorKind = "prior"
    case priorSteps = "prior_steps"
    case priorGuidance = "prior_guidance"
    case priorCandidates = "prior_candidates"
    case priorSampler = "prior_sampler"
    case priorTemperature = "prior_temperature"
    case priorTopK = "prior_top_k"
    case decoderSteps = "decoder_steps"
    case decoderGuidance = "decoder_guidance"
    case guidanceRescale = "guidance_rescale"
    case guidanceStart = "guidance_start"
    case guidanceEnd = "guidance_end"
    case threshold
    case decoderSampler = "decoder_sampler"
    case decoderEta = "decoder_eta"
    case upsamplerSteps = "upsampler_steps"
    case upsamplerSampler = "upsampler_sampler"
    case secondUpsamplerSteps = "second_upsampler_steps"
    case secondUpsamplerSampler = "second_upsampler_sampler"
    case resamplingJumps = "resampling_jumps"
    case resamplingLength = "resampling_length"
  }

  /// diffusers' defaults for Karlo: 25, 25 and 7 ancestral steps, guidance 4 and 8, one candidate; for
  /// the second upsampler, which Karlo lacks, the paper's 15 steps. Inpainting goes back four times over
  /// each step.
  public init() {
    priorKind = .diffusion
    priorSteps = 25
    priorGuidance = 4
    priorCandidates = 1
    priorSampler = .ddpm
    priorTemperature = 1
    priorTopK = 0
    decoderSteps = 25
    decoderGuidance = 8
    guidanceRescale = 0
    guidanceStart = 0
    guidanceEnd = 1
    threshold = .model
    decoderSampler = .ddpm
    decoderEta = 0
    upsamplerSteps = 7
    upsamplerSampler = .ddpm
    secondUpsamplerSteps = 15
    secondUpsamplerSampler = .ddpm
    resamplingJumps = 4
    resamplingLength = 1
  }

  /// Range: denoising steps of a stage.
  public static let stepRange = 1...1000
  /// Range: guidance scales.
  public static let guidanceRange = 0.0...100
  /// Range: ``guidanceRescale``.
  public static let rescaleRange = 0.0...1
  /// Range: ``guidanceStart`` and ``guidanceEnd``.
  public static let intervalRange = 0.0...1
  /// Range: ``decoderEta``.
  public static let etaRange = 0.0...1
  /// Range: ``priorCandidates``.
  public static let candidateRange = 1...64
  /// Range: ``priorTemperature``.
  public static let temperatureRange = 0.01...10
  /// Range: ``priorTopK``.
  public static let topKRange = 0...65536
  /// Range: ``resamplingJumps``.
  public static let jumpRange = 0...100
  /// Range: ``resamplingLength``.
  public static let jumpLengthRange = stepRange

  /// Takes one sampler for every stage.
  public mutating func setSampler(_ sampler: SamplerKind) {
    priorSampler = sampler
    decoderSampler = sampler
    upsamplerSampler = sampler
    secondUpsamplerSampler = sampler
  }

  /// The fewest decoder steps that ``prepareForInversion()`` takes.
  public static let inversionSteps = 50

  /// Makes the decoder lead the noise of an inversion back to its image: DDIM without guidance, in
  /// at least ``inversionSteps`` steps.
  public mutating func prepareForInversion() {
    decoderSampler = .ddim
    decoderGuidance = 1
    decoderSteps = max(decoderSteps, Self.inversionSteps)
  }

  /// The fewest decoder steps that ``prepareForImage()`` takes.
  public static let imageSteps = 3

  /// Gives the decoder steps between which an image that it starts from, or keeps a part of, can
  /// act, and in which the noise tells variations of one image apart; a model may generate in one.
  public mutating func prepareForImage() { decoderSteps = max(decoderSteps, Self.imageSteps) }

  /// The prior's part.
  public var prior: StageSampling {
    StageSampling(steps: priorSteps, guidance: priorGuidance, sampler: priorSampler)
  }

  /// The autoregressive prior's part.
  public var autoregressivePrior: AutoregressivePrior.Sampling {
    AutoregressivePrior.Sampling(
      temperature: priorTemperature, top: priorTopK, guidance: priorGuidance)
  }

  /// The decoder's part.
  public var decoder: StageSampling {
    StageSampling(
      steps: decoderSteps, guidance: decoderGuidance, guidanceRescale: guidanceRescale,
      guidanceInterval: guidanceStart...max(guidanceStart, guidanceEnd), threshold: threshold,
      sampler: decoderSampler, eta: decoderEta)
  }

  /// The upsampler's part; it is not guided.
  public var upsampler: StageSampling {
    StageSampling(steps: upsamplerSteps, sampler: upsamplerSampler)
  }

  /// The second upsampler's part; it is not guided.
  public var secondUpsampler: StageSampling {
    StageSampling(steps: secondUpsamplerSteps, sampler: secondUpsamplerSampler)
  }

  /// The part of one of the upsamplers.
  public subscript(level: Upsampler.Level) -> StageSampling {
    level == .first ? upsampler : secondUpsampler
  }

  /// How inpainting goes back.
  public var resampling: ResamplingJumps {
    ResamplingJumps(count: max(0, resamplingJumps), length: max(1, resamplingLength))
  }

  /// Checks every value against its range.
  /// - Throws: `RequestError.outOfRange` for the first that is outside.
  public func validate() throws(RequestError) {
    func check<Value>(
      _ value: Value, _ name: String, in range: ClosedRange<Value>
    ) throws(RequestError) {
      guard !range.contains(value) else { return }
      func short(_ value: Value) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
      }
      throw .outOfRange(
        name, "\(value)", "\(short(range.lowerBound)) to \(short(range.upperBound))")
    }
    try check(priorSteps, "prior steps", in: Self.stepRange)
    try check(decoderSteps, "decoder steps", in: Self.stepRange)
    try check(upsamplerSteps, "upsampler steps", in: Self.stepRange)
    try check(secondUpsamplerSteps, "second upsampler steps", in: Self.stepRange)
    try check(priorGuidance, "prior guidance", in: Self.guidanceRange)
    try check(decoderGuidance, "decoder guidance", in: Self.guidanceRange)
    try check(guidanceRescale, "guidance rescale", in: Self.rescaleRange)
    try check(guidanceStart, "start of the guidance interval", in: Self.intervalRange)
    try check(guidanceEnd, "end of the guidance interval", in: guidanceStart...1)
    try check(decoderEta, "eta", in: Self.etaRange)
    guard decoderEta == 0 || decoderSampler == .ddim else {
      throw .outOfRange("the decoder's sampler", decoderSampler.rawValue, "ddim where eta is not 0")
    }
    try check(priorCandidates, "prior candidates", in: Self.candidateRange)
    try check(priorTemperature, "prior temperature", in: Self.temperatureRange)
    try check(priorTopK, "prior top k", in: Self.topKRange)
    try check(resamplingJumps, "resampling jumps", in: Self.jumpRange)
    try check(resamplingLength, "resampling length", in: Self.jumpLengthRange)
  }
}
