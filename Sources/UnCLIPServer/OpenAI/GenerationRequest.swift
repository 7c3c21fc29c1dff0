import Config
import Foundation

/// The body of `POST /images/generations`, checked field by field.
struct GenerationRequest: Equatable {
  var prompt = ""
  var model: String?
  var count = 1
  var size = 1024
  var isURL = true
  var seed: UInt64?
  var negativePrompt: String?
  var settings: [String: JSONValue] = [:]

  /// What a request may name.
  static let sizes = ["256x256", "512x512", "1024x1024"]

  /// Our extensions that are sampling settings, by OpenAI-style name.
  static let settingKeys = [
    "steps": "decoder_steps", "prior_steps": "prior_steps", "guidance": "decoder_guidance",
    "prior_guidance": "prior_guidance", "sampler": "decoder_sampler", "prior": "prior",
  ]

  /// Reads a body.
  init(_ body: Data) throws(APIError) {
    let value: JSONValue
    do {
      value = try JSONDecoder().decode(JSONValue.self, from: body)
    } catch {
      throw APIError("The body is not valid JSON.")
    }
    guard case .object(let fields) = value else { throw APIError("The body must be an object.") }
    for key in fields.keys.sorted() {
      if let value = fields[key], value != .null { try take(key, value) }
    }
    guard let prompt = fields["prompt"], prompt != .null else {
      throw APIError("'prompt' is a required property", param: "prompt")
    }
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
    case "user", "safety_identifier": _ = try text(key, value)
    case "n":
      guard case .integer(let n) = value else {
        throw APIError("'n' must be an integer.", param: key)
      }
      if n > 10 { throw APIError("\(n) is greater than the maximum of 10 - 'n'", param: key) }
      if n < 1 { throw APIError("\(n) is less than the minimum of 1 - 'n'", param: key) }
      count = n
    case "size":
      let name = try oneOf(key, value, Self.sizes, or: "auto")
      size = Int(name.prefix { $0 != "x" }) ?? 1024
    case "response_format": isURL = try oneOf(key, value, ["url", "b64_json"]) == "url"
    case "quality": _ = try oneOf(key, value, ["standard", "auto"])
    case "background": _ = try oneOf(key, value, ["auto", "opaque"])
    case "moderation": _ = try oneOf(key, value, ["auto", "low"])
    case "style": throw APIError("'style' is not supported for this model.", param: key)
    case "seed":
      guard case .integer(let seed) = value, seed >= 0 else {
        throw APIError("'seed' must be an integer, 0 to 9223372036854775807.", param: key)
      }
      self.seed = UInt64(seed)
    default:
      guard let setting = Self.settingKeys[key] else {
        throw APIError(
          "Unknown parameter: '\(key.prefix(64))'.", param: String(key.prefix(64)),
          code: "unknown_parameter")
      }
      settings[setting] = value
    }
  }

  private func text(_ key: String, _ value: JSONValue) throws(APIError) -> String {
    guard case .string(let text) = value else {
      throw APIError("'\(key)' must be a string.", param: key)
    }
    return text
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
  func job(for model: ModelDescription) -> JobRequest {
    var request = JobRequest(.generate, prompt: prompt)
    request.count = count
    request.seed = seed
    request.negativePrompt = negativePrompt
    request.settings = settings
    request.size = model.sizes.first { $0 >= size } ?? model.sizes.last
    return request
  }
}
