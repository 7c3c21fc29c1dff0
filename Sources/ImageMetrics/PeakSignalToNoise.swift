import Foundation
public import Torch

/// Computes the peak signal-to-noise ratio of two batches of images, in decibels:
/// `10 log₁₀(2² / mean squared error)`.
///
/// The error is the mean over the whole batch, so the ratio is lower than the mean of the images'
/// own ratios. It is infinite for equal images.
///
/// Shapes: any, equal.
///
/// Range: pixels in [-1, 1].
public func peakSignalToNoise(_ a: Tensor, _ b: Tensor) -> Double {
  peakSignalToNoise(ofSquaredError: (a - b).square().mean().to(.float64).item())
}

/// Computes the peak signal-to-noise ratio of a mean squared error, for pixels in [-1, 1].
public func peakSignalToNoise(ofSquaredError error: Double) -> Double {
  10 * log10(4 / error)
}

extension [String: Double] {
  /// Adds the ratio of the squared error stored under `error`, under `name`.
  package func withPSNR(of error: String, as name: String) -> [String: Double] {
    guard let squared = self[error] else { return self }
    return merging([name: peakSignalToNoise(ofSquaredError: squared)]) { $1 }
  }
}
