import Files
public import Foundation
public import Torch

/// The tensors of a file that PyTorch wrote (`torch.save`, `torch.jit.save`): `.pt`, `.pth`,
/// `.ckpt`, `.bin`.
///
/// Such a file is a zip archive of the tensors' bytes and a pickle, which in Python may run
/// anything. Here nothing is run: tensors, numbers, texts and plain containers are read, and every
/// other class or function is refused by name.
public struct TorchArchive {
  /// The tensors by key. Keys of nested containers are joined with dots; positions in lists
  /// and tuples count from 0. Tensors in row-major order share the file's mapped pages, as those of
  /// `Safetensors.read` do; others are copied.
  public let tensors: [String: Tensor]
  /// Whether the file is a TorchScript archive; its code is not read.
  public let isScript: Bool

  /// The largest pickle that is read, bytes; it describes the tensors and does not hold them.
  static let largestPickle = 256 << 20

  /// Opens a file.
  ///
  /// The file must not be changed in place while its tensors are in use.
  /// - Throws: `CheckpointError.unreadable`; `ArchiveError.refused` with the first unknown
  ///   name, `.damaged` for impossible sizes, offsets and strides, `.unsupported` for files of
  ///   PyTorch before 1.6 and of big-endian machines.
  ///
  /// Source: torch `serialization`, `caffe2/serialize/inline_container`.
  public init(_ url: URL) throws {
    let mapping: FileMapping
    do { mapping = try FileMapping(url) } catch { throw CheckpointError(unreadable: error) }
    try FileKind.requireZip(mapping.bytes, file: url.path)
    let archive = try ZipArchive(mapping, file: url.path)
    guard let root = Self.root(of: archive) else {
      throw ArchiveError.damaged(file: url.path, reason: "no data.pkl is in it")
    }
    let budget = ReadingBudget(file: url.path, fileSize: mapping.bytes.count)
    if let order = archive.entries[root + "byteorder"] {
      let name = try archive.bytes(of: order, limit: 64, budget: budget)
      guard name.starts(with: Array("little".utf8)) else {
        throw ArchiveError.unsupported(
          file: url.path, form: "a file of a big-endian machine",
          advice: "load and save it again on another machine")
      }
    }
    let isScript = archive.entries[root + "constants.pkl"] != nil
    self.isScript = isScript
    guard let entry = archive.entries[root + "data.pkl"] else {
      throw ArchiveError.damaged(file: url.path, reason: "no data.pkl is in it")
    }
    let pickle = try archive.bytes(of: entry, limit: Self.largestPickle, budget: budget)
    let references = try pickle.withUnsafeBytes { bytes in
      try PickleReader.read(
        bytes, file: url.path, isScript: isScript, budget: budget
      ) { value in
        try TensorCollector.tensors(in: value, file: url.path, budget: budget)
      }
    }
    var storages = StorageReader(archive, folder: root + "data/", budget: budget)
    tensors = try references.reduce(into: [:]) { tensors, item in
      tensors[item.key] = try storages.tensor(item.value, key: item.key)
    }
  }

  /// Finds the folder in the archive that holds `data.pkl`, with a slash at its end.
  private static func root(of archive: ZipArchive) -> String? {
    let names = archive.entries.keys.filter {
      $0 == "data.pkl" || $0.hasSuffix("/data.pkl") && $0.filter { $0 == "/" }.count == 1
    }
    guard names.count == 1, let name = names.first else { return nil }
    return String(name.dropLast("data.pkl".count))
  }
}
