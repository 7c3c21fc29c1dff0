package import Config
import Foundation

extension SamplingSettings {
  /// Returns every setting by its key, as files and image metadata hold it.
  package func values() throws(ConfigError) -> [String: JSONValue] {
    let data = try ConfigFile.encode(self)
    return try ConfigFile.decode([String: JSONValue].self, from: data, file: "settings")
  }

  /// Returns the settings, overridden by `values`.
  ///
  /// - Parameter file: The source of the values, for errors.
  /// - Throws: `ConfigError` for a key that is no setting's, or a value of another type.
  package func replacing(
    _ values: [String: JSONValue], file: String
  ) throws(ConfigError) -> SamplingSettings {
    let all = try self.values().merging(values) { _, new in new }
    return try ConfigFile.decode(
      SamplingSettings.self, from: ConfigFile.encode(all), file: file)
  }
}

extension GenerationSettings {
  /// Returns key and text of every setting, in order, as an image's metadata holds them.
  package func metadata() throws(ConfigError) -> [(key: String, value: String)] {
    let sampling = try sampling.values().sorted { $0.key < $1.key }.map { key, value in
      if case .string(let text) = value { return (key: key, value: text) }
      return (key: key, value: value.text)
    }
    return [
      ("prompt", prompt), ("negative", negative), ("seed", "\(seed)"), ("size", "\(size)"),
    ] + sampling
  }

  /// Reads the settings from an image's metadata.
  ///
  /// - Parameters:
  ///   - metadata: Text by key; keys that are no settings are ignored.
  ///   - sampling: The values of settings that are missing in older images.
  ///   - file: The image, for errors.
  /// - Throws: `ConfigError` for a missing prompt, seed or size, and for a text that is no value.
  package init(
    metadata: [String: String], sampling: SamplingSettings, file: String
  ) throws(ConfigError) {
    func text(_ key: String) throws(ConfigError) -> String {
      guard let value = metadata[key] else { throw .missingKey(file: file, key: key) }
      return value
    }
    func number<Number: LosslessStringConvertible>(
      _ key: String, _ type: Number.Type
    ) throws(ConfigError) -> Number {
      let value = try text(key)
      guard let number = Number(value) else { throw Self.notANumber(value, key, file) }
      return number
    }
    var sampling = sampling
    // Older versions had no other prior, whatever the model takes now.
    sampling.priorKind = .diffusion
    var values: [String: JSONValue] = [:]
    for (key, own) in try sampling.values() {
      guard let value = metadata[key] else { continue }
      guard own.isNumber else {
        values[key] = .string(value)
        continue
      }
      guard let number = Double(value), number.isFinite else {
        throw Self.notANumber(value, key, file)
      }
      values[key] = .number(number)
    }
    self.init(
      prompt: try text("prompt"), negative: try text("negative"),
      seed: try number("seed", UInt64.self), size: try number("size", Int.self),
      sampling: try sampling.replacing(values, file: file))
  }

  private static func notANumber(_ value: String, _ key: String, _ file: String) -> ConfigError {
    .invalid(file: file, key: key, value: "\"\(value)\"", expected: "it must be a number")
  }
}
