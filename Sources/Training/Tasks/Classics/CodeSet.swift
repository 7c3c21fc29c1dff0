import Classics
import Foundation
public import Torch

/// The codes of a data set's images, which a prior over codes learns from.
public struct CodeSet {
  /// `[N, h, w]` int64.
  public let codes: Tensor
  /// The condition of each image: classes `[N]` int64, or embeddings of captions `[N, D]`; nil for
  /// an unconditional prior.
  public let conditions: Tensor?

  var count: Int { codes.dim(0) }

  /// The codes and conditions of a batch's rows.
  subscript(rows: Tensor) -> CodeSet {
    CodeSet(codes: codes.indexed(by: rows), conditions: conditions?.indexed(by: rows))
  }

  /// The first images, at most `limit`.
  func prefix(_ limit: Int) -> CodeSet {
    let range = 0..<min(limit, count)
    return CodeSet(codes: codes[range], conditions: conditions?[range])
  }

  /// Encodes images.
  init(
    encoding images: LabeledImages, with model: any CodeModel,
    condition: (LabeledImages) -> Tensor?
  ) {
    codes = noGrad { model.encode(images.images) }
    conditions = condition(images)
  }

  /// Concatenates sets.
  init(joining parts: [CodeSet]) {
    let conditions = parts.compactMap(\.conditions)
    self.init(
      codes: Tensor.concatenated(parts.map(\.codes), over: 0),
      conditions: conditions.isEmpty ? nil : Tensor.concatenated(conditions, over: 0))
  }

  private init(codes: Tensor, conditions: Tensor?) {
    self.codes = codes
    self.conditions = conditions
  }

  /// The entropy in bits of one code, sampled independently by frequency.
  func unigramEntropy(codebookSize: Int) -> Double {
    let counts = codes.flattened().occurrences(minimumLength: codebookSize).to(.float64)
    let probabilities = counts / counts.sum()
    let terms = probabilities * probabilities.clamped(min: 1e-300).log2()
    return -terms.sum().item()
  }
}
