import Imaging
import Torch
import UnCLIP

/// Draws single pictures with one model and says how each was drawn.
struct Artist {
  let pipeline: UnCLIPPipeline
  let progress: ProgressReporter

  /// Draws a sentence, or a variation of a picture.
  ///
  /// - Parameters:
  ///   - original: the picture to vary and its path.
  ///   - settings: all but the sentence and the seed.
  ///   - title: set before the names of the stages in the progress report.
  func draw(
    _ prompt: String, varying original: (path: String, image: Image)? = nil, seed: UInt64,
    settings: ImageRequest, title: String = ""
  ) throws -> (image: Image, record: PictureRecord) {
    var request = pipeline.resolved(settings)
    request.prompt = prompt
    request.seed = seed
    request.count = 1
    let image = try pipeline.image(at: 0, of: request, varying: original?.image) { step in
      guard step.stage != .text else { return }
      let name = title.isEmpty ? step.stage.rawValue : "\(title) \(step.stage.rawValue)"
      progress.update(name, step: step.step, of: step.stepCount)
    }
    return (image, record(of: request, varying: original?.path))
  }

  /// Warns of a sentence of which the model reads only the beginning.
  func warnIfTooLong(_ prompt: String) {
    guard pipeline.textEncoder.isTooLong(prompt) else { return }
    Output.warn(
      "the sentence \"\(prompt.prefix(40))…\" is longer than the \(pipeline.textEncoder.contextLength) "
        + "tokens the model reads; the rest is ignored.")
  }

  private func record(of request: ImageRequest, varying original: String?) -> PictureRecord {
    let defaults = pipeline.defaults
    return PictureRecord(
      prompt: request.prompt, original: original, negative: request.negative, seed: request.seed,
      size: request.size,
      priorSteps: request.prior.steps ?? defaults.prior.steps,
      priorGuidance: request.prior.guidance ?? defaults.prior.guidance,
      priorCandidates: request.priorCandidates ?? defaults.priorCandidates,
      decoderSteps: request.decoder.steps ?? defaults.decoder.steps,
      decoderGuidance: request.decoder.guidance ?? defaults.decoder.guidance,
      upsamplerSteps: request.upsampler.steps ?? defaults.upsamplerSteps,
      dtype: ElementType(pipeline.dtype).rawValue, threads: threadCount, model: defaults.name,
      modelVersion: defaults.version, software: "unclip \(Version.current)")
  }
}

extension PictureRecord {
  /// The settings to draw the picture again with.
  var request: ImageRequest {
    ImageRequest(
      prompt: prompt, negative: negative, seed: seed, size: size,
      prior: .init(steps: priorSteps, guidance: priorGuidance),
      decoder: .init(steps: decoderSteps, guidance: decoderGuidance),
      upsampler: .init(steps: upsamplerSteps), priorCandidates: priorCandidates)
  }
}
