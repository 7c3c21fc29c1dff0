import ArgumentParser
import UnCLIP

/// Size, steps and guidance of the stages that paint; what is not given is the model's own default.
struct SamplingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Side of the pictures, pixels; the model's largest if not given.", valueName: "pixels"))
  var size: Int?

  @Option(help: ArgumentHelp("Denoising steps of the decoder.", valueName: "n"))
  var decoderSteps: Int?

  @Option(help: ArgumentHelp("Denoising steps of the upsampler.", valueName: "n"))
  var upsamplerSteps: Int?

  @Option(help: ArgumentHelp("Guidance scale of the decoder; 1 is none.", valueName: "scale"))
  var decoderGuidance: Double?

  @Option(help: ArgumentHelp("What guidance steers away from.", valueName: "sentence"))
  var negative = ""

  /// The request that these options make of a model, without a sentence.
  /// - Throws: `RequestError` for what the model cannot do.
  func request(
    for pipeline: UnCLIPPipeline, prior: PriorOptions? = nil
  ) throws(RequestError) -> ImageRequest {
    let request = ImageRequest(
      prompt: "", negative: negative, size: size ?? pipeline.sizes.max() ?? pipeline.decoderSize,
      prior: .init(steps: prior?.priorSteps, guidance: prior?.priorGuidance),
      decoder: .init(steps: decoderSteps, guidance: decoderGuidance),
      upsampler: .init(steps: upsamplerSteps), priorCandidates: prior?.priorCandidates)
    try request.validate(sizes: pipeline.sizes)
    return request
  }
}

/// Steps and guidance of the prior; what is not given is the model's own default.
struct PriorOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Denoising steps of the prior.", valueName: "n"))
  var priorSteps: Int?

  @Option(help: ArgumentHelp("Guidance scale of the prior; 1 is none.", valueName: "scale"))
  var priorGuidance: Double?

  @Option(
    help: ArgumentHelp(
      "Image embeddings the prior draws, of which the best is kept.", valueName: "n"))
  var priorCandidates: Int?
}
