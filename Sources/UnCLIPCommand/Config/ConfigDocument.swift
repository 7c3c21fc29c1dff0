import Config
import Files
import Foundation
import TorchNN
import Yams

/// A configuration file of a user: JSON, or YAML when its name ends in `.yaml` or `.yml`.
enum ConfigDocument {
  /// The file as JSON.
  /// - Throws: `ConfigError.unreadable` for a file that is missing or of neither form.
  static func json(at url: URL) throws(ConfigError) -> Data {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw .unreadable(file: url.path, reason: SystemReason.text(of: error))
    }
    switch url.pathExtension.lowercased() {
    case "yaml", "yml": return try json(yaml: data, file: url.path)
    default: return data
    }
  }

  /// YAML as JSON.
  static func json(yaml data: Data, file: String) throws(ConfigError) -> Data {
    guard let text = String(validating: data, as: UTF8.self) else {
      throw .unreadable(file: file, reason: "it is not UTF-8 text")
    }
    let value: JSONValue
    do {
      guard let node = try Yams.compose(yaml: text) else {
        throw ConfigError.unreadable(file: file, reason: "it is empty")
      }
      value = try convert(node, file: file, path: "")
    } catch let error as ConfigError {
      throw error
    } catch let error as YamlError {
      throw .unreadable(file: file, reason: reason(of: error))
    } catch {
      throw .unreadable(file: file, reason: "\(error)")
    }
    return try ConfigFile.encode(value)
  }

  private static func convert(
    _ node: Node, file: String, path: String
  ) throws(ConfigError) -> JSONValue {
    switch node {
    case .scalar:
      if let value = node.bool { return .bool(value) }
      if let value = node.int { return .number(Double(value)) }
      if let value = node.float { return .number(value) }
      if node.null != nil { return .null }
      return .string(node.string ?? "")
    case .sequence(let items):
      var values: [JSONValue] = []
      for (index, item) in items.enumerated() {
        values.append(try convert(item, file: file, path: "\(path)[\(index)]"))
      }
      return .array(values)
    case .mapping(let pairs):
      var members: [String: JSONValue] = [:]
      for (key, item) in pairs {
        guard let name = key.string else {
          throw .unreadable(file: file, reason: "a key in '\(path)' is not a word")
        }
        let place = path.isEmpty ? name : path + "." + name
        members[name] = try convert(item, file: file, path: place)
      }
      return .object(members)
    case .alias:
      throw .unreadable(file: file, reason: "'\(path)' is an alias, which is not supported")
    }
  }

  /// The first line of what the parser says, with its place.
  private static func reason(of error: YamlError) -> String {
    let lines = "\(error)".split(whereSeparator: \.isNewline)
    return lines.first.map { $0.trimmingCharacters(in: .whitespaces) } ?? "it is not YAML"
  }
}
