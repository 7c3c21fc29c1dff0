public import Torch

/// Windows over a sample that is larger than what the network works on.
///
/// At each step the network sees one window after the other, and what it predicts is averaged where
/// windows overlap, less of it towards a window's border. The sampler takes its step on the whole
/// sample, so there are no seams between windows, and no more memory is needed than for one.
///
/// Source: Bar-Tal et al. 2023 (MultiDiffusion), 3.
public struct Windows {
  /// A square of a sample.
  public struct Window: Sendable, Equatable {
    /// The first row.
    public let y: Int
    /// The first column.
    public let x: Int
    /// Rows and columns.
    public let side: Int

    /// Cuts the window out of a sample. Shapes: `[B, C, H, W] -> [B, C, side, side]`.
    public func cut(_ sample: Tensor) -> Tensor {
      sample.narrowed(2, start: y, count: side).narrowed(3, start: x, count: side)
    }
  }

  /// The windows, in rows from the top.
  public let all: [Window]
  /// The width of the border over which a window's weight falls.
  let overlap: Int
  /// Called after each window of a step with the number of those done; what it throws ends the
  /// sampling.
  public var onWindow: (_ done: Int) throws -> Void = { _ in }

  /// Covers `height` × `width` with windows of one side that overlap by at least `overlap`.
  ///
  /// - Parameters:
  ///   - height: Of the whole.
  ///   - width: Of the whole.
  ///   - side: Of a window.
  ///   - overlap: Rows and columns that neighbours share.
  ///   - needed: Which windows are computed; what lies in none of them is predicted as 0.
  /// - Precondition: the side is at most the height and the width, and larger than the overlap.
  public init(
    height: Int, width: Int, side: Int, overlap: Int, where needed: (Window) -> Bool = { _ in true }
  ) {
    precondition(
      side <= height && side <= width && overlap >= 0 && overlap < side,
      "windows of \(side) that overlap by \(overlap) do not cover \(height)x\(width)")
    func starts(_ length: Int) -> [Int] {
      let count = (length - side + side - overlap - 1) / (side - overlap) + 1
      return (0..<count).map { count == 1 ? 0 : $0 * (length - side) / (count - 1) }
    }
    all = starts(height).flatMap { y in
      starts(width).map { Window(y: y, x: $0, side: side) }
    }.filter(needed)
    self.overlap = overlap
  }

  /// Why a step was left half done.
  final class Failure {
    var error: (any Error)?
  }

  /// Returns the network on each window, averaged.
  ///
  /// What ``onWindow`` throws is left in `failure`, and the step's result is then worth nothing.
  func blended(_ denoiser: @escaping Denoiser, _ failure: Failure = Failure()) -> Denoiser {
    guard let side = all.first?.side else { return denoiser }
    let weight = ramp(side)
    return { noised in
      let (_, _, height, width) = noised.sample.shape4
      var sum: Tensor?
      let total = Tensor.zeros([1, 1, height, width], device: noised.sample.device)
      for (index, window) in all.enumerated() where failure.error == nil {
        var part = noised
        part.sample = window.cut(noised.sample)
        part.window = window
        let output = denoiser(part).asSamplingType
        let weight = weight.to(device: output.device, dtype: output.dtype)
        let whole =
          sum
          ?? .zeros(
            [output.dim(0), output.dim(1), height, width], dtype: output.dtype,
            device: output.device)
        for (all, part) in [(whole, output * weight), (total, weight.to(total.dtype))] {
          let view = window.cut(all)
          view.copy(from: view + part)
        }
        sum = whole
        do { try onWindow(index + 1) } catch { failure.error = error }
      }
      guard let sum else { preconditionFailure("there are no windows") }
      return sum / total.clamped(min: 1e-6, max: nil)
    }
  }

  /// A window's weights, `[1, 1, side, side]`: 1 inside, falling towards its border over the
  /// overlap.
  private func ramp(_ side: Int) -> Tensor {
    let line = (0..<side).map { i in
      min(1, (Double(min(i, side - 1 - i)) + 0.5) / Double(max(overlap, 1)))
    }
    let row = Tensor(line.map { Float($0) }, shape: [1, side])
    return row.transposed(0, 1).matmul(row).reshaped(1, 1, side, side)
  }
}
