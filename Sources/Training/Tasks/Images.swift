import Diffusion
import Imaging
import Torch
import TorchNN
import UnCLIP

extension Losses {
  /// A diffusion loss: the mean squared error and, with a learned variance, the variational bound
  /// in bits per element.
  init(diffusion losses: DiffusionLosses) {
    var parts = ["squared_error": losses.squaredError.mean()]
    if let bound = losses.bound { parts["bound"] = bound.mean() }
    self.init(total: losses.total, parts: parts)
  }
}

/// Resizes images `[B, C, S, S] -> [B, C, side, side]`: by average pooling where the side divides,
/// by antialiased bicubic interpolation elsewhere.
func resized(_ images: Tensor, to side: Int) -> Tensor {
  let from = images.dim(2)
  if from == side { return images }
  if from % side == 0 {
    return F.averagePool2d(images, kernel: from / side, stride: from / side)
  }
  return F.interpolate(images, size: (side, side), mode: .bicubic, antialias: true)
}

/// Makes a sheet of rows of originals, each above its row of results, without incomplete rows.
func sheet(pairing originals: [Image], with results: [Image]) -> Image {
  let columns = min(8, originals.count)
  let cells = stride(from: 0, through: originals.count - columns, by: columns).flatMap { start in
    Array(originals[start..<start + columns]) + Array(results[start..<start + columns])
  }
  return ContactSheet.grid(cells, columns: columns)
}

extension Tensor {
  /// Crops each image of a batch at a random position, `[B, C, S, S] -> [B, C, side, side]`.
  func cropped(to side: Int, using random: RandomSource) -> Tensor {
    let corners = random.integers(in: 0..<dim(2) - side + 1, [dim(0), 2])
      .array(of: Int64.self).map(Int.init)
    return Tensor.concatenated(
      (0..<dim(0)).map { row in
        self[row..<row + 1]
          .narrowed(2, start: corners[2 * row], count: side)
          .narrowed(3, start: corners[2 * row + 1], count: side)
      }, over: 0)
  }
}
