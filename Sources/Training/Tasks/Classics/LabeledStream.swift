public import Classics
public import Datasets
public import Foundation
public import Torch

/// Batches of pictures with their classes, for the models that know no sentences.
///
/// The classes are the groups of the data set: the ten kinds of clothes of Fashion-MNIST, the
/// categories of the emoji.
public final class LabeledStream {
  /// Names of the classes, sorted.
  public var classes: [String] { reader.classes }

  private let stream: TrainingStream
  private let heldOut: TrainingStream?
  private let reader: LabelReader

  /// Opens data set folders.
  /// - Throws: `DataError`.
  public init(
    directories: [URL], options: DataOptions, batchSize: Int, size: Int, channels: Int,
    seed: UInt64, device: Device = .cpu
  ) throws(DataError) {
    stream = try TrainingStream(
      directories: directories,
      configuration: options.stream(batchSize: batchSize, imageSize: size, seed: seed))
    heldOut = try options.heldOut(in: directories, size: size)
    let infos = stream.infos.merging(heldOut?.infos ?? [:]) { first, _ in first }
    reader = LabelReader(infos, size: size, channels: channels, device: device)
  }

  /// The batch of an index, a pure function of it.
  /// - Throws: `DataError` if a picture cannot be decoded.
  public func batch(at index: Int) throws(DataError) -> LabeledImages {
    let batch = try stream.batch(at: index)
    return reader.pictures(batch.pixels, keys: batch.keys, captions: batch.captions)
  }

  /// Held-out pictures as they are, or those of training where none are held out.
  /// - Throws: `DataError` if a picture cannot be decoded.
  public func evaluation(limit: Int = .max) throws(DataError) -> LabeledImages {
    reader.pictures(try (heldOut ?? stream).samples(limit: limit)[...])
  }

  /// The pictures of training as they are, in the order of the data set, some at a time.
  /// - Throws: `DataError` if a picture cannot be decoded.
  func forEachTrainingChunk(
    of size: Int, _ body: (_ pictures: LabeledImages, _ count: Int) -> Void
  ) throws(DataError) {
    let samples = try stream.samples()
    for start in stride(from: 0, to: samples.count, by: size) {
      let end = min(start + size, samples.count)
      body(reader.pictures(samples[start..<end]), samples.count)
    }
  }
}
