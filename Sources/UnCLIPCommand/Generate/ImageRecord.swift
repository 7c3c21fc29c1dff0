import Config
import Foundation
import UnCLIP

/// How an image was made, as in its PNG file's text chunks; enough to make it again.
struct ImageRecord: Equatable, Sendable, Encodable {
  /// The settings of the image.
  var settings: GenerationSettings
  /// How it was made from others; nil for a prompt's image.
  var edit: EditRecord?
  /// The model and the machine.
  var provenance: Provenance
  /// What it was the best of; empty unless `--best-of` asked for it.
  var candidates: [Candidate] = []
  /// The stages that ran, whose settings `--json` lists.
  var stages = Set(GenerationProgress.Stage.allCases)

  /// The model and the machine that an image was made with.
  struct Provenance: Equatable, Sendable, Encodable {
    /// Element type of the computation.
    var dtype: String
    /// Number of threads: sums are split among them, which changes rounding.
    var threads: Int
    /// Name and version of the model.
    var model: String
    var modelVersion: String
    /// Name and version of the program.
    var software: String
  }

  /// An image that was generated, and how well it fits its prompt.
  struct Candidate: Equatable, Sendable, Encodable {
    var seed: UInt64
    var clipScore: Double
  }

  /// Encodes one flat object, like the text chunks, without the settings of stages that did not run.
  func encode(to encoder: any Encoder) throws {
    let idle = GenerationProgress.Stage.allCases.filter { !stages.contains($0) }
    var values = encoder.container(keyedBy: JSONKey.self)
    try values.encode(settings.prompt, forKey: JSONKey("prompt"))
    try values.encode(settings.negative, forKey: JSONKey("negative"))
    try values.encode(settings.seed, forKey: JSONKey("seed"))
    try values.encode(settings.size, forKey: JSONKey("size"))
    let unused = PriorKind.allSettingKeys.subtracting(settings.sampling.priorKind.settingKeys)
    for (key, value) in try settings.sampling.values()
    where !idle.contains(where: { (key + "_").hasPrefix($0.rawValue + "_") })
      && (keepsPixels || !key.hasPrefix("resampling_")) && !unused.contains(key)
    {
      try values.encode(value, forKey: JSONKey(key))
    }
    try values.encodeIfPresent(edit, forKey: JSONKey("edit"))
    if let best = candidates.first(where: { $0.seed == settings.seed }) {
      try values.encode(best.clipScore, forKey: JSONKey("clip_score"))
      try values.encode(candidates, forKey: JSONKey("candidates"))
    }
    try provenance.encode(to: encoder)
  }

  /// Whether known pixels were kept.
  private var keepsPixels: Bool {
    edit?.operation == .inpaint || edit?.operation == .outpaint
  }

  /// The text chunks, in the order they are written.
  func chunks() throws -> [(key: String, value: String)] {
    try settings.metadata() + (edit.map { [("edit", try $0.text())] } ?? []) + [
      ("dtype", provenance.dtype), ("threads", "\(provenance.threads)"),
      ("model", provenance.model), ("model_version", provenance.modelVersion),
      ("software", provenance.software),
    ]
  }
}

extension ImageRecord.Provenance {
  /// Reads an image's text chunks.
  /// - Throws: `CommandError.data` for an image that is not ours, lacks a chunk, or has an invalid
  ///   one.
  init(chunks: [String: String], file: String) throws(CommandError) {
    guard chunks["prompt"] != nil else {
      throw .data(
        "\(file) does not say how it was made; only images that unclip wrote can be verified.")
    }
    func text(_ key: String) throws(CommandError) -> String {
      guard let value = chunks[key] else {
        throw .data("\(file) does not say its '\(key)', so it cannot be made again.")
      }
      return value
    }
    func impossible(_ key: String, _ value: String) -> CommandError {
      .data("\(file) says '\(value)' as its '\(key)', which is not possible.")
    }
    dtype = try text("dtype")
    guard ElementType(rawValue: dtype) != nil else { throw impossible("dtype", dtype) }
    let count = try text("threads")
    guard let threads = Int(count), MachineOptions.threadRange.range.contains(threads) else {
      throw impossible("threads", count)
    }
    self.threads = threads
    model = try text("model")
    modelVersion = try text("model_version")
    software = try text("software")
  }
}
