public import Torch
public import TorchNN

/// Image embeddings as tokens and back: each of the first principal components falls into one of
/// a number of buckets, and so does the dot product with the text's embedding.
///
/// The edges are quantiles of the data, so each bucket is used equally often, and a token stands for
/// the mean of the data in its bucket.
/// Source: paper section 2.2, which does not say where the edges lie.
public final class EmbeddingQuantizer: Module {
  /// The mean embedding, `[D]`.
  public let mean: Buffer
  /// The principal components, those with the largest eigenvalues first, `[K, D]`.
  public let components: Buffer
  /// Where a component's buckets meet, ascending, `[K, buckets - 1]`.
  public let edges: Buffer
  /// What a component's token stands for, `[K, buckets]`.
  public let values: Buffer
  /// Where the buckets of the dot product meet, ascending, `[buckets - 1]`.
  public let dotEdges: Buffer

  /// Makes one that is fitted to no data yet.
  ///
  /// - Precondition: There are 2 buckets or more, and at most as many components as dimensions.
  public init(width: Int, components count: Int, buckets: Int) {
    precondition(buckets >= 2 && count <= width, "\(count) of \(width), in \(buckets) buckets")
    mean = Buffer([width], filledWith: 0)
    components = Buffer([count, width]) { Tensor.eye(count, columns: width) }
    edges = Buffer([count, buckets - 1], filledWith: 0)
    values = Buffer([count, buckets], filledWith: 0)
    dotEdges = Buffer([buckets - 1], filledWith: 0)
  }

  /// The number of components.
  public var count: Int { components.value.dim(0) }
  /// The number of buckets of each.
  public var buckets: Int { values.value.dim(1) }

  /// Sets components and edges from examples of images and their captions, `[N, D]` each, raw.
  ///
  /// - Throws: ``EmbeddingPCAError`` for examples that are not finite, or too few for so many
  ///   components.
  public func fit(images: Tensor, texts: Tensor) throws(EmbeddingPCAError) {
    var fit = EmbeddingPCA.Fit()
    try fit.add(images)
    let pca = try fit.pca(components: count)
    guard pca.count == count else { throw .tooMany(count, possible: pca.count) }
    noGrad {
      mean.value.copy(from: pca.mean)
      components.value.copy(from: pca.components)
      let coordinates = coordinates(of: images)  // [N, K]
      edges.value.copy(from: Self.quantiles(of: coordinates, buckets: buckets))
      let dots = (images.to(.float32) * texts.to(.float32)).sum(over: 1, keepingDims: true)
      dotEdges.value.copy(from: Self.quantiles(of: dots, buckets: buckets)[0])
      values.value.copy(from: means(of: coordinates))
    }
  }

  /// Returns the tokens of embeddings, `[B, D] -> [B, K]` int64.
  public func tokens(of embeddings: Tensor) -> Tensor {
    noGrad { Self.buckets(of: coordinates(of: embeddings), edges.value) }
  }

  /// Returns the token of the dot product of each image and its text, `[B, D]` each `-> [B]` int64.
  public func dotTokens(images: Tensor, texts: Tensor) -> Tensor {
    noGrad {
      let dots = (images.to(.float32) * texts.to(.float32)).sum(over: 1)
      return Self.buckets(of: dots, dotEdges.value)
    }
  }

  /// Returns the embeddings that tokens stand for, `[B, K] -> [B, D]` in float32.
  public func embeddings(of tokens: Tensor) -> Tensor {
    noGrad {
      let coordinates = values.value.to(.float32).transposed().gathered(0, tokens)  // [B, K]
      return coordinates.matmul(components.value.to(.float32)) + mean.value.to(.float32)
    }
  }

  /// Returns the coordinates along the components, `[B, D] -> [B, K]`.
  private func coordinates(of embeddings: Tensor) -> Tensor {
    (embeddings.to(.float32) - mean.value).matmul(components.value.transposed())
  }

  /// Returns how many edges lie at or below each value, `[…]` and `[…, edges] -> […]` int64.
  private static func buckets(of x: Tensor, _ edges: Tensor) -> Tensor {
    // Each value is compared with each edge, so many rows at once would take much memory.
    let parts = x.split(size: 64, over: 0).map { part in
      (part.unsqueezed(-1) .>= edges).to(.float32).sum(over: x.shape.count)
    }
    return Tensor.concatenated(parts, over: 0).to(.int64)
  }

  /// Returns the inner edges of so many equally likely buckets, `[N, K] -> [K, buckets - 1]`,
  /// interpolated linearly between examples.
  private static func quantiles(of x: Tensor, buckets: Int) -> Tensor {
    let sorted = x.transposed().sorted(over: 1).values  // [K, N]
    let last = Double(x.dim(0) - 1)
    let places = (1..<buckets).map { Double($0) / Double(buckets) * last }
    func rank(_ rule: FloatingPointRoundingRule) -> Tensor {
      let ranks = Tensor(places.map { Int64($0.rounded(rule)) }, device: x.device)
      return sorted.indexed(by: ranks, over: 1)
    }
    let fractions = Tensor(places.map { Float($0 - $0.rounded(.down)) }, device: x.device)
    let below = rank(.down)
    return below + (rank(.up) - below) * fractions
  }

  /// Returns the mean of the coordinates in each bucket, `[N, K] -> [K, buckets]`; of a bucket that
  /// no example fell into, the middle of its edges.
  private func means(of coordinates: Tensor) -> Tensor {
    let tokens = Self.buckets(of: coordinates, edges.value)
    let zeros = Tensor.zeros([buckets, count], device: coordinates.device)
    let sums = zeros.scatterAdded(0, tokens, coordinates).transposed()
    let counts = zeros.scatterAdded(0, tokens, coordinates.onesLike()).transposed()
    let edges = edges.value
    let ends = [edges.narrowed(1, start: 0, count: 1), edges]
    let lower = Tensor.concatenated(ends, over: 1)
    let upper = Tensor.concatenated(
      [edges, edges.narrowed(1, start: buckets - 2, count: 1)], over: 1)
    return Tensor.where(
      counts .> 0, sums / counts.clamped(min: 1), (lower + upper) * 0.5)
  }
}

extension EmbeddingPCA {
  /// Returns the fewest components without which less than a fraction of the variance is lost: less
  /// than 1 % in the paper, which is 319 of 1,024.
  ///
  /// Source: paper section 2.2.
  public func count(forError fraction: Double) -> Int {
    guard totalVariance > 0 else { return 1 }
    let held = variances.to(.float64).cumulativeSum(over: 0).array(of: Double.self)
    let first = held.firstIndex { 1 - $0 / totalVariance < fraction }
    return first.map { $0 + 1 } ?? count
  }
}
