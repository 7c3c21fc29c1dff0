import Files
public import Foundation

/// The tensors and metadata of one safetensors file.
public struct SafetensorsFile {
  /// The tensors by key. They map the file's pages, which are read at their first use; writing to
  /// them changes private copies of the pages, never the file.
  public let tensors: [String: Tensor]
  /// The writer's metadata.
  public let metadata: [String: String]
}

/// The reader and writer of the safetensors format.
public enum Safetensors {
  /// Opens a file without copying its tensors.
  ///
  /// The file must not be changed in place while its tensors are in use; replacing it by renaming
  /// another over it is fine.
  /// - Throws: `CheckpointError.unreadable`, `.malformed`, `.badTensor`, `.pointer`.
  public static func read(_ url: URL) throws(CheckpointError) -> SafetensorsFile {
    let mapping: FileMapping
    do { mapping = try FileMapping(url) } catch { throw CheckpointError(unreadable: error) }
    if GitLFS.isPointer(mapping.bytes) { throw .pointer(file: url.path) }
    let header = try SafetensorsHeader(
      parsing: mapping.bytes, fileSize: mapping.bytes.count, file: url.path)
    var tensors: [String: Tensor] = [:]
    for entry in header.entries {
      tensors[entry.name] = mapping.tensor(
        shape: entry.shape, dtype: entry.dtype, at: header.dataStart + entry.range.lowerBound)
    }
    return SafetensorsFile(tensors: tensors, metadata: header.metadata)
  }

  /// Opens the files of an index (`model.safetensors.index.json`) as one set of tensors.
  ///
  /// - Throws: As `read`, and `.malformed` when index and files do not name the same tensors.
  public static func readSharded(indexURL: URL) throws(CheckpointError) -> [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for shard in try WeightShard.all(of: indexURL) {
      try tensors.merge(shard.checked(read(shard.url).tensors)) { $1 }
    }
    return tensors
  }

  /// Opens the weights of a model folder: `stem.safetensors`, the files of
  /// `stem.safetensors.index.json`, or either of them in lower precision (`stem.fp16.safetensors`).
  ///
  /// - Throws: As `read` and `readSharded`; `.unreadable` when neither file is there.
  public static func readModel(
    folder: URL, stem: String = "model"
  ) throws(CheckpointError) -> [String: Tensor] {
    if let found = WeightFiles(folder, stem: stem).first {
      return try WeightFiles.isIndex(found) ? readSharded(indexURL: found) : read(found).tensors
    }
    let pickle = stem.hasSuffix("pytorch_model") ? stem : "pytorch_\(stem)"
    let files = WeightFiles(folder, stem: stem, pickles: [pickle])
    var reason = "there is neither this file nor an index of several"
    if let found = files.first {
      let name = found.lastPathComponent
      reason =
        WeightFiles.isIndex(found)
        ? "only \(name) is there, an index of pickles; `unclip convert` makes safetensors of them"
        : "only \(name) is there, a pickle; `unclip convert` makes safetensors of it"
    } else if let refusal = files.refusedVariant {
      throw refusal
    }
    throw .unreadable(
      file: folder.appendingPathComponent(stem + ".safetensors").path, reason: reason)
  }

  /// Writes tensors to a file, those of the widest types first and each type in the order of keys.
  /// A rename replaces the file in one step, so a reader finds the old or the whole new one.
  ///
  /// - Throws: `CheckpointError.unwritable`.
  public static func write(
    _ tensors: [String: Tensor], metadata: [String: String] = [:], to url: URL
  ) throws(CheckpointError) {
    let writer = try SafetensorsWriter(
      tensors.map { ($0.key, $0.value.dtype, $0.value.shape) }, metadata: metadata, to: url)
    for key in writer.keys {
      if let tensor = tensors[key] { try writer.append(tensor) }
    }
    try writer.commit()
  }
}
