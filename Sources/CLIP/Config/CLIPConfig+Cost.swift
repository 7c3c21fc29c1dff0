public import TorchNN

extension CLIPTextConfig {
  /// The cost of encoding one text of the whole context.
  public var cost: NetworkCost {
    var cost = NetworkCost()
    for _ in 0..<numHiddenLayers {
      cost.transformerBlock(
        maxPositionEmbeddings, width: hiddenSize, inner: intermediateSize, activation: hiddenAct)
    }
    cost.linear(from: hiddenSize, to: projectionDim)
    return cost
  }
}

extension CLIPVisionConfig {
  /// The cost of encoding one image.
  public var cost: NetworkCost {
    var cost = NetworkCost()
    cost.convolution(
      imageSize / patchSize, from: 3, to: hiddenSize, kernel: patchSize, ofData: true)
    for _ in 0..<numHiddenLayers {
      cost.transformerBlock(
        positionCount, width: hiddenSize, inner: intermediateSize, activation: hiddenAct)
    }
    cost.linear(from: hiddenSize, to: projectionDim)
    return cost
  }
}

extension CLIPConfig {
  /// The cost of one pair of an image and a text. The product of all pairs of a batch is small
  /// beside it and left out.
  public var cost: NetworkCost { text.cost + vision.cost }
}
