public import Foundation
public import Torch

extension FeatureSet {
  private static let keys = ["mean", "covariance", "sample"]

  /// Writes statistics and sample to a safetensors file, with the source and the images they are of.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - source: What computed the features.
  ///   - images: A name for the set of images, such as a fingerprint.
  /// - Throws: `CheckpointError.unwritable`.
  /// - Precondition: At least two images.
  public func write(
    to url: URL, source: FeatureSource, images: String
  ) throws(CheckpointError) {
    try Safetensors.write(
      ["mean": statistics.mean, "covariance": statistics.covariance, "sample": sample],
      metadata: [
        "format": "pt", "count": "\(count)", "source": source.text, "images": images,
      ], to: url)
  }

  /// Reads a file that ``write(to:source:images:)`` wrote.
  ///
  /// - Parameters:
  ///   - url: The file.
  ///   - source: What computes the features they will be compared with.
  ///   - images: The set of images it must be of; nil takes any.
  /// - Throws: ``FeatureError`` for features of another source or of other images;
  ///   `CheckpointError` for a file that cannot be read or holds something else.
  public init(contentsOf url: URL, source: FeatureSource, images: String? = nil) throws {
    let file = try Safetensors.read(url)
    let missing = Self.keys.filter { file.tensors[$0] == nil }
    guard let mean = file.tensors["mean"], let covariance = file.tensors["covariance"],
      let sample = file.tensors["sample"], let found = file.metadata["source"]
    else {
      throw CheckpointError.malformed(
        file: url.path,
        reason: "it is no file of features: "
          + (missing.isEmpty ? "their source" : missing.joined(separator: ", ")) + " is missing")
    }
    guard found == source.text else {
      throw FeatureError.otherSource(file: url.path, found: found, expected: source.text)
    }
    func check(_ holds: Bool, _ key: String, _ expected: String) throws(CheckpointError) {
      guard !holds else { return }
      throw .badTensor(
        file: url.path, key: key, expected: expected, found: "\(file.tensors[key]?.shape ?? [])")
    }
    let width = source.width
    try check(mean.shape == [width], "mean", "[\(width)]")
    try check(covariance.shape == [width, width], "covariance", "[\(width), \(width)]")
    try check(
      sample.rank == 2 && sample.dim(0) > 1 && sample.dim(1) == width, "sample",
      "two rows or more of \(width)")
    for key in Self.keys {
      try check(file.tensors[key]?.dtype.isFloatingPoint == true, key, "a floating-point type")
    }
    for key in Self.keys {
      // Larger ones would overflow in the distances.
      let largest = file.tensors[key]?.abs().max().item() ?? .infinity
      guard largest <= 1e30 else {
        throw CheckpointError.badTensor(
          file: url.path, key: key, expected: "values of at most 1e30", found: "\(largest)")
      }
    }
    guard let count = file.metadata["count"].flatMap({ Int($0) }),
      (sample.dim(0)...1 << 48).contains(count)
    else {
      throw CheckpointError.malformed(file: url.path, reason: "its count is missing or impossible")
    }
    if let images, images != file.metadata["images"] {
      throw FeatureError.otherImages(file: url.path, count: count)
    }
    self.init(
      statistics: FeatureStatistics(count: count, mean: mean, covariance: covariance),
      sample: sample)
  }
}
