public import Classics
public import Datasets
public import Foundation
import Imaging
public import Torch

extension LabeledImages {
  /// Reads held-out images without augmentation; nil if there are none.
  ///
  /// - Parameters:
  ///   - directories: Folders of shards.
  ///   - share: The fraction of concepts that training held out; of a set with a test split, that
  ///     split is held out.
  ///   - size: Side of the images, pixels.
  ///   - channels: 1 for grey, 3 for RGB.
  ///   - limit: The largest number of images.
  ///   - device: The device of the tensors.
  /// - Throws: `DataError`.
  public static func heldOut(
    in directories: [URL], share: Double, size: Int, channels: Int, limit: Int = .max,
    device: Device = .cpu
  ) throws(DataError) -> LabeledImages? {
    let mixture = Mixture(heldOutFraction: share, coreOnly: false)
    guard let stream = try DataReader.heldOut(in: directories, mixture, size: size, strict: false)
    else {
      return nil
    }
    let reader = LabelReader(stream.infos, size: size, channels: channels, device: device)
    return reader.images(try stream.samples(limit: limit)[...])
  }
}

/// Turns the images of a data set into tensors with their classes.
struct LabelReader {
  let size: Int
  let channels: Int
  let device: Device
  /// Names of the classes, sorted.
  let classes: [String]
  private let labels: [String: Int]

  /// The classes are the groups, or the subgroups where all images are of one group.
  init(_ infos: [String: SampleInfo], size: Int, channels: Int, device: Device) {
    self.size = size
    self.channels = channels
    self.device = device
    let isOne = Set(infos.values.map { $0.topGroup ?? "" }).count == 1
    let names = infos.mapValues { (isOne ? $0.subgroup : $0.topGroup) ?? "other" }
    classes = Set(names.values).sorted()
    let indices = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, $0) })
    labels = names.compactMapValues { indices[$0] }
  }

  func images(_ samples: ArraySlice<EvaluationSample>) -> LabeledImages {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(samples.count * size * size * 3)
    for sample in samples { pixels.append(contentsOf: sample.image.pixels) }
    return images(pixels, keys: samples.map(\.key), captions: samples.map(\.caption))
  }

  func images(_ pixels: [UInt8], keys: [String], captions: [String]) -> LabeledImages {
    var images = Images(
      pixels: pixels, size: size, captions: captions, keys: keys, device: device
    ).images
    if channels == 1 {
      // The luma of ITU-R BT.601, as PIL computes it.
      let weights = Tensor([0.299, 0.587, 0.114] as [Float], shape: [1, 3, 1, 1]).to(device)
      images = (images * weights).sum(over: 1, keepingDims: true)
    }
    // Scenes and shapes belong to no group; they count as the first.
    let indices = keys.map { Int64(labels[$0] ?? 0) }
    return LabeledImages(
      images: images.contiguous(), labels: Tensor(indices, shape: [keys.count]).to(device),
      captions: captions)
  }
}
