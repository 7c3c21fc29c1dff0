import Config
import Foundation
import HTTPTypes
import Hummingbird

/// The fields and files of a call that sends images, as a form or as JSON with `data:` addresses.
struct ImageForm: Equatable {
  /// The fields, but for the files.
  var fields: [String: JSONValue] = [:]
  /// The image.
  var image = Data()
  /// The mask; nil if there is none.
  var mask: Data?

  /// The most bytes of a body.
  static let sizeLimit = MultipartParser.Limits().size
  /// The most characters of an address, as in OpenAI's API.
  static let addressLimit = 20_971_520

  // MARK: Form

  /// Fields whose text is a number, true or false.
  private static let numbers: Set = [
    "n", "seed", "steps", "prior_steps", "guidance", "prior_guidance", "variation", "stream",
    "partial_images", "output_compression",
  ]

  /// Sorts the parts of a form.
  ///
  /// - Throws: `APIError` for a field given twice, several images, and a text that is no UTF-8.
  init(_ parts: [FormPart]) throws(APIError) {
    var images: [Data] = []
    for part in parts {
      switch part.name {
      case "image", "image[]": images.append(part.data)
      case "mask":
        guard mask == nil else { throw Self.twice(part.name) }
        mask = part.data
      default:
        guard fields[part.name] == nil else { throw Self.twice(part.name) }
        guard let text = String(validating: part.data, as: UTF8.self) else {
          throw APIError(
            "'\(part.name.prefix(64))' is not UTF-8 text.", param: "\(part.name.prefix(64))")
        }
        fields[part.name] = Self.numbers.contains(part.name) ? Self.value(text) : .string(text)
      }
    }
    image = try Self.single(images, "image")
  }

  private static func twice(_ key: String) -> APIError {
    APIError("'\(key.prefix(64))' stands twice; give it once.", param: "\(key.prefix(64))")
  }

  private static func single(_ images: [Data], _ field: String) throws(APIError) -> Data {
    guard let image = images.first else { throw GenerationRequest.missing(field) }
    guard images.count == 1 else {
      throw APIError("This model takes one image, not \(images.count) - '\(field)'", param: field)
    }
    return image
  }

  /// The value that a text stands for in JSON.
  private static func value(_ text: String) -> JSONValue {
    if let whole = Int(text) { return .integer(whole) }
    if let number = Double(text), number.isFinite { return .number(number) }
    switch text.lowercased() {
    case "true": return .bool(true)
    case "false": return .bool(false)
    default: return .string(text)
    }
  }

  // MARK: JSON

  /// Takes the images out of the members of a JSON object.
  ///
  /// - Throws: `APIError` for an image that is not given as a `data:` address.
  init(_ members: [String: JSONValue]) throws(APIError) {
    fields = members.filter { $0.key != "images" && $0.key != "mask" }
    let images: [JSONValue]
    switch members["images"] ?? .null {
    case .array(let values): images = values
    case .null: images = []
    default: throw APIError("'images' must be a list.", param: "images")
    }
    var files: [Data] = []
    for value in images { files.append(try Self.file(value, "images")) }
    image = try Self.single(files, "images")
    let mask = members["mask"] ?? .null
    if mask != .null { self.mask = try Self.file(mask, "mask") }
  }

  private static func file(_ value: JSONValue, _ field: String) throws(APIError) -> Data {
    guard case .object(let members) = value, members.count == 1,
      case .string(let address)? = members["image_url"]
    else {
      throw APIError(
        #"'\#(field)' must hold {"image_url": "data:image/png;base64,…"}; files by id are not "#
          + "kept.", param: field)
    }
    guard address.utf8.count <= addressLimit else {
      throw APIError(
        "'image_url' is longer than \(addressLimit) characters - '\(field)'", param: field)
    }
    guard address.lowercased().hasPrefix("data:"), let comma = address.firstIndex(of: ","),
      address[..<comma].lowercased().hasSuffix(";base64"),
      let file = Data(base64Encoded: String(address[address.index(after: comma)...]))
    else {
      throw APIError(
        "'image_url' must be 'data:image/png;base64,…': nothing is fetched from elsewhere - "
          + "'\(field)'", param: field)
    }
    return file
  }

  // MARK: Body

  /// Reads the body of a call that may be a form or, where `takesJSON`, JSON.
  ///
  /// - Throws: `APIError`: 415 for another type, 413 for more bytes than may be.
  static func read(_ request: Request, takesJSON: Bool) async throws -> ImageForm {
    let type = request.headers[.contentType] ?? ""
    if takesJSON, HeaderValue(type).name.lowercased() == "application/json" {
      let body = try await request.body.collect(upTo: sizeLimit)
      return try ImageForm(GenerationRequest.fields(of: Data(body.readableBytesView)))
    }
    do {
      return try ImageForm(await request.formParts())
    } catch MultipartError.partSize("image", _), MultipartError.partSize("image[]", _) {
      throw UploadedImage.noImage("image")
    } catch MultipartError.partSize("mask", _) {
      throw UploadedImage.noImage("mask")
    }
  }
}

extension Request {
  /// The parts of a form.
  /// - Throws: `MultipartError`.
  func formParts() async throws -> [FormPart] {
    var parser = try MultipartParser(contentType: headers[.contentType] ?? "")
    if let length = headers[.contentLength].flatMap(Int.init),
      length > MultipartParser.Limits().size
    {
      throw MultipartError.size(limit: MultipartParser.Limits().size)
    }
    for try await piece in body { try parser.append(piece.readableBytesView) }
    return try parser.end()
  }
}

extension APIError {
  init(_ error: MultipartError) {
    switch error {
    case .type: self.init("\(error)", status: .unsupportedMediaType)
    case .size, .partSize:
      self.init("\(error)", status: .contentTooLarge, code: "content_too_large")
    case .boundary, .malformed, .torn, .partCount: self.init("\(error)")
    }
  }
}
