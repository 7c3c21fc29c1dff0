import CLIP
import Foundation
import Imaging
import Torch
import UnCLIP

/// Generates single images with one model and records how each was made.
struct ImageGenerator {
  let pipeline: UnCLIPPipeline
  let progress: ProgressReporter

  /// Generates the image of a prompt, or a variation of `original`; `title` goes before the names
  /// of the stages in the progress report, and `note` to the end.
  func image(
    _ settings: GenerationSettings, varying original: (path: String, image: Image)? = nil,
    title: String = "", note: String = ""
  ) throws -> (image: Image, record: ImageRecord) {
    let image = try pipeline.image(settings, varying: original?.image) { step in
      guard step.stage != .text else { return }
      let name = title.isEmpty ? step.stage.rawValue : "\(title) \(step.stage.rawValue)"
      progress.update(name, step: step.step, of: step.stepCount, note: note)
      try PreviewWriter.current?.write(step)
    }
    let provenance = ImageRecord.Provenance(
      original: original?.path, dtype: ElementType(pipeline.dtype).rawValue,
      threads: threadCount, model: pipeline.defaults.name,
      modelVersion: pipeline.defaults.version, software: "unclip \(Version.current)")
    var stages: Set<GenerationProgress.Stage> = [.text, .decoder]
    if original == nil { stages.insert(.prior) }
    if settings.size > pipeline.decoderSize { stages.insert(.upsampler) }
    return (image, ImageRecord(settings: settings, provenance: provenance, stages: stages))
  }

  /// Warns of prompts that the model truncates.
  func warnIfTooLong(_ prompts: [String]) {
    for prompt in prompts where pipeline.textEncoder.isTooLong(prompt) {
      Output.warn(
        "the prompt \"\(prompt.prefix(40))…\" is longer than the "
          + "\(pipeline.textEncoder.contextLength) tokens the model reads; the rest is ignored.")
    }
  }

  /// Warns once of words that the model was never shown, where its folder says which it was.
  /// - Throws: `ModelFolderError` for a broken list.
  func warnOfUnknownWords(_ prompts: [String]) throws {
    guard let known = try pipeline.folder.knownWords() else { return }
    let words = known.unknown(in: prompts.joined(separator: "\n"))
    guard !words.isEmpty else { return }
    let named = words.prefix(3).map { "\"\($0.prefix(40))\"" }.joined(separator: ", ")
    let more = words.count > 3 ? " and \(words.count - 3) more" : ""
    let domain = pipeline.defaults.domain.map { " (it knows \($0))" } ?? ""
    Output.warn(
      "the model \(pipeline.defaults.name) was never shown \(named)\(more)\(domain) and will draw "
        + "something else; use other words, or another model with --model.")
  }

  /// Warns once of images that this model did not make itself, where it says that it knows one kind
  /// only.
  func warnOfForeignImages(_ paths: [String]) {
    guard let domain = pipeline.defaults.domain else { return }
    let foreign = paths.first { path in
      do {
        let chunks = try PNGText.read(Data(contentsOf: URL(fileURLWithPath: path)), name: path)
        return chunks["model"] != pipeline.defaults.name
      } catch {
        return true
      }
    }
    guard let foreign else { return }
    Output.warn(
      "the model \(pipeline.defaults.name) knows \(domain); if \(foreign) is another kind of image, "
        + "such as a photograph, the variations will not be like it: use another model with --model."
    )
  }
}
