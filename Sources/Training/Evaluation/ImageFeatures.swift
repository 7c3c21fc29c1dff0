public import CLIP
import Files
import Foundation
public import ImageMetrics
public import Imaging
public import Torch
import TorchNN

/// Features of images for the metrics that compare sets of them, with their source.
public struct ImageFeatures {
  /// What computes them.
  public let source: FeatureSource
  private let compute: ([Image]) -> Tensor

  /// Takes the embeddings of a CLIP, whose own preprocessor resizes the images.
  ///
  /// - Throws: `CLIPFolderError`, `ConfigError`, `CheckpointError`.
  public init(clip folder: CLIPFolder, device: Device = .cpu, dtype: DType = .float32) throws {
    try self.init(
      encoder: CLIPImageEncoder(folder, device: device, dtype: dtype), folder: folder)
  }

  /// Takes an encoder that is loaded already from the folder.
  init(encoder: CLIPImageEncoder, folder: CLIPFolder) throws {
    source = FeatureSource(
      network: "clip",
      fingerprint: Self.fingerprint(of: try folder.loadVision().stateDict()),
      filter: "bicubic as Pillow's", size: encoder.imageSize, width: encoder.width)
    compute = { encoder($0) }
  }

  /// Takes the pooled features of the Inception network of FID.
  ///
  /// - Parameters:
  ///   - state: Its weights by key.
  ///   - file: The file they are of, for errors.
  /// - Throws: `FeatureError`, `CheckpointError`.
  public init(inception state: [String: Tensor], file: String) throws {
    let network = try InceptionV3.load(state, file: file)
    source = FeatureSource(
      network: "inception", fingerprint: Self.fingerprint(of: state),
      filter: "bilinear as TensorFlow 1's", size: InceptionV3.size, width: InceptionV3.width)
    compute = { images in
      // Images of one size go through the network together.
      let pixels = images.map { image in
        let shown = image.composited(over: (255, 255, 255))
        return InceptionV3.resized(
          (Tensor(images: [shown], range: .unit) * 255).contiguous())
      }
      return network(Tensor.concatenated(pixels, over: 0))
    }
  }

  /// Computes features of images of any size.
  ///
  /// Shapes: to `[images, width]` float32.
  /// - Throws: `FeatureError.notFinite`.
  /// - Precondition: At least one image.
  public func callAsFunction(_ images: [Image]) throws(FeatureError) -> Tensor {
    let features = noGrad { compute(images) }
    guard features.isFinite().all().item() == 1 else { throw .notFinite(source: source.text) }
    return features
  }

  /// Features of many images, a few at a time.
  ///
  /// - Throws: `FeatureError.notFinite`.
  /// - Precondition: At least one image.
  func callAsFunction(all images: [Image]) throws(FeatureError) -> Tensor {
    let size = Self.batch
    var rows: [Tensor] = []
    for start in stride(from: 0, to: images.count, by: size) {
      rows.append(try self(Array(images[start..<min(start + size, images.count)])))
    }
    return Tensor.concatenated(rows, over: 0)
  }

  /// Images that go through the network at once.
  public static let batch = 16

  /// Hashes the keys, the shapes and at most 4,096 values of each weight.
  private static func fingerprint(of state: [String: Tensor]) -> String {
    var fingerprint = Fingerprint()
    for (key, tensor) in state.sorted(by: { $0.key < $1.key })
    where tensor.dtype.isFloatingPoint && tensor.count > 0 {
      fingerprint.add("\(key) \(tensor.shape)")
      let step = max(1, tensor.count / 4096)
      let values = tensor.flattened().strided(0, from: 0, to: tensor.count, by: step)
      fingerprint.add(Data(values.to(.float32).contiguous().bytes()))
    }
    return fingerprint.text
  }
}
