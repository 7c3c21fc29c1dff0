import Files
package import Foundation

/// One of the files that together hold a model's weights, as listed in their index.
package struct WeightShard {
  /// The file, beside the index.
  package let url: URL
  /// The tensors it must hold.
  let keys: Set<String>
  /// The tensors that other files must hold.
  private let others: Set<String>
  private let index: URL

  /// Returns the files of an index (`model.safetensors.index.json`,
  /// `pytorch_model.bin.index.json`).
  ///
  /// - Throws: `CheckpointError.unreadable`, `.malformed`, `.pointer`.
  package static func all(of indexURL: URL) throws(CheckpointError) -> [WeightShard] {
    struct Index: Decodable {
      let weight_map: [String: String]
    }
    let index: Index
    do {
      let data = try Data(contentsOf: indexURL)
      if GitLFS.isPointer(data) { throw CheckpointError.pointer(file: indexURL.path) }
      index = try JSONDecoder().decode(Index.self, from: data)
    } catch let error as CheckpointError {
      throw error
    } catch let error as DecodingError {
      throw .malformed(file: indexURL.path, reason: "it is no index of weights: \(brief(error))")
    } catch {
      throw .unreadable(file: indexURL.path, reason: reason(of: error))
    }
    var shards: [WeightShard] = []
    for (name, entries) in Dictionary(grouping: index.weight_map, by: \.value) {
      guard !name.contains("/"), name != "..", name != "." else {
        throw .malformed(
          file: indexURL.path, reason: "\"\(name)\" is not the name of a file beside it")
      }
      shards.append(
        WeightShard(
          url: indexURL.deletingLastPathComponent().appendingPathComponent(name),
          keys: Set(entries.map(\.key)),
          others: Set(index.weight_map.keys).subtracting(entries.map(\.key)), index: indexURL))
    }
    return shards.sorted { $0.url.path < $1.url.path }
  }

  /// Returns the file's contents after checking them against the index.
  ///
  /// - Throws: `CheckpointError.malformed`.
  package func checked(_ tensors: [String: Tensor]) throws(CheckpointError) -> [String: Tensor] {
    // A key that the index lacks is taken, as by PyTorch's readers.
    if let key = tensors.keys.filter(others.contains).min() {
      throw .malformed(
        file: url.path, reason: "it holds \"\(key)\", which the index places in another file")
    }
    if let key = keys.filter({ tensors[$0] == nil }).min() {
      throw .malformed(
        file: index.path, reason: "\"\(key)\" is not in \(url.lastPathComponent)")
    }
    return tensors
  }

  private static func brief(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "there is no \(key.stringValue)"
    case .typeMismatch, .valueNotFound: "a value is of the wrong type"
    default: "it is not JSON"
    }
  }
}
