public import Foundation
public import Torch

/// A file of values that a peer computed, from `Tests/Golden`.
///
/// Keys with a dot are groups: `weights.conv1.bias` is `conv1.bias` of the group `weights`.
public struct Golden: Sendable {
  /// The area and case, as "torch/ops".
  public let name: String

  /// The golden case of a name.
  public init(_ name: String) { self.name = name }

  /// A file of the golden folder.
  public static func url(_ path: String, from file: StaticString = #filePath) -> URL {
    URL(fileURLWithPath: "\(file)")
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden").appendingPathComponent(path)
  }

  /// The tensors of a file of the golden folder.
  public static func tensors(_ path: String) throws -> [String: Tensor] {
    try Safetensors.read(url(path)).tensors
  }

  /// Every tensor of the case.
  public func tensors() throws -> [String: Tensor] {
    try Self.tensors(name + ".safetensors")
  }

  /// The tensors of a group, by the rest of their keys.
  public func tensors(_ group: String) throws -> [String: Tensor] {
    var found: [String: Tensor] = [:]
    for (key, value) in try tensors() where key.hasPrefix(group + ".") {
      found[String(key.dropFirst(group.count + 1))] = value
    }
    // A loop over no tensors would test nothing.
    guard !found.isEmpty else {
      throw GoldenError.noTensor(file: name, key: group + ".", known: try tensors().keys.sorted())
    }
    return found
  }

  /// One tensor of the case.
  public func tensor(_ key: String) throws -> Tensor {
    let all = try tensors()
    guard let tensor = all[key] else {
      throw GoldenError.noTensor(file: name, key: key, known: all.keys.sorted())
    }
    return tensor
  }

  /// The value in the `.json` beside the case.
  public func json<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: Self.url(name + ".json")))
  }
}

/// Why a golden value is not there.
public enum GoldenError: Error, CustomStringConvertible {
  /// The file has no such tensor.
  case noTensor(file: String, key: String, known: [String])

  /// What is there instead.
  public var description: String {
    switch self {
    case .noTensor(let file, let key, let known):
      "Golden \(file) has no \"\(key)\" among \(known.count), such as "
        + known.prefix(5).joined(separator: ", ")
    }
  }
}
