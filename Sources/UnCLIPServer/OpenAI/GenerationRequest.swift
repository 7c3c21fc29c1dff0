import Config
import Files
import Foundation
import Imaging

/// What a call of the OpenAI routes for images asks for, checked field by field.
struct GenerationRequest: Equatable {
  /// The routes that make images.
  enum Route: String {
    case generations, edits, variations
  }

  var route = Route.generations
  var prompt = ""
  var model: String?
  var count = 1
  var size = 1024
  /// Whether images keep the size of the image that is edited.
  var keepsSize = false
  var isURL = true
  var output = ImageOutput()
  var streams = false
  var partialImages = 0
  /// Who uses the program that calls, for the log.
  var user: String?
  var seed: UInt64?
  var negativePrompt: String?
  var settings: [String: JSONValue] = [:]
  /// How far a variation goes from its image; nil takes all but the content anew.
  var variation: Double?

  /// What a request may name.
  static let sizes = ["256x256", "512x512", "1024x1024"]

  /// Our extensions that are sampling settings, by OpenAI-style name.
  static let settingKeys = [
    "steps": "decoder_steps", "prior_steps": "prior_steps", "guidance": "decoder_guidance",
    "prior_guidance": "prior_guidance", "sampler": "decoder_sampler", "prior": "prior",
  ]

  /// What belongs to a prompt: a variation has none.
  private static let promptKeys: Set = [
    "prompt", "negative_prompt", "prior_steps", "prior_guidance", "prior", "quality", "background",
    "moderation", "style", "stream", "partial_images",
  ]

  /// Reads the body of a generation.
  init(_ body: Data, ignoringUnknown: Bool = false) throws(APIError) {
    try self.init(try Self.fields(of: body), .generations, ignoringUnknown: ignoringUnknown)
  }

  /// Reads the fields of a call, but for its files.
  ///
  /// - Parameter ignoringUnknown: Passes over fields that no route has.
  init(
    _ fields: [String: JSONValue], _ route: Route, ignoringUnknown: Bool = false
  ) throws(APIError) {
    self.route = route
    for key in fields.keys.sorted() {
      guard let value = fields[key], value != .null else { continue }
      let isKnown = route == .variations ? !Self.promptKeys.contains(key) : key != "variation"
      guard isKnown else { throw Self.unknown(key) }
      do { try take(key, value) } catch {
        guard ignoringUnknown, error.code == Self.unknownCode else { throw error }
      }
    }
    if route != .variations, fields["prompt"] ?? .null == .null { throw Self.missing("prompt") }
    if partialImages > 0, !streams {
      throw APIError(
        "'partial_images' is for a stream; set 'stream' to true.", param: "partial_images")
    }
    if streams, isURL, fields["response_format"] ?? .null != .null {
      throw APIError(
        "A stream holds its images; leave 'response_format' out, or make it 'b64_json'.",
        param: "response_format")
    }
    if output.format == .png, fields["output_compression"] ?? .null != .null {
      throw APIError(
        "'output_compression' is for the formats 'jpeg' and 'webp'.", param: "output_compression")
    }
  }

  /// The members of a JSON object.
  static func fields(of body: Data) throws(APIError) -> [String: JSONValue] {
    let value: JSONValue
    do {
      value = try JSONDecoder().decode(JSONValue.self, from: body)
    } catch {
      throw APIError("The body is not valid JSON.")
    }
    guard case .object(let fields) = value else { throw APIError("The body must be an object.") }
    if let key = body.withUnsafeBytes({ JSONKeys.repeated(in: $0) }) {
      throw APIError("'\(key.prefix(64))' stands twice; give it once.", param: "\(key.prefix(64))")
    }
    return fields
  }

  static func missing(_ key: String) -> APIError {
    APIError("'\(key)' is a required property", param: key)
  }

  private static let unknownCode = "unknown_parameter"

  static func unknown(_ key: String) -> APIError {
    APIError(
      "Unknown parameter: '\(key.prefix(64))'.", param: String(key.prefix(64)), code: unknownCode)
  }

  private mutating func take(_ key: String, _ value: JSONValue) throws(APIError) {
    switch key {
    case "prompt":
      prompt = try text(key, value)
      guard (1...1000).contains(prompt.unicodeScalars.count) else {
        throw APIError("'prompt' must have 1 to 1000 characters.", param: key)
      }
    case "model": model = try text(key, value)
    case "negative_prompt": negativePrompt = try text(key, value)
    case "user", "safety_identifier": user = try text(key, value)
    case "n": count = try integer(key, value, in: 1...10)
    case "size":
      let name = try oneOf(key, value, Self.sizes, or: "auto")
      keepsSize = name == "auto" && route == .edits
      size = Int(name.prefix { $0 != "x" }) ?? 1024
    case "response_format": isURL = try oneOf(key, value, ["url", "b64_json"]) == "url"
    case "quality": _ = try oneOf(key, value, ["standard", "auto"])
    case "background": _ = try oneOf(key, value, ["auto", "opaque"])
    case "moderation": _ = try oneOf(key, value, ["auto", "low"])
    case "output_format":
      let name = try oneOf(key, value, ["png", "jpeg", "webp"])
      output.format = ImageFormat(pathExtension: name) ?? .png
    case "output_compression": output.quality = try integer(key, value, in: 0...100)
    case "stream":
      guard case .bool(let isOn) = value else {
        throw APIError("'stream' must be true or false.", param: key)
      }
      streams = isOn
    case "partial_images": partialImages = try integer(key, value, in: JobRequest.partialImageRange)
    case "variation":
      switch value {
      case .integer(let whole) where (0...1).contains(whole): variation = Double(whole)
      case .number(let number) where (0...1).contains(number): variation = number
      default: throw APIError("'variation' must be a number, 0 to 1.", param: key)
      }
    case "style": throw APIError("'style' is not supported for this model.", param: key)
    case "seed":
      guard case .integer(let seed) = value, seed >= 0 else {
        throw APIError("'seed' must be an integer, 0 to 9223372036854775807.", param: key)
      }
      self.seed = UInt64(seed)
    default:
      guard let setting = Self.settingKeys[key] else { throw Self.unknown(key) }
      settings[setting] = value
    }
  }

  private func text(_ key: String, _ value: JSONValue) throws(APIError) -> String {
    guard case .string(let text) = value else {
      throw APIError("'\(key)' must be a string.", param: key)
    }
    return text
  }

  private func integer(
    _ key: String, _ value: JSONValue, in range: ClosedRange<Int>
  ) throws(APIError) -> Int {
    guard case .integer(let number) = value else {
      throw APIError("'\(key)' must be an integer.", param: key)
    }
    if number > range.upperBound {
      throw APIError(
        "\(number) is greater than the maximum of \(range.upperBound) - '\(key)'", param: key)
    }
    if number < range.lowerBound {
      throw APIError(
        "\(number) is less than the minimum of \(range.lowerBound) - '\(key)'", param: key)
    }
    return number
  }

  private func oneOf(
    _ key: String, _ value: JSONValue, _ names: [String], or other: String? = nil
  ) throws(APIError) -> String {
    let name = try text(key, value)
    guard names.contains(name) || name == other else {
      let list = names.map { "'\($0)'" }.joined(separator: ", ")
      throw APIError("'\(name.prefix(64))' is not one of [\(list)] - '\(key)'", param: key)
    }
    return name
  }

  /// The job that makes the images of a model: at its own size, the nearest that is not smaller.
  /// Files are added by who has stored them.
  func job(for model: ModelDescription) -> JobRequest {
    let operation: JobRequest.Operation =
      switch route {
      case .generations: .generate
      case .edits: .inpaint
      case .variations: .vary
      }
    var request = JobRequest(operation, prompt: route == .variations ? nil : prompt)
    request.count = count
    request.seed = seed
    request.negativePrompt = negativePrompt
    request.settings = settings
    if let variation {
      request.noise = "inverted"
      request.settings["decoder_eta"] = .number(variation)
    }
    if !keepsSize { request.size = model.sizes.first { $0 >= size } ?? model.sizes.last }
    request.partialImages = partialImages
    return request
  }

  // MARK: Answers

  /// The size as the API writes it.
  var sizeName: String { keepsSize ? "auto" : "\(size)x\(size)" }

  /// The file of an image in the form asked for.
  func file(of png: Data) async throws -> Data {
    try await ImageWork.run { [output, side] in try output.file(of: png, side: side) }
  }

  /// The name of an image's file in that form.
  func fileName(of id: String) -> ImageFileName {
    ImageFileName(id: id, output: output, side: side)
  }

  private var side: Int? { keepsSize ? nil : size }
}

extension APIError {
  /// The same with the names that these routes give to the fields of a job.
  var forImages: APIError {
    var error = self
    guard let field = param else { return self }
    let name: String? =
      if field.hasPrefix("sources") {
        "image"
      } else if let setting = field.split(separator: ".").last, field.hasPrefix("settings.") {
        setting == "decoder_eta"
          ? "variation"
          : GenerationRequest.settingKeys.first { $0.value == setting }?.key ?? String(setting)
      } else if field == "operation" {
        nil
      } else {
        field
      }
    error.param = name
    if let name {
      let old = field.split(separator: ".").last.map(String.init) ?? field
      error.message = message.replacing("'\(old)'", with: "'\(name)'")
    }
    return error
  }
}
