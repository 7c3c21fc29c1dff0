import CLIP
import Foundation
import Imaging
import Torch
import UnCLIP

/// Generates single images with one model and records how each was made.
struct ImageGenerator {
  let pipeline: UnCLIPPipeline
  let progress: ProgressReporter

  /// Generates the image of a prompt, or a frame of an edit; `title` goes before the names of the
  /// stages in the progress report, and `note` to the end.
  func image(
    _ settings: GenerationSettings, edit: Edit.Prepared? = nil, frame: Int = 0,
    title: String = "", note: String = ""
  ) throws -> (image: Image, record: ImageRecord) {
    try image(settings, edit: edit, frame: frame, progress: report(title, note))
  }

  /// Generates such an image, and calls `report` at each step.
  func image(
    _ settings: GenerationSettings, edit: Edit.Prepared?, frame: Int, progress report: Edit.Progress
  ) throws -> (image: Image, record: ImageRecord) {
    let image =
      try edit?.image(settings, frame: frame, progress: report)
      ?? pipeline.image(settings, progress: report)
    return (image, record(settings, edit: edit?.edit, frame: frame))
  }

  private func report(
    _ title: String, _ note: String
  ) -> (GenerationProgress) throws -> Void {
    { step in
      guard step.stage != .text else { return }
      // An image may be made of several.
      let part = step.count > 1 ? "\(step.index + 1)/\(step.count)" : ""
      let name = [title, part, step.stage.name].filter { !$0.isEmpty }.joined(separator: " ")
      progress.update(name, step: step.step, of: step.stepCount, note: note)
      try PreviewWriter.current?.write(step)
    }
  }

  /// How the image of some settings is made here.
  func record(
    _ settings: GenerationSettings, edit: Edit? = nil, frame: Int = 0
  ) -> ImageRecord {
    let provenance = ImageRecord.Provenance(
      dtype: ElementType(pipeline.dtype).rawValue, threads: threadCount,
      model: pipeline.defaults.name, modelVersion: pipeline.defaults.version,
      software: "unclip \(Version.current)")
    let upsamplers = Set(pipeline.levels(to: settings.size).map(\.stage))
    let stages =
      edit?.stages(for: settings, upsamplers) ?? upsamplers.union([.text, .prior, .decoder])
    return ImageRecord(
      settings: settings, edit: edit?.records[frame], provenance: provenance, stages: stages)
  }

  /// Generates the images of one seed after the other, and returns the one with the best CLIP score.
  func best(
    of count: Int, _ settings: GenerationSettings, edit: Edit.Prepared?, title: String,
    note: String
  ) throws -> (image: Image, record: ImageRecord) {
    var settings = settings
    let first = settings.seed
    var best: (image: Image, record: ImageRecord, score: Double)?
    var candidates: [ImageRecord.Candidate] = []
    for index in 0..<count {
      settings.seed = first + UInt64(index)
      let name = (title.isEmpty ? "" : "\(title) ") + "\(index + 1) of \(count)"
      let (image, record) = try self.image(settings, edit: edit, title: name, note: note)
      let score = try pipeline.clipScore(of: image, for: settings.prompt)
      candidates.append(.init(seed: settings.seed, clipScore: score))
      if best.map({ score > $0.score }) ?? true { best = (image, record, score) }
    }
    guard var best else { preconditionFailure("the best of \(count) images") }
    best.record.candidates = candidates
    let scores = candidates.map { $0.clipScore.formatted(places: 1) }
    let all =
      count <= 10
      ? scores.joined(separator: ", ")
      : "\(candidates.map(\.clipScore).min()?.formatted(places: 1) ?? "") to "
        + best.score.formatted(places: 1)
    progress.line(
      "kept seed \(best.record.settings.seed), whose CLIP score \(best.score.formatted(places: 1)) is "
        + "the best of \(count): \(all)")
    return (best.image, best.record)
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
      "the model \(pipeline.defaults.name) knows \(domain); if \(foreign) is another kind of "
        + "image, such as a photograph, what is made of it will not be like it: use another model "
        + "with --model.")
  }
}
