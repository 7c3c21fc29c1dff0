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
  /// For each image, how near its own caption is.
  private let captions: [Standing]
  /// For each caption, how near its own image is.
  private let images: [Standing]

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
    let (captions, images) = noGrad {
      let images = imageEmbeddings.to(.float32).normalized()
      let texts = textEmbeddings.to(.float32).normalized()
      return (Self.standings(of: images, among: texts), Self.standings(of: texts, among: images))
    }
    (self.captions, self.images) = (captions, images)
    func recall(_ standings: [Standing]) -> [Int: Double] {
      Dictionary(
        uniqueKeysWithValues: Set(ranks).map { k in
          (k, standings.reduce(0) { $0 + $1.recall(at: k) } / Double(standings.count))
        })
    }
    (imageToText, textToImage) = (recall(captions), recall(images))
  }

  /// Recall at a rank both ways, with confidence intervals.
  ///
  /// - Precondition: `k` is at least 1.
  public func recall(
    at k: Int, bootstrap: Bootstrap
  ) -> (imageToText: Estimate, textToImage: Estimate) {
    precondition(k > 0, "recall at \(k)")
    return (
      bootstrap.mean(of: captions.map { $0.recall(at: k) }),
      bootstrap.mean(of: images.map { $0.recall(at: k) })
    )
  }

  /// Computes R-precision: the fraction of images whose own caption is nearer than others of the
  /// data, chosen at random.
  ///
  /// It is the expectation over the choice, so that no single one decides. Of fewer captions all are
  /// taken.
  ///
  /// - Parameter candidates: The captions among which the image's own is looked for.
  ///
  /// Source: Xu et al. 2018 (AttnGAN), section 4.1, with 100 candidates and CLIP as in Park et al.
  /// 2021.
  /// - Precondition: `candidates` is at least 1.
  public func rPrecision(among candidates: Int = 100) -> Double {
    let hits = rPrecisions(among: candidates)
    return hits.reduce(0, +) / Double(hits.count)
  }

  /// R-precision with its confidence interval.
  public func rPrecision(among candidates: Int = 100, bootstrap: Bootstrap) -> Estimate {
    bootstrap.mean(of: rPrecisions(among: candidates))
  }

  /// The probability for each image that its own caption is found.
  private func rPrecisions(among candidates: Int) -> [Double] {
    precondition(candidates > 0, "R-precision among \(candidates) captions")
    let others = min(candidates, captions.count) - 1
    return captions.map { standing in
      // Of those equally near, each order is equally likely.
      let equal = Int(standing.equal)
      guard equal > 0 else { return 0 }
      let sum = (0..<equal).reduce(0.0) {
        $0 + noneChosen(of: Int(standing.better) + $1, others, from: captions.count - 1)
      }
      return sum / Double(equal)
    }
  }

  /// The probability that none of `count` items is among `chosen` of `all`.
  private func noneChosen(of count: Int, _ chosen: Int, from all: Int) -> Double {
    (0..<count).reduce(1.0) { $0 * max(0, Double(all - chosen - $1)) / Double(all - $1) }
  }

  /// How near the own answer of a query is, compared with all others.
  private struct Standing: Sendable, Equatable {
    /// Answers that are nearer.
    let better: Double
    /// Answers as near, the own one among them; 0 where the similarity is not a number.
    let equal: Double

    func recall(at k: Int) -> Double {
      equal > 0 ? min(max((Double(k) - better) / equal, 0), 1) : 0
    }
  }

  /// Rows of the similarity matrix that are computed at once.
  private static let rowsAtOnce = 1024

  private static func standings(of queries: Tensor, among answers: Tensor) -> [Standing] {
    let count = queries.dim(0)
    return stride(from: 0, to: count, by: rowsAtOnce).flatMap { start in
      let rows = start..<min(start + rowsAtOnce, count)
      let cosines = queries[rows].matmul(answers.transposed())  // [R, N]
      let own = cosines.diagonal(offset: start).unsqueezed(1)  // [R, 1]
      let better = (cosines .> own).to(.float32).sum(over: 1).array(of: Double.self)
      let equal = (cosines .== own).to(.float32).sum(over: 1).array(of: Double.self)
      return zip(better, equal).map { Standing(better: $0, equal: $1) }
    }
  }
}
