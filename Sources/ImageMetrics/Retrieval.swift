public import Torch

/// Recall@k between images and captions: how often the matching embedding is among the k nearest.
///
/// Range: fractions, 0 ... 1; random embeddings score k / N.
///
/// Source: recall@k as in CLIP (Radford et al. 2021), section 3.1.
public struct Retrieval: Sendable, Equatable {
  /// The fraction of images whose own caption is among the k nearest captions, by k.
  public let imageToText: [Int: Double]
  /// The fraction of captions whose own image is among the k nearest images, by k.
  public let textToImage: [Int: Double]

  /// Measures recall between embeddings of images and of their captions.
  ///
  /// Embeddings are compared by cosine similarity. Ties count as if every order of them were
  /// equally likely, so embeddings that are all equal score as random ones do, and the order of the
  /// rows does not matter.
  ///
  /// - Parameters:
  ///   - imageEmbeddings: One row for each image.
  ///   - textEmbeddings: The embedding of its caption, in the same row.
  ///   - ranks: The values of k.
  /// - Precondition: Equal shapes with at least one row; ranks are at least 1.
  ///
  /// Shapes: both `[N, D]`.
  public init(imageEmbeddings: Tensor, textEmbeddings: Tensor, at ranks: [Int] = [1, 5]) {
    precondition(
      imageEmbeddings.rank == 2 && imageEmbeddings.shape == textEmbeddings.shape
        && imageEmbeddings.dim(0) > 0,
      "\(imageEmbeddings.shape) images do not pair with \(textEmbeddings.shape) captions")
    precondition(ranks.allSatisfy { $0 > 0 }, "ranks \(ranks) must be at least 1")
    (imageToText, textToImage) = noGrad {
      let images = imageEmbeddings.to(.float32).normalized()
      let texts = textEmbeddings.to(.float32).normalized()
      return (
        Self.recall(of: images, among: texts, at: ranks),
        Self.recall(of: texts, among: images, at: ranks)
      )
    }
  }

  /// Rows of the similarity matrix that are computed at once.
  private static let rowsAtOnce = 1024

  private static func recall(
    of queries: Tensor, among answers: Tensor, at ranks: [Int]
  ) -> [Int: Double] {
    let count = queries.dim(0)
    var sums: [Int: Double] = Dictionary(uniqueKeysWithValues: Set(ranks).map { ($0, 0) })
    for start in stride(from: 0, to: count, by: rowsAtOnce) {
      let rows = start..<min(start + rowsAtOnce, count)
      let cosines = queries[rows].matmul(answers.transposed())  // [R, N]
      let own = cosines.diagonal(offset: start).unsqueezed(1)  // [R, 1]
      let better = (cosines .> own).to(.float32).sum(over: 1).array(of: Double.self)
      let equal = (cosines .== own).to(.float32).sum(over: 1).array(of: Double.self)
      for (better, equal) in zip(better, equal) where equal > 0 {
        for k in sums.keys {
          sums[k, default: 0] += min(max((Double(k) - better) / equal, 0), 1)
        }
      }
    }
    return sums.mapValues { $0 / Double(count) }
  }
}
