import CLIP
import Diffusion
import Imaging
import Torch
import TorchNN
import UnCLIP

extension Losses {
  /// A diffusion loss: the mean squared error and, with a learned variance, the bound in bits an
  /// entry.
  init(diffusion losses: DiffusionLosses) {
    var parts = ["squared_error": losses.squaredError.mean()]
    if let bound = losses.bound { parts["bound"] = bound.mean() }
    self.init(total: losses.total, parts: parts)
  }
}

extension TextConditioning {
  /// One sentence of the batch.
  func row(_ index: Int) -> TextConditioning {
    TextConditioning(
      embedding: embedding[index..<index + 1], encodings: encodings[index..<index + 1],
      mask: mask[index..<index + 1])
  }
}

/// Images at another side: means of squares where it divides, antialiased bicubic elsewhere.
/// `[B, C, S, S] -> [B, C, side, side]`.
func resized(_ images: Tensor, to side: Int) -> Tensor {
  let from = images.dim(2)
  if from == side { return images }
  if from % side == 0 {
    return F.averagePool2d(images, kernel: from / side, stride: from / side)
  }
  return F.interpolate(images, size: (side, side), mode: .bicubic, antialias: true)
}

/// A sheet of rows of originals, each over its row of drawings; what fills no row is left out.
func sheet(pairing originals: [Image], with drawings: [Image]) -> Image {
  let columns = min(8, originals.count)
  let cells = stride(from: 0, through: originals.count - columns, by: columns).flatMap { start in
    Array(originals[start..<start + columns]) + Array(drawings[start..<start + columns])
  }
  return ContactSheet.grid(cells, columns: columns)
}
