public import Foundation
import Imaging

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
  /// A mask that does not say what to generate.
  case mask(MaskFault)
  /// An image embedding of a prompt is needed, and the prior is none.
  case noEmbedding

  /// What is wrong with a mask.
  public enum MaskFault: Sendable, Equatable {
    /// Its size is not the image's.
    case otherSize(mask: ImageSize, image: ImageSize)
    /// It keeps every pixel.
    case keepsAll
    /// It keeps no pixel.
    case keepsNothing
    /// There is none, and the image has no transparency in its place.
    case noTransparency
  }

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
    case .mask(let fault):
      return fault.description
    case .noEmbedding:
      return "the prior is none, but an image embedding of the prompt is needed here; take "
        + "diffusion, ar or text."
    }
  }
}

/// Width and height of an image, pixels.
public struct ImageSize: Sendable, Equatable, CustomStringConvertible {
  /// Columns.
  public let width: Int
  /// Rows.
  public let height: Int

  /// The size of an image.
  init(_ image: Image) { (width, height) = (image.width, image.height) }

  /// `640x480`.
  public var description: String { "\(width)x\(height)" }
}

extension RequestError.MaskFault {
  fileprivate var description: String {
    switch self {
    case .otherSize(let mask, let image):
      "the mask is \(mask) pixels, but the image is \(image); resize the mask."
    case .keepsAll:
      "the mask keeps the whole image, so there is nothing to generate; paint the part white."
    case .keepsNothing:
      "the mask keeps nothing of the image; paint black what is to stay, or generate an image "
        + "from a prompt."
    case .noTransparency:
      "the image has no transparency that says what to generate; give a mask."
    }
  }
}
