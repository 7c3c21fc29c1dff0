import CLIP
public import Foundation
public import Torch
import TorchNN

extension EmbeddingPCA {
  /// Reads a file that ``write(to:dtype:metadata:)`` wrote.
  ///
  /// - Throws: `CheckpointError` for a file that cannot be read, lacks a tensor, or holds one that
  ///   is not finite, of another shape, or with components that are not orthonormal.
  public init(contentsOf url: URL) throws(CheckpointError) {
    let tensors = try Safetensors.read(url).tensors
    func fault(_ key: String, _ expected: String, _ found: Tensor) -> CheckpointError {
      .badTensor(file: url.path, key: key, expected: expected, found: "\(found.shape)")
    }
    let names = ["mean", "components", "variances", "total_variance"]
    let missing = names.filter { tensors[$0] == nil }
    guard let mean = tensors["mean"], let components = tensors["components"],
      let variances = tensors["variances"], let total = tensors["total_variance"]
    else {
      throw .misfit(file: url.path, missing: missing, surplus: [], misshapen: [])
    }
    guard mean.shape.count == 1, mean.count > 0 else { throw fault("mean", "one axis", mean) }
    guard components.shape.count == 2, components.dim(1) == mean.dim(0),
      (1...mean.dim(0)).contains(components.dim(0))
    else { throw fault("components", "[1 to \(mean.dim(0)), \(mean.dim(0))]", components) }
    guard variances.shape == [components.dim(0)] else {
      throw fault("variances", "[\(components.dim(0))]", variances)
    }
    guard total.count == 1 else { throw fault("total_variance", "one number", total) }
    for (key, tensor) in tensors.sorted(by: { $0.key < $1.key }) where names.contains(key) {
      guard tensor.dtype.isFloatingPoint else {
        throw .badTensor(
          file: url.path, key: key, expected: "a floating-point type", found: "\(tensor.dtype)")
      }
    }
    try CheckpointError.requireFinite(tensors, file: url)
    let rows = components.to(.float32)
    let worst = (rows.matmul(rows.transposed()) - .eye(rows.dim(0))).abs().max().item()
    guard worst < 0.01 else {
      throw .badTensor(
        file: url.path, key: "components", expected: "orthonormal rows",
        found: "products off by \(worst)")
    }
    self.init(
      mean: mean.to(.float32), components: rows, variances: variances.to(.float32),
      totalVariance: total.to(.float64).sum().item())
  }

  /// Writes everything to a safetensors file, components and mean as `dtype`.
  ///
  /// - Throws: `CheckpointError.unwritable`.
  public func write(
    to url: URL, dtype: DType = .float32, metadata: [String: String] = [:]
  ) throws(CheckpointError) {
    try Safetensors.write(
      [
        "mean": mean.to(dtype), "components": components.to(dtype), "variances": variances,
        "total_variance": Tensor(scalar: totalVariance).reshaped(1),
      ], metadata: metadata.merging(["format": "pt"]) { $1 }, to: url)
  }
}

extension ModelFolder {
  /// The file with the principal components of the model's image embeddings.
  public static let pcaName = "pca.safetensors"

  /// Loads the principal components of the model's image embeddings.
  ///
  /// - Throws: `ModelFolderError.noComponents` where the folder has none, and `.disagreement` for
  ///   those of another model; `CheckpointError`, `ConfigError`.
  public func loadPCA() throws -> EmbeddingPCA {
    let file = url.appendingPathComponent(Self.pcaName)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw ModelFolderError.noComponents(folder: url.path)
    }
    let pca = try EmbeddingPCA(contentsOf: file)
    if has(.imageEncoder) {
      let width = try CLIPVisionConfig.read(at: configuration(of: .imageEncoder)).projectionDim
      guard pca.width == width else {
        throw ModelFolderError.disagreement(
          folder: url.path, part: Self.pcaName, key: "mean", value: "\(pca.width) values",
          reason: "image_encoder makes embeddings of \(width)")
      }
    }
    return pca
  }
}
