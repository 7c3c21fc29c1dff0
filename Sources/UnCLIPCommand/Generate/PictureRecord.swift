/// How a picture was drawn, as its PNG file tells in text chunks; enough to draw it again.
struct PictureRecord: Equatable, Sendable, Encodable {
  var prompt: String
  /// Path of the picture this is a variation of; nil for a sentence's.
  var original: String?
  var negative: String
  var seed: UInt64
  /// Pixels.
  var size: Int
  var priorSteps: Int
  var priorGuidance: Double
  var priorCandidates: Int
  var decoderSteps: Int
  var decoderGuidance: Double
  /// 0 when no upsampler ran.
  var upsamplerSteps: Int
  /// Element type of the arithmetic.
  var dtype: String
  /// Threads that shared the arithmetic: sums are split among them, which changes their rounding.
  var threads: Int
  /// Name and version of the model.
  var model: String
  var modelVersion: String
  /// The program that drew it.
  var software: String

  /// The key of the sentence, without which a file is none of ours.
  fileprivate static let promptKey = "prompt"

  /// The text chunks, in the order they are written.
  var chunks: [(key: String, value: String)] {
    [(Self.promptKey, prompt)] + (original.map { [("original", $0)] } ?? []) + [
      ("negative", negative), ("seed", "\(seed)"), ("size", "\(size)"),
      ("prior_steps", "\(priorSteps)"), ("prior_guidance", "\(priorGuidance)"),
      ("prior_candidates", "\(priorCandidates)"), ("decoder_steps", "\(decoderSteps)"),
      ("decoder_guidance", "\(decoderGuidance)"), ("upsampler_steps", "\(upsamplerSteps)"),
      ("dtype", dtype), ("threads", "\(threads)"), ("model", model),
      ("model_version", modelVersion), ("software", software),
    ]
  }

}

extension PictureRecord {
  /// Reads the text chunks of a picture.
  /// - Throws: `CommandError.data` for a picture that lacks one, or has one that is no number.
  init(chunks: [String: String], file: String) throws(CommandError) {
    guard chunks[Self.promptKey] != nil else {
      throw .data(
        "\(file) does not say how it was drawn; only pictures that unclip wrote can be verified.")
    }
    func text(_ key: String) throws(CommandError) -> String {
      guard let value = chunks[key] else {
        throw .data("\(file) does not tell its '\(key)', so it cannot be drawn again.")
      }
      return value
    }
    func number<T: LosslessStringConvertible>(_ key: String) throws(CommandError) -> T {
      let value = try text(key)
      guard let number = T(value) else {
        throw .data("\(file) tells '\(value)' as its '\(key)', which is not possible.")
      }
      return number
    }
    prompt = try text(Self.promptKey)
    original = chunks["original"]
    negative = try text("negative")
    seed = try number("seed")
    size = try number("size")
    priorSteps = try number("prior_steps")
    priorGuidance = try number("prior_guidance")
    priorCandidates = try number("prior_candidates")
    decoderSteps = try number("decoder_steps")
    decoderGuidance = try number("decoder_guidance")
    upsamplerSteps = try number("upsampler_steps")
    dtype = try text("dtype")
    threads = try number("threads")
    guard (1...MachineOptions.mostThreads).contains(threads) else {
      throw .data("\(file) tells '\(threads)' as its 'threads', which is not possible.")
    }
    model = try text("model")
    modelVersion = try text("model_version")
    software = try text("software")
  }
}
