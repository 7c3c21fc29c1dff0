import Torch

extension Module {
  /// The module as an indented tree of keys, types and shapes, one line per module.
  public var description: String {
    var lines: [String] = []
    var own: [String: [String]] = [:]
    walk { key, part in
      let (parent, name) = Self.split(key)
      switch part {
      case .parameter(let parameter): own[parent, default: []].append("\(name) \(parameter.shape)")
      case .buffer(let buffer): own[parent, default: []].append("\(name) \(buffer.value.shape)")
      case .module: break
      }
    }
    for (key, module) in namedModules() {
      let depth = key.isEmpty ? 0 : key.split(separator: ".").count
      let label = key.isEmpty ? "" : Self.split(key).name + ": "
      let shapes = own[key].map { "(" + $0.joined(separator: ", ") + ")" } ?? ""
      lines.append(String(repeating: "  ", count: depth) + label + "\(type(of: module))" + shapes)
    }
    return lines.joined(separator: "\n")
  }

  /// Splits a key into that of its module and the name in it.
  private static func split(_ key: String) -> (parent: String, name: String) {
    guard let dot = key.lastIndex(of: ".") else { return ("", key) }
    return (String(key[..<dot]), String(key[key.index(after: dot)...]))
  }
}
