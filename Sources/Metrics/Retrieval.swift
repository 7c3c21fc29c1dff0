public import Torch

/// How often the right partner of an embedding is among its nearest.
///
/// Range: shares, 0 ... 1; chance is k / N.
/// Source: recall@k as in CLIP (Radford et al. 2021), section 3.1.
public struct Retrieval: Sendable, Equatable {
  /// Share of pictures whose own sentence is among the k nearest sentences, by k.
  public let imageToText: [Int: Double]
  /// Share of sentences whose own picture is among the k nearest pictures, by k.
  public let textToImage: [Int: Double]

  /// Measures recall between embeddings of pictures and of their sentences, row by row.
  ///
  /// Nearness is the cosine. Of equally near partners each order counts as equally likely, so
  /// embeddings that are all equal score chance, and the order of the rows does not matter.
  /// Shapes: `imageEmbeddings`, `textEmbeddings` `[N, D]`, row i of one belongs to row i of the
  /// other.
  /// Traps: different shapes, no rows, a rank below 1.
  public init(imageEmbeddings: Tensor, textEmbeddings: Tensor, at ranks: [Int] = [1, 5]) {
    precondition(
      imageEmbeddings.rank == 2 && imageEmbeddings.shape == textEmbeddings.shape
        && imageEmbeddings.dim(0) > 0,
      "\(imageEmbeddings.shape) pictures do not pair with \(textEmbeddings.shape) sentences")
    precondition(ranks.allSatisfy { $0 > 0 }, "ranks \(ranks) begin at 1")
    (imageToText, textToImage) = noGrad {
      let images = imageEmbeddings.to(.float32).normalized()
      let texts = textEmbeddings.to(.float32).normalized()
      return (
        Self.recall(of: images, among: texts, at: ranks),
        Self.recall(of: texts, among: images, at: ranks)
      )
    }
  }

  /// Rows of the matrix of cosines that are made at once.
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
