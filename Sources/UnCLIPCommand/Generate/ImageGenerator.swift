import CLIP
import Imaging
import Torch
import UnCLIP

/// Generates single images with one model and records how each was made.
struct ImageGenerator {
  let pipeline: UnCLIPPipeline
  let progress: ProgressReporter

  /// Generates the image of a prompt, or a variation of `original`; `title` goes before the names
  /// of the stages in the progress report.
  func image(
    _ settings: GenerationSettings, varying original: (path: String, image: Image)? = nil,
    title: String = ""
  ) throws -> (image: Image, record: ImageRecord) {
    let image = try pipeline.image(settings, varying: original?.image) { step in
      guard step.stage != .text else { return }
      let name = title.isEmpty ? step.stage.rawValue : "\(title) \(step.stage.rawValue)"
      progress.update(name, step: step.step, of: step.stepCount)
    }
    let provenance = ImageRecord.Provenance(
      original: original?.path, dtype: ElementType(pipeline.dtype).rawValue,
      threads: threadCount, model: pipeline.defaults.name,
      modelVersion: pipeline.defaults.version, software: "unclip \(Version.current)")
    return (image, ImageRecord(settings: settings, provenance: provenance))
  }

  /// Warns of prompts that the model truncates.
  func warnIfTooLong(_ prompts: [String]) {
    for prompt in prompts where pipeline.textEncoder.isTooLong(prompt) {
      Output.warn(
        "the prompt \"\(prompt.prefix(40))…\" is longer than the "
          + "\(pipeline.textEncoder.contextLength) tokens the model reads; the rest is ignored.")
    }
  }
}
