public import CLIP
public import Foundation
public import Torch

/// CLIP's embeddings of a batch's images and captions.
public struct Embeddings {
  /// Image embeddings, `[B, D]`, raw.
  public var image: Tensor
  /// Embeddings and encodings of the captions.
  public var text: TextConditioning
  /// Image embeddings that the prior samples from the captions, `[B, D]`, raw; nil without a prior.
  public var drawn: Tensor?

  /// Groups them.
  public init(image: Tensor, text: TextConditioning, drawn: Tensor? = nil) {
    self.image = image
    self.text = text
    self.drawn = drawn
  }

  /// Some rows of the batch; all for nil.
  subscript(rows: BatchRows?) -> Embeddings {
    guard let range = rows?.range else { return self }
    return Embeddings(
      image: image[range],
      text: TextConditioning(
        embedding: text.embedding[range], encodings: text.encodings[range],
        mask: text.mask[range]),
      drawn: drawn?[range])
  }

  /// The prior's embedding, if any, where `chosen` (`[B]` bool) is true; else the image's own.
  func mixed(drawn chosen: Tensor) -> Tensor {
    guard let drawn else { return image }
    return Tensor.where(chosen.unsqueezed(1), drawn, image)
  }
}

/// Embeddings of the first batches of a data stream, computed once, kept in safetensors shards and
/// read through the page cache.
///
/// Text encodings are kept in half precision, everything else in single. A shard carries the
/// fingerprint of the model, the data and the order they were made from; shards of another
/// fingerprint are made again.
public final class EmbeddingCache {
  /// Batches in a shard.
  static let shardBatches = 16

  /// Batches in the cache.
  public let batchCount: Int
  private let folder: URL
  private let fingerprint: String
  private let device: Device
  private var open: [Int: [String: Tensor]] = [:]
  /// Where each shard lies.
  private var files: [URL] = []

  /// Opens the cache in `folder` and computes what is missing.
  ///
  /// - Parameters:
  ///   - folder: Where the shards lie.
  ///   - batchCount: The number of batches.
  ///   - fingerprint: A hash of all that the embeddings depend on.
  ///   - others: Caches of other runs, whose shards of this fingerprint are read where they lie.
  ///   - device: Where the embeddings are needed.
  ///   - compute: Computes the embeddings of a batch; called in order.
  ///   - progress: Receives the number of batches that are there.
  /// - Throws: `CheckpointError` when a shard cannot be written, and what `compute` throws.
  ///   Complete shards stay for the next run.
  public init(
    folder: URL, batchCount: Int, fingerprint: String, others: [URL] = [],
    device: Device = .cpu, compute: (Int) throws -> Embeddings, progress: (Int) -> Void = { _ in }
  ) throws {
    precondition(batchCount > 0, "an embedding cache of \(batchCount) batches")
    self.folder = folder
    self.batchCount = batchCount
    self.fingerprint = fingerprint
    self.device = device
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for first in stride(from: 0, to: batchCount, by: Self.shardBatches) {
      let count = min(Self.shardBatches, batchCount - first)
      let shard = first / Self.shardBatches
      let places = ([folder] + others).map { Self.url(of: shard, in: $0) }
      if let found = places.first(where: { isCurrent($0, batches: count) }) {
        files.append(found)
      } else {
        files.append(places[0])
        try write((first..<first + count).map(compute), as: shard)
      }
      progress(first + count)
    }
  }

  /// The embeddings of a batch; indices beyond the last start again at the first.
  ///
  /// - Throws: `CheckpointError` when a shard has become unreadable.
  ///
  /// Shapes: image and drawn `[B, D]`; text `[B, D]`, encodings `[B, L, D]`, mask `[B, L]`.
  public func embeddings(at index: Int) throws(CheckpointError) -> Embeddings {
    let position = index % batchCount
    let tensors = try shard(position / Self.shardBatches)
    func row(_ name: String) throws(CheckpointError) -> Tensor {
      guard let tensor = tensors[name] else {
        throw CheckpointError.misfit(
          file: files[position / Self.shardBatches].path, missing: [name], surplus: [],
          misshapen: [])
      }
      return tensor[position % Self.shardBatches]
    }
    return Embeddings(
      image: try row("image").to(device),
      text: TextConditioning(
        embedding: try row("text").to(device),
        encodings: try row("encodings").to(device: device, dtype: .float32),
        mask: try row("mask").to(device)),
      drawn: tensors["drawn"] == nil ? nil : try row("drawn").to(device))
  }

  private static func url(of shard: Int, in folder: URL) -> URL {
    let digits = "\(shard)"
    let zeros = String(repeating: "0", count: max(0, 5 - digits.count))
    return folder.appending(path: "embeddings-\(zeros)\(digits).safetensors")
  }

  private func shard(_ index: Int) throws(CheckpointError) -> [String: Tensor] {
    if let tensors = open[index] { return tensors }
    let tensors = try Safetensors.read(files[index]).tensors
    open[index] = tensors
    return tensors
  }

  private func isCurrent(_ url: URL, batches: Int) -> Bool {
    guard FileManager.default.fileExists(atPath: url.path) else { return false }
    do {
      let file = try Safetensors.read(url)
      return file.metadata["fingerprint"] == fingerprint
        && file.tensors["image"]?.dim(0) == batches
    } catch {
      return false  // A damaged shard is made again.
    }
  }

  private func write(_ batches: [Embeddings], as shard: Int) throws(CheckpointError) {
    var tensors = noGrad {
      [
        "image": Tensor.stacked(batches.map { $0.image.to(.cpu) }, over: 0),
        "text": Tensor.stacked(batches.map { $0.text.embedding.to(.cpu) }, over: 0),
        "encodings": Tensor.stacked(
          batches.map { $0.text.encodings.to(device: .cpu, dtype: .float16) }, over: 0),
        "mask": Tensor.stacked(batches.map { $0.text.mask.to(.cpu) }, over: 0),
      ]
    }
    let drawn = batches.compactMap(\.drawn)
    if drawn.count == batches.count {
      tensors["drawn"] = noGrad { Tensor.stacked(drawn.map { $0.to(.cpu) }, over: 0) }
    }
    try Safetensors.write(
      tensors, metadata: ["fingerprint": fingerprint], to: files[shard])
  }
}
