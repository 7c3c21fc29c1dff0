public import Foundation
public import Testing
public import Torch

/// A file of values that a peer computed, from `Tests/Golden`.
///
/// Keys with a dot are groups: `weights.conv1.bias` is `conv1.bias` of the group `weights`.
public struct Golden: CustomTestStringConvertible, Sendable {
  /// The area and case, as "torch/ops".
  public let name: String

  /// The golden case of a name.
  public init(_ name: String) { self.name = name }

  /// All cases of an area, or those whose names begin with a text ("clip/block").
  public static func cases(_ prefix: String) -> [Golden] {
    let area = prefix.split(separator: "/", maxSplits: 1).first.map(String.init) ?? prefix
    let files: [String]
    do {
      files = try FileManager.default.contentsOfDirectory(atPath: url(area).path)
    } catch {
      preconditionFailure("no golden folder \(area): \(error.localizedDescription)")
    }
    return files.filter { $0.hasSuffix(".safetensors") }
      .map { area + "/" + $0.dropLast(".safetensors".count) }
      .filter { $0.hasPrefix(prefix) }
      .sorted()
      .map { Golden($0) }
  }

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

  /// The name of the case.
  public var testDescription: String { name }
}

/// Why a golden value is not there.
public enum GoldenError: Error, CustomStringConvertible {
  /// The file has no such tensor.
  case noTensor(file: String, key: String, known: [String])

  /// What is there instead.
  public var description: String {
    switch self {
    case .noTensor(let file, let key, let known):
      "Golden \(file) has no \"\(key)\" but \(known.joined(separator: ", "))"
    }
  }
}
