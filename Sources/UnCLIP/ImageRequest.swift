public import Foundation

/// A request for images: a prompt, and settings that differ from the model's defaults.
public struct ImageRequest: Sendable, Equatable, Codable {
  /// The prompt; empty is CLIP's empty text.
  public var prompt: String
  /// What guidance steers away from; empty is the paper's unconditional text.
  public var negative: String
  /// Images to generate; image *i* uses the seed `seed + i`.
  public var count: Int
  /// Seed of the first image.
  public var seed: UInt64
  /// Side of the images, pixels: one of the model's sizes; nil takes the largest.
  public var size: Int?
  /// How every stage samples; nil takes the model's defaults. Change a copy of
  /// ``ModelDefaults/sampling``.
  public var sampling: SamplingSettings?

  /// Makes a request for one image with the model's defaults.
  public init(
    prompt: String, negative: String = "", count: Int = 1, seed: UInt64 = 0, size: Int? = nil,
    sampling: SamplingSettings? = nil
  ) {
    self.prompt = prompt
    self.negative = negative
    self.count = count
    self.seed = seed
    self.size = size
    self.sampling = sampling
  }
}

/// Why a request cannot be met.
public enum RequestError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The model cannot make images of this size.
  case size(Int, possible: [Int])
  /// A value outside its range: name, value, range.
  case outOfRange(String, String, String)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .size(let size, let possible):
      let list = possible.map(String.init).joined(separator: " or ")
      return "size \(size) is not possible with this model; ask for \(list)."
    case .outOfRange(let name, let value, let range):
      return "\(name) is \(value), but it must be \(range)."
    }
  }
}
