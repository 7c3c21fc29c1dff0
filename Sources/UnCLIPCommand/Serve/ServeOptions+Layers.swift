import ArgumentParser
import Config
import Foundation

extension ServeOptions {
  /// What the variables of the environment begin with.
  static let prefix = "UNCLIP_SERVE_"
  /// The variable that names the file.
  static let configVariable = prefix + "CONFIG"

  /// How a value is written on a command line.
  enum Kind {
    case value, list, flag
  }

  /// The options by their long names, which are the keys of a file too.
  static let keys: [String: Kind] = [
    "host": .value, "port": .value, "unix-socket": .value, "tls-cert": .value, "tls-key": .value,
    "public-url": .value, "allow-host": .list, "allow-origin": .list, "data": .value,
    "quota": .value, "workers": .value, "queue": .value, "rate": .value, "grace": .value,
    "model": .value,
    "alias": .value, "ignore-unknown": .flag, "device": .value, "dtype": .value,
    "low-memory": .flag, "memory": .value, "threads": .value,
    "log-level": .value, "log-format": .value, "log-texts": .flag,
  ]

  /// These options over those of the environment over those of a file.
  ///
  /// - Parameters:
  ///   - config: The file, JSON or YAML; that of the environment if nil.
  ///   - environment: The variables of the process.
  func layered(config: String?, environment: [String: String]) throws -> ServeOptions {
    var layered = try over(Self.read(environment))
    if let path = config ?? environment[Self.configVariable] {
      layered = layered.over(try Self.read(URL(fileURLWithPath: path)))
    }
    return layered
  }

  private static func read(_ environment: [String: String]) throws -> ServeOptions {
    var arguments: [String] = []
    for (name, text) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix(prefix) && name != configVariable {
      let key = name.dropFirst(prefix.count).lowercased().replacing("_", with: "-")
      guard let kind = keys[key] else {
        let near = Spelling.nearest(to: key, among: keys.keys).map {
          " (did you mean \(prefix)\($0.uppercased().replacing("-", with: "_"))?)"
        }
        throw CommandError.usage("\(name) is no setting of unclip serve\(near ?? "").")
      }
      let values: [String] =
        kind == .list
        ? text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } : [text]
      arguments += try self.arguments(key, kind, values, place: name)
    }
    return try parse(arguments, place: "The environment")
  }

  private static func read(_ file: URL) throws -> ServeOptions {
    let value = try JSONDecoder().decode(JSONValue.self, from: ConfigDocument.json(at: file))
    guard case .object(let members) = value else {
      throw CommandError.data("\(file.path) holds no settings; write them as 'port: 8080'.")
    }
    var arguments: [String] = []
    for (name, value) in members.sorted(by: { $0.key < $1.key }) where value != .null {
      let key = name.replacing("_", with: "-")
      guard let kind = keys[key] else {
        let near = Spelling.nearest(to: key, among: keys.keys)
        throw CommandError.data(
          "\(file.path): '\(name)' is no setting of unclip serve"
            + (near.map { " (did you mean '\($0)'?)" } ?? "") + ".")
      }
      let place = "\(file.path): '\(name)'"
      var values = [value]
      if case .array(let items) = value {
        guard kind == .list else { throw CommandError.data("\(place) takes one value, no list.") }
        values = items
      }
      let texts = try values.map { value in
        switch value {
        case .string(let text): return text
        case .object, .array, .null: throw CommandError.data("\(place) takes a text or a number.")
        default: return value.text
        }
      }
      arguments += try self.arguments(key, kind, texts, place: place)
    }
    return try parse(arguments, place: file.path)
  }

  /// The arguments that say the same on a command line; each is checked, so that an error names its
  /// place.
  private static func arguments(
    _ key: String, _ kind: Kind, _ values: [String], place: String
  ) throws -> [String] {
    guard kind == .flag else {
      let arguments = values.map { "--\(key)=\($0)" }
      // Its partner may be elsewhere.
      if key != "tls-cert", key != "tls-key" { _ = try parse(arguments, place: place) }
      return arguments
    }
    switch values.first?.lowercased() {
    case "true", "1", "yes": return ["--\(key)"]
    case "false", "0", "no", "": return []
    default: throw CommandError.usage("\(place) is true or false.")
    }
  }

  private static func parse(_ arguments: [String], place: String) throws -> ServeOptions {
    do { return try parse(arguments) } catch {
      throw CommandError.usage("\(place): \(message(for: error))")
    }
  }
}
