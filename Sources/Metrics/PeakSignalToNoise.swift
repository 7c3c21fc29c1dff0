import Foundation
public import Torch

/// How near pictures are to others, in decibels: `10 log₁₀(2² / mean squared error)`.
///
/// Shapes: equal, any; values in [-1, 1], whose range is 2. One error is taken over all numbers, so
/// the ratio of a set is lower than the mean of its pictures' ratios; infinite for equal pictures.
public func peakSignalToNoise(_ a: Tensor, _ b: Tensor) -> Double {
  peakSignalToNoise(ofSquaredError: (a - b).square().mean().to(.float64).item())
}

/// The ratio that belongs to a mean squared error of numbers in [-1, 1].
public func peakSignalToNoise(ofSquaredError error: Double) -> Double {
  10 * log10(4 / error)
}
