public import Torch

/// Interpolates between vectors on the sphere, row by row: the point at `fraction` of the angle,
/// whose norm is interpolated linearly.
///
/// Shapes: `a`, `b` `[B, D]`, kept. Range: `fraction` 0 gives `a`, 1 gives `b`, exactly.
/// Source: Shoemake 1985; unCLIP 3.2.
public func sphericalInterpolation(_ a: Tensor, _ b: Tensor, fraction: Double) -> Tensor {
  sphericalMean([a, b], weights: [1 - fraction, fraction])
}

/// Computes the weighted mean of vectors on the sphere, row by row: the direction with the least
/// weighted sum of squared angles to theirs, and the weighted mean of their norms.
///
/// Of two vectors it is the point of ``sphericalInterpolation(_:_:fraction:)``. Vectors that
/// cancel each other have no such mean; the result is then finite and near the heaviest.
/// Shapes: `vectors` `[B, D]` each, kept. Range: of weights 1 and 0 it is that vector, exactly.
/// Source: Buss and Fillmore 2001, algorithm A1.
/// - Precondition: A weight for each vector, none negative, with a finite sum above 0.
public func sphericalMean(_ vectors: [Tensor], weights: [Double]) -> Tensor {
  let sum = weights.reduce(0, +)
  precondition(
    vectors.count == weights.count && weights.allSatisfy { $0 >= 0 } && sum > 0 && sum.isFinite,
    "weights \(weights) of \(vectors.count) vectors")
  let parts = zip(vectors, weights).filter { $0.1 > 0 }.map { (vector: $0, weight: $1 / sum) }
  let first = parts[0].vector.asSamplingType
  if parts.count == 1 { return first }

  let points = parts.map { (unit: $0.vector.to(.float64).normalized(), weight: $0.weight) }
  var norm = first.to(.float64).norm(over: -1, keepingDims: true) * parts[0].weight
  var mean = points[0].unit * points[0].weight
  for (part, point) in zip(parts, points).dropFirst() {
    norm = norm + part.vector.to(.float64).norm(over: -1, keepingDims: true) * part.weight
    mean = mean + point.unit * point.weight
  }
  let heaviest = points.max { $0.weight < $1.weight } ?? points[0]
  let isLost = mean.norm(over: -1, keepingDims: true) .< 1e-9
  mean = Tensor.where(isLost, heaviest.unit, mean).normalized()
  // One step is exact for two vectors; for embeddings of images a few are.
  for _ in 0..<100 {
    var step = mean.zerosLike()
    for point in points {
      let cosine = (point.unit * mean).sum(over: -1, keepingDims: true)
      let across = point.unit - mean * cosine
      let sine = across.norm(over: -1, keepingDims: true)
      // The angle, which the arc cosine would round where it is small.
      step = step + across * (sine.atan2(cosine) / sine.clamped(min: 1e-300)) * point.weight
    }
    let length = step.norm(over: -1, keepingDims: true)
    mean = (mean * length.cos() + step * (length.sin() / length.clamped(min: 1e-300)))
      .normalized()
    if length.max().item() < 1e-13 { break }
  }
  return (mean * norm).to(first.dtype)
}
