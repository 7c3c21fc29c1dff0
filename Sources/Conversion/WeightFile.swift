import Files
public import Foundation
public import Torch
import TorchArchive

/// The tensors of one file of any supported format, under the plain keys of a state dict.
public struct WeightFile {
  /// The file.
  public let url: URL
  /// The tensors by key.
  public let tensors: [String: Tensor]
  /// Whether the file is a TorchScript archive, as OpenAI's are.
  public let isScript: Bool

  /// Opens a PyTorch or safetensors file.
  ///
  /// From a checkpoint that holds more than weights, the state dict is taken; the prefix `module.`
  /// of training on several devices is removed.
  /// - Throws: `CheckpointError`, `ArchiveError`.
  public init(_ url: URL) throws {
    self.url = url
    let found: [String: Tensor]
    if try Self.isSafetensors(url) {
      found = try Safetensors.read(url).tensors
      isScript = false
    } else {
      let archive = try TorchArchive(url)
      found = archive.tensors
      isScript = archive.isScript
    }
    var tensors = found
    for prefix in ["state_dict.", "module."] {
      let inner = tensors.stripped(of: prefix)
      if !inner.isEmpty { tensors = inner }
    }
    // No weight is empty; beside a zero, a shape may claim any length.
    self.tensors = tensors.filter { $0.value.count > 0 }
  }

  private static func isSafetensors(_ url: URL) throws -> Bool {
    if url.pathExtension == "safetensors" { return true }
    do {
      let handle = try FileHandle(forReadingFrom: url)
      defer { handle.closeFile() }
      let start = try handle.read(upToCount: 512) ?? Data()
      return start.withUnsafeBytes { FileKind($0) == .safetensors }
    } catch {
      throw CheckpointError.unreadable(file: url.path, reason: reason(of: error))
    }
  }
}

extension [String: Tensor] {
  /// Selects the tensors whose keys begin with a prefix, and removes it.
  func stripped(of prefix: String) -> [String: Tensor] {
    var found: [String: Tensor] = [:]
    for (key, value) in self where key.hasPrefix(prefix) {
      found[String(key.dropFirst(prefix.count))] = value
    }
    return found
  }
}
