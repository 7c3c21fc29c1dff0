import Config
import Datasets
import Foundation
import Imaging
import Torch

/// The batches of a data set to train on, and its held-out images.
struct DataReader {
  /// Side of the images, pixels.
  let size: Int
  /// Batches of the training split.
  let stream: TrainingStream
  /// The held-out split; nil if there is none.
  let heldOut: TrainingStream?
  private let device: Device

  /// Opens data set folders; the first sample that cannot be read is thrown when `strict`.
  ///
  /// - Throws: `DataError`.
  init(
    directories: [URL], mixture: Mixture, batchSize: Int, size: Int, seed: UInt64,
    strict: Bool, device: Device
  ) throws(DataError) {
    self.size = size
    self.device = device
    stream = try TrainingStream(
      directories: directories,
      configuration: StreamConfiguration(
        mixture, batchSize: batchSize, imageSize: size, seed: seed, strict: strict))
    heldOut = try Self.heldOut(in: directories, mixture, size: size, strict: strict)
  }

  /// The held-out images of data sets; nil when there are none.
  static func heldOut(
    in directories: [URL], _ mixture: Mixture, size: Int, strict: Bool
  ) throws(DataError) -> TrainingStream? {
    var mixture = mixture
    mixture.sceneFraction = 0
    do {
      return try TrainingStream(
        directories: directories,
        configuration: StreamConfiguration(
          mixture, batchSize: 1, imageSize: size, part: .heldOut, strict: strict))
    } catch DataError.empty {
      return nil
    }
  }

  /// The names and captions of every image, by its key.
  var infos: [String: SampleInfo] {
    stream.infos.merging(heldOut?.infos ?? [:]) { first, _ in first }
  }

  /// Converts RGB bytes to tensors.
  func images(_ pixels: [UInt8], captions: [String], keys: [String]) -> Images {
    Images(pixels: pixels, size: size, captions: captions, keys: keys, device: device)
  }

  /// Converts samples without augmentation, with plain captions.
  func images(_ samples: some Collection<EvaluationSample>) -> Images {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(samples.count * size * size * 3)
    for sample in samples { pixels += sample.image.pixels }
    return images(pixels, captions: samples.map(\.caption), keys: samples.map(\.key))
  }
}
