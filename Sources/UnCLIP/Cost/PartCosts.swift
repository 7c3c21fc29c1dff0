public import TorchNN

extension PriorConfig {
  /// The cost of one prediction for a text of the whole context.
  public var cost: NetworkCost {
    var cost = NetworkCost()
    let length = numEmbeddings + additionalEmbeddings
    cost.linear(numEmbeddings, from: embeddingDim, to: width, ofData: true)
    // The text embedding and the noised image embedding.
    for _ in 0..<2 { cost.linear(from: embeddingDim, to: width, ofData: true) }
    cost.linear(from: width, to: width, ofData: true)
    cost.linear(from: width, to: width)
    for _ in 0..<numLayers { cost.transformerBlock(length, width: width, inner: 4 * width) }
    cost.linear(from: width, to: embeddingDim)
    cost.keeps(Double(embeddingDim) * Double(numEmbeddings + 2) + Double(2 * width))
    return cost
  }
}

extension AutoregressivePriorConfig {
  /// The cost of all tokens at once for a text of the whole context, as in training.
  public var cost: NetworkCost {
    var cost = NetworkCost()
    let tokens = 1 + numComponents
    cost.linear(numEmbeddings, from: embeddingDim, to: width, ofData: true)
    cost.linear(from: embeddingDim, to: width, ofData: true)
    for _ in 0..<numLayers { cost.transformerBlock(positions, width: width, inner: 4 * width) }
    cost.linear(tokens, from: width, to: numBuckets)
    cost.keeps(
      Double(embeddingDim * (numEmbeddings + 1)) + Double(width * tokens)
        + Double(2 * numBuckets * tokens))
    return cost
  }
}

extension TextProjectionConfig {
  /// The cost of the decoder's conditions, for a text of so many tokens.
  public func cost(textLength: Int) -> NetworkCost {
    var cost = NetworkCost()
    let width = crossAttentionDim
    cost.linear(from: clipEmbeddingsDim, to: timeEmbedDim, ofData: true)
    // The null embedding, which may stand for the image's, has a gradient.
    cost.linear(from: clipEmbeddingsDim, to: timeEmbedDim)
    cost.linear(from: clipEmbeddingsDim, to: clipExtraContextTokens * width)
    cost.linear(textLength, from: clipEmbeddingsDim, to: width, ofData: true)
    for _ in 0..<(textEncoder?.numLayers ?? 0) {
      cost.transformerBlock(textLength, width: width, inner: 4 * width)
    }
    cost.keeps(Double(textLength) * Double(clipEmbeddingsDim + 2 * width))
    return cost
  }

  /// Positions of the context that it makes of a text.
  public func contextLength(textLength: Int) -> Int { clipExtraContextTokens + textLength }
}

extension ImageHintConfig {
  /// The cost of a coarse image.
  public var cost: NetworkCost {
    var cost = NetworkCost()
    cost.linear(from: 2 * clipEmbeddingsDim, to: hiddenSize, ofData: true)
    for _ in 0..<numLayers {
      cost.linear(from: hiddenSize, to: 4 * hiddenSize)
      cost.linear(from: 4 * hiddenSize, to: hiddenSize)
    }
    cost.linear(from: hiddenSize, to: 3 * sampleSize * sampleSize)
    cost.keeps(
      Double(2 * clipEmbeddingsDim + 2 * hiddenSize) + Double(numLayers * 10 * hiddenSize))
    return cost
  }
}

/// The shape of the paper's autoregressive prior, as far as its cost needs it: a text encoder, and a
/// causal transformer over what conditions it and the tokens of the embedding.
///
/// Source: paper section 2.2 and table 3.
public struct AutoregressivePriorShape: Codable, Sendable, Equatable {
  /// Width of CLIP's embeddings.
  public var embeddingWidth: Int
  /// Positions, width and blocks of the text encoder.
  public var text: Stack
  /// Positions, width and blocks of the decoder of tokens.
  public var latent: Stack
  /// Tokens of an embedding: its principal components.
  public var tokens: Int
  /// Values of a token.
  public var buckets: Int

  enum CodingKeys: String, CodingKey {
    case text, latent, tokens, buckets
    case embeddingWidth = "embedding_width"
  }

  /// A stack of transformer blocks with its positions.
  public struct Stack: Codable, Sendable, Equatable {
    /// Positions.
    public var length: Int
    /// Width.
    public var width: Int
    /// Blocks.
    public var layers: Int
    /// Heads of an attention layer.
    public var heads: Int

    /// Groups the sizes.
    public init(length: Int, width: Int, layers: Int, heads: Int) {
      (self.length, self.width, self.layers, self.heads) = (length, width, layers, heads)
    }

    /// Weights of its blocks, its positions and its last norm.
    var parameters: Int { layers * (12 * width * width + 13 * width) + length * width + 2 * width }

    func blocks() -> NetworkCost {
      var cost = NetworkCost()
      for _ in 0..<layers { cost.transformerBlock(length, width: width, inner: 4 * width) }
      return cost
    }
  }

  /// Groups the sizes.
  public init(embeddingWidth: Int, text: Stack, latent: Stack, tokens: Int, buckets: Int) {
    self.embeddingWidth = embeddingWidth
    self.text = text
    self.latent = latent
    self.tokens = tokens
    self.buckets = buckets
  }

  /// The paper's.
  public static let paper = AutoregressivePriorShape(
    embeddingWidth: 1024, text: Stack(length: 256, width: 2048, layers: 24, heads: 32),
    latent: Stack(length: 384, width: 1664, layers: 24, heads: 26), tokens: 319, buckets: 1024)

  /// Weights of the decoder of tokens: its blocks, the tables of tokens and of the dot product, the
  /// projections of what conditions it, and the head.
  public var latentParameters: Int {
    let width = latent.width
    return latent.parameters + 2 * buckets * width + (text.width + 1) * width
      + (embeddingWidth + 1) * width + (width + 1) * buckets
  }

  /// Weights of both transformers.
  public var parameters: Int {
    latentParameters + text.parameters + (embeddingWidth + 1) * text.width
  }

  /// The cost of the text encoder for one text.
  public var textCost: NetworkCost {
    var cost = NetworkCost()
    cost.linear(text.length, from: embeddingWidth, to: text.width, ofData: true)
    return cost + text.blocks()
  }

  /// The cost of all positions at once, as in training.
  public var cost: NetworkCost {
    var ends = NetworkCost()
    ends.linear(latent.length - tokens, from: text.width, to: latent.width)
    ends.linear(tokens, from: latent.width, to: buckets)
    return textCost + latent.blocks() + ends
  }

  /// The cost of sampling one embedding without guidance, each position computed once: earlier keys
  /// and values are kept, so attention is half of that in training.
  public var samplingOperations: Double {
    var unseen = NetworkCost()
    for _ in 0..<latent.layers {
      unseen.attention(queries: latent.length, keys: latent.length - 1, width: latent.width)
    }
    return cost.forward - unseen.forward / 2
  }
}
