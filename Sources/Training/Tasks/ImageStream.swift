import CLIP
public import Datasets
import Files
public import Foundation
import Imaging
public import Torch

/// Images as tensors, with their captions.
public struct Images {
  /// `[B, 3, S, S]` in [-1, 1], channels last in memory.
  public let images: Tensor
  /// One caption per image.
  public let captions: [String]
  /// The samples' keys in their data set.
  let keys: [String]

  init(pixels: [UInt8], size: Int, captions: [String], keys: [String], device: Device) {
    images = Tensor(
      samples: pixels, width: size, height: size, channels: 3, range: .symmetric, device: device)
    self.captions = captions
    self.keys = keys
  }
}

/// Batches of a data set on a device, and its held-out images.
public final class ImageStream {
  /// Side of the images, pixels.
  public let size: Int
  /// Images in a batch.
  public let batchSize: Int
  /// A hash of the data, their order and their augmentation.
  public let fingerprint: String

  /// A hash of the data alone.
  let dataFingerprint: String
  /// The number of held-out images that metrics are of.
  var heldOutCount: Int { heldOut.count }
  /// The number of images that training shows.
  var trainingCount: Int { reader.stream.sampleCount }

  /// The keys of the batch that was made last.
  private(set) var shownKeys: [String] = []

  private let reader: DataReader
  private let heldOut: [EvaluationSample]
  private let seen: [EvaluationSample]

  /// The largest number of images that are kept for evaluation.
  static let evaluationLimit = 512

  /// Opens data set folders; a sample that cannot be read is skipped with a warning, or thrown when
  /// `strict`.
  /// - Throws: `DataError`, `TrainingError.notRead`.
  public init(
    directories: [URL], mixture: Mixture, batchSize: Int, size: Int, seed: UInt64,
    strict: Bool = false, device: Device = .cpu
  ) throws {
    self.size = size
    self.batchSize = batchSize
    reader = try DataReader(
      directories: directories, mixture: mixture, batchSize: batchSize, size: size, seed: seed,
      strict: strict, device: device)
    seen = Self.spread(try reader.stream.samples())
    heldOut =
      mixture.heldOutFraction > 0 ? Self.spread(try reader.heldOut?.samples() ?? []) : []
    var fingerprint = Fingerprint()
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    fingerprint.add(try encoder.encode(reader.stream.configuration))
    dataFingerprint = try Training.dataFingerprint(of: directories)
    fingerprint.add(dataFingerprint)
    fingerprint.add("scenes \(SceneComposer.version)")
    fingerprint.add("captions \(CaptionSampler.version)")
    self.fingerprint = fingerprint.text
  }

  /// The batch at an index, or some rows of it.
  /// - Throws: `DataError` if an image cannot be decoded.
  public func batch(at index: Int, rows: BatchRows? = nil) throws(DataError) -> Images {
    let batch = try reader.stream.batch(at: index, rows: rows?.range)
    shownKeys = batch.keys
    return reader.images(batch.pixels, captions: batch.captions, keys: batch.keys)
  }

  /// Images without augmentation, with plain captions, seen or held out; nil if there are none.
  func samples(heldOut isHeldOut: Bool, limit: Int = evaluationLimit) -> Images? {
    images((isHeldOut ? heldOut : seen).prefix(limit))
  }

  /// Every image of the training split without augmentation, in batches of `count`.
  /// - Throws: `DataError` if an image cannot be decoded.
  func seen(atOnce count: Int) throws(DataError) -> [Images] {
    let samples = try reader.stream.samples(in: .train)
    return stride(from: 0, to: samples.count, by: count).compactMap {
      images(samples[$0..<min($0 + count, samples.count)])
    }
  }

  private func images(_ samples: ArraySlice<EvaluationSample>) -> Images? {
    samples.isEmpty ? nil : reader.images(samples)
  }

  /// Held-out images for a sheet, or others if nothing is held out.
  func sheetSamples(_ count: Int) -> Images {
    guard
      let images = samples(heldOut: true, limit: count) ?? samples(heldOut: false, limit: count)
    else { preconditionFailure("a stream without images was opened") }
    return images
  }

  /// Chooses up to the limit of them, evenly spaced, in an order that mixes sources.
  private static func spread(_ samples: [EvaluationSample]) -> [EvaluationSample] {
    let unique = Dictionary(samples.map { ($0.caption, $0) }, uniquingKeysWith: { a, _ in a })
    var random = SampleRandom(seed: 0)
    var order = unique.values.sorted { $0.key < $1.key }
    random.shuffle(&order)
    return Array(order.prefix(evaluationLimit))
  }
}
