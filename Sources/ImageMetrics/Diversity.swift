public import Torch

/// Computes the mean distance of any two images of a set, `1 - cos` of their features.
///
/// Of images of many prompts it says how much of the data's variety there is, of images of one prompt
/// how much the seed decides. The work grows with the number of images, not with the pairs.
///
/// Range: 0 for equal images to 1 for unrelated ones.
///
/// Shapes: `[N, D]`.
/// - Precondition: At least two images.
public func meanPairwiseDistance(_ features: Tensor) -> Double {
  let (count, _) = features.shape2
  precondition(count > 1, "a distance between \(count) images")
  return noGrad {
    let rows = features.to(.float64).normalized()
    let pairs = Double(count) * Double(count - 1)
    return 1 - (rows.sum(over: 0).square().sum().item() - Double(count)) / pairs
  }
}

/// Computes the mean distance between the images of each prompt.
///
/// - Parameters:
///   - features: `[N, D]`, the images of a prompt one after the other.
///   - size: Images of a prompt.
/// - Returns: The distance for each prompt, in order.
/// - Precondition: `size` is at least 2, and divides the images.
public func pairwiseDistances(_ features: Tensor, inGroupsOf size: Int) -> [Double] {
  let (count, _) = features.shape2
  precondition(
    size > 1 && count > 0 && count.isMultiple(of: size), "\(count) images in groups of \(size)")
  return features.split(size: size, over: 0).map(meanPairwiseDistance)
}

/// Computes the CLIP score of each image with its caption: 100 times the cosine of their embeddings, 0
/// where they point apart.
///
/// Shapes: both `[N, D]`.
///
/// Range: 0 to 100.
///
/// Source: Hessel et al. 2021, equation 1, with the factor 100 that text-to-image papers take.
/// - Precondition: Equal shapes.
public func clipScores(imageEmbeddings: Tensor, textEmbeddings: Tensor) -> [Double] {
  precondition(
    imageEmbeddings.rank == 2 && imageEmbeddings.shape == textEmbeddings.shape,
    "\(imageEmbeddings.shape) images do not pair with \(textEmbeddings.shape) captions")
  return noGrad {
    let (images, texts) = (imageEmbeddings.to(.float64), textEmbeddings.to(.float64))
    return ((images.normalized() * texts.normalized()).sum(over: 1).clamped(min: 0) * 100).array()
  }
}
