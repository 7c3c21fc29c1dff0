public import Classics
public import Datasets
public import Foundation
public import Torch

/// Batches of images with their classes, for the models that take no text.
///
/// The classes are the groups of the data set: the ten kinds of clothes of Fashion-MNIST, the
/// categories of the emoji.
public final class LabeledStream {
  /// Names of the classes, sorted.
  public var classes: [String] { labels.classes }

  /// The number of held-out images that metrics are of.
  var heldOutCount: Int { reader.heldOut?.sampleCount ?? 0 }

  /// The keys of the batch that was made last.
  private(set) var shownKeys: [String] = []

  private let reader: DataReader
  private let labels: LabelReader

  /// Opens data set folders; a sample that cannot be read is skipped with a warning, or thrown when
  /// `strict`.
  /// - Throws: `DataError`.
  public init(
    directories: [URL], mixture: Mixture, batchSize: Int, size: Int, channels: Int,
    seed: UInt64, strict: Bool = false, device: Device = .cpu
  ) throws(DataError) {
    reader = try DataReader(
      directories: directories, mixture: mixture, batchSize: batchSize, size: size, seed: seed,
      strict: strict, device: device)
    labels = LabelReader(reader.infos, size: size, channels: channels, device: device)
  }

  /// The batch at an index, a pure function of it, or some rows of it.
  /// - Throws: `DataError` if an image cannot be decoded.
  public func batch(at index: Int, rows: BatchRows? = nil) throws(DataError) -> LabeledImages {
    let batch = try reader.stream.batch(at: index, rows: rows?.range)
    shownKeys = batch.keys
    return labels.images(batch.pixels, keys: batch.keys, captions: batch.captions)
  }

  /// Held-out images without augmentation, or training images where none are held out.
  /// - Throws: `DataError` if an image cannot be decoded.
  public func evaluation(limit: Int = .max) throws(DataError) -> LabeledImages {
    labels.images(try (reader.heldOut ?? reader.stream).samples(limit: limit)[...])
  }

  /// Reads the training images without augmentation, in the order of the data set, some at a time.
  /// - Throws: `DataError` if an image cannot be decoded.
  func forEachTrainingChunk(
    of size: Int, _ body: (_ images: LabeledImages, _ count: Int) -> Void
  ) throws(DataError) {
    let samples = try reader.stream.samples()
    for start in stride(from: 0, to: samples.count, by: size) {
      let end = min(start + size, samples.count)
      body(labels.images(samples[start..<end]), samples.count)
    }
  }
}
