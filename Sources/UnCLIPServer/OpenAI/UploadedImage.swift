import Foundation
import Imaging
import UnCLIP

/// What is asked of an image that a client sends.
enum UploadedImage {
  /// How large it may be.
  static let limits = ImageLimits(pixels: 4096 * 4096, bytes: 4_000_000)
  /// The most columns or rows.
  static let sideLimit = 8192

  /// Reads the header of a file by its content, whatever its name and type say.
  ///
  /// - Throws: What OpenAI's API says of a file that is no image or too large.
  static func header(_ file: Data, field: String) throws(APIError) -> ImageHeader {
    let header: ImageHeader
    do throws(ImageError) {
      header = try ImageHeader.read(file, name: "'\(field)'", limits: limits)
    } catch {
      throw refusal(of: error, field)
    }
    guard max(header.width, header.height) <= sideLimit else {
      throw APIError(
        "Invalid input image - \(header.width)x\(header.height) pixels, over the limit of "
          + "\(sideLimit) for a side: make it smaller", param: field)
    }
    return header
  }

  /// As ``header(_:field:)``, of an image that must be a square.
  static func square(_ file: Data, field: String) throws(APIError) -> ImageHeader {
    let header = try header(file, field: field)
    guard header.width == header.height else {
      throw APIError(
        "Invalid input image - expected an image with equal width and height, got "
          + "\(header.width)x\(header.height) instead.", param: field)
    }
    return header
  }

  /// The sentence of a file that is larger than may be, or no image.
  static func noImage(_ field: String) -> APIError {
    APIError(
      "Uploaded image must be a PNG and less than 4 MB. A JPEG or WebP file is taken as well.",
      param: field, code: "invalid_image_format")
  }

  private static func refusal(of error: ImageError, _ field: String) -> APIError {
    switch error {
    case .empty, .unknownFormat, .tooManyBytes: noImage(field)
    default: APIError("Invalid input image - \(error)", param: field)
    }
  }

  /// Checks an image and its mask, or its transparency, for what of it is painted anew.
  ///
  /// Only the headers are read before the sizes are known to be right.
  /// - Throws: `APIError`.
  static func checkEdit(_ image: Data, mask: Data?) throws(APIError) {
    let header = try square(image, field: "image")
    if let mask {
      let size = try self.header(mask, field: "mask")
      guard (size.width, size.height) == (header.width, header.height) else {
        throw APIError(
          "Invalid mask image format - mask size does not match image size: the mask is "
            + "\(size.width)x\(size.height) pixels, the image \(header.width)x\(header.height).",
          param: "mask")
      }
    } else if !header.channels.isMultiple(of: 2) {
      throw APIError(
        "Invalid input image - format must be in ['RGBA', 'LA', 'L'], got "
          + "\(header.channels == 1 ? "L without transparency" : "RGB"). Make transparent what is "
          + "to be painted anew, or give a mask.", param: "image")
    }
    let pixels = try decoded(image, field: "image")
    let maskPixels: Image? = if let mask { try decoded(mask, field: "mask") } else { nil }
    do throws(RequestError) {
      _ = try Inpainting(pixels, mask: maskPixels)
    } catch {
      throw refusal(of: error, mask == nil ? "image" : "mask")
    }
  }

  private static func refusal(of error: RequestError, _ field: String) -> APIError {
    let sentence =
      switch error {
      case .mask(.keepsNothing):
        "The \(field) keeps nothing: leave opaque what is to stay, or send the prompt alone to "
          + "images/generations."
      case .mask(.keepsAll):
        "The mask keeps the whole image: make transparent what is to be painted anew."
      default:
        "The image has no transparent pixel: make transparent what is to be painted anew, or give "
          + "a mask."
      }
    return APIError(sentence, param: field)
  }

  /// Decodes a file.
  /// - Throws: `APIError` for one that is not whole.
  static func decoded(_ file: Data, field: String) throws(APIError) -> Image {
    do throws(ImageError) {
      return try ImageDecoder.decode(file, name: "'\(field)'", limits: limits)
    } catch {
      throw refusal(of: error, field)
    }
  }
}
