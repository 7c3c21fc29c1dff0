import Foundation

/// Everything that decides one image beside the model: made once by
/// ``UnCLIPPipeline/settings(for:)`` and recorded in the image.
///
/// It is coded as one flat object (`prompt`, `seed`, `prior_steps`, …).
public struct GenerationSettings: Codable, Sendable, Equatable {
  /// The prompt; empty is CLIP's empty text.
  public var prompt: String
  /// What guidance steers away from; empty is the paper's unconditional text.
  public var negative: String
  /// Seed of the image's random source.
  public var seed: UInt64
  /// Side of the image, pixels.
  public var size: Int
  /// How every stage samples.
  public var sampling: SamplingSettings

  enum CodingKeys: String, CodingKey { case prompt, negative, seed, size }

  /// Groups all of it.
  public init(
    prompt: String = "", negative: String = "", seed: UInt64 = 0, size: Int,
    sampling: SamplingSettings
  ) {
    self.prompt = prompt
    self.negative = negative
    self.seed = seed
    self.size = size
    self.sampling = sampling
  }

  /// Reads the flat object.
  public init(from decoder: any Swift.Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    prompt = try values.decode(String.self, forKey: .prompt)
    negative = try values.decode(String.self, forKey: .negative)
    seed = try values.decode(UInt64.self, forKey: .seed)
    size = try values.decode(Int.self, forKey: .size)
    sampling = try SamplingSettings(from: decoder)
  }

  /// Writes the flat object.
  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(prompt, forKey: .prompt)
    try values.encode(negative, forKey: .negative)
    try values.encode(seed, forKey: .seed)
    try values.encode(size, forKey: .size)
    try sampling.encode(to: encoder)
  }
}
