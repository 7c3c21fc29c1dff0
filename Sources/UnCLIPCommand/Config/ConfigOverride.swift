import Config
import Foundation
import Training

/// A value of `--set KEY=VALUE`, which takes the place of one in a configuration file.
struct ConfigOverride {
  /// The keys on the way to the value.
  let path: [String]
  let value: JSONValue

  /// Parses `training.steps=200`; the value is YAML.
  ///
  /// - Throws: `CommandError.usage` for text of another form.
  init(parsing text: String) throws(CommandError) {
    let form = "write --set KEY=VALUE, as in --set training.steps=200"
    guard let sign = text.firstIndex(of: "=") else {
      throw .usage("--set \(text) names no value: \(form).")
    }
    let key = text[..<sign].trimmingCharacters(in: .whitespaces)
    path = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard path.allSatisfy({ !$0.isEmpty }) else {
      throw .usage("--set \(text) names no key: \(form).")
    }
    let yaml = "value: " + text[text.index(after: sign)...] + "\n"
    let document: [String: JSONValue]
    do {
      let json = try ConfigDocument.json(yaml: yaml, file: "--set \(text)")
      document = try JSONDecoder().decode([String: JSONValue].self, from: json)
    } catch {
      throw .usage("--set \(text) has a value that is not YAML: \(form).")
    }
    guard document.count == 1, let value = document["value"] else {
      throw .usage("--set \(text) has a value of several lines: \(form).")
    }
    self.value = value
  }

  /// Returns the configuration with the values of all overrides, the last of a key counting.
  ///
  /// A section that is not there is made, so that a misspelt key is refused where all keys are.
  /// - Throws: `ConfigError.invalid` where a key on the way is no section.
  static func apply(
    _ overrides: [ConfigOverride], to json: Data, file: String
  ) throws -> Data {
    guard !overrides.isEmpty else { return json }
    guard case .object(var root) = try JSONDecoder().decode(JSONValue.self, from: json) else {
      return json  // refused by whoever reads it next
    }
    for override in overrides {
      try override.requireSection(in: root)
      root = try override.applied(to: root, at: 0, file: file)
    }
    return try ConfigFile.encode(JSONValue.object(root))
  }

  /// Refuses the last part of a key alone, such as `steps` for `training.steps`.
  private func requireSection(in root: [String: JSONValue]) throws(CommandError) {
    guard let name = path.first, path.count == 1, root[name] == nil else { return }
    let known = ConfigKey.keys(at: name).flatMap(\.paths).filter { $0.hasSuffix("." + name) }
    guard !known.isEmpty else { return }
    throw .usage(
      "--set \(name) leaves out its section: write --set \(known.joined(separator: " or ")).")
  }

  private func applied(
    to section: [String: JSONValue], at depth: Int, file: String
  ) throws(ConfigError) -> [String: JSONValue] {
    var section = section
    let key = path[depth]
    guard depth + 1 < path.count else {
      section[key] = value
      return section
    }
    switch section[key] {
    case nil: section[key] = .object(try applied(to: [:], at: depth + 1, file: file))
    case .object(let inner):
      section[key] = .object(try applied(to: inner, at: depth + 1, file: file))
    case let other?:
      throw .invalid(
        file: file, key: path[...depth].joined(separator: "."), value: other.text,
        expected: "--set \(path.joined(separator: ".")) needs a section there")
    }
    return section
  }
}
