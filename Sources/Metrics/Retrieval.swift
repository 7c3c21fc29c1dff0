public import Torch

/// How often the right partner of an embedding is among its nearest.
public struct Retrieval: Sendable, Equatable {
  /// Share of pictures whose own sentence is among the k nearest sentences, by k.
  public let imageToText: [Int: Double]
  /// Share of sentences whose own picture is among the k nearest pictures, by k.
  public let textToImage: [Int: Double]

  /// Measures recall between embeddings of pictures and of their sentences, row by row.
  ///
  /// Nearness is the cosine. A partner that scores no better than another loses to it, so that
  /// embeddings which are all equal have a recall of 0.
  /// Shapes: `imageEmbeddings`, `textEmbeddings` `[N, D]`, row i of one belongs to row i of the
  /// other. Traps: different shapes, no rows.
  /// Source: recall@k as in CLIP (Radford et al. 2021), section 3.1.
  public init(imageEmbeddings: Tensor, textEmbeddings: Tensor, at ranks: [Int] = [1, 5]) {
    precondition(
      imageEmbeddings.shape == textEmbeddings.shape && imageEmbeddings.dim(0) > 0,
      "\(imageEmbeddings.shape) pictures do not pair with \(textEmbeddings.shape) sentences")
    let (images, texts) = (Self.normalized(imageEmbeddings), Self.normalized(textEmbeddings))
    let similarity = images.matmul(texts.transposed(0, 1))  // [N, N]
    imageToText = Self.recall(similarity, at: ranks)
    textToImage = Self.recall(similarity.transposed(0, 1), at: ranks)
  }

  /// Recall of each row's own column.
  private static func recall(_ similarity: Tensor, at ranks: [Int]) -> [Int: Double] {
    let count = similarity.dim(0)
    let own = (similarity * Tensor.eye(count, device: similarity.device))
      .sum(over: 1, keepingDims: true)
    let better = (similarity .>= own).to(.float32).sum(over: 1) - 1  // [N], the own one not
    return Dictionary(
      uniqueKeysWithValues: ranks.map { k in
        (k, (better .< Double(k)).to(.float32).mean().item())
      })
  }

  private static func normalized(_ x: Tensor) -> Tensor {
    let values = x.to(.float32)
    return values / values.norm(over: 1, keepingDims: true).clamped(min: 1e-12, max: nil)
  }
}
