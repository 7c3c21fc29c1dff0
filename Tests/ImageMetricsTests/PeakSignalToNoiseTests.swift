import ImageMetrics
import Testing
import Torch

@Suite struct PeakSignalToNoiseTests {
  /// An error of a tenth of the range gives 20 decibels, of the whole range 0, and none is
  /// infinite.
  @Test func countsTheRangeAgainstTheError() {
    let x = Tensor.zeros([2, 1, 4, 4])
    #expect(abs(peakSignalToNoise(x, x + 0.2) - 20) < 1e-5)
    #expect(abs(peakSignalToNoise(x - 1, x + 1)) < 1e-5)
    #expect(peakSignalToNoise(x, x) == .infinity)
    #expect(abs(peakSignalToNoise(ofSquaredError: 0.0004) - 40) < 1e-9)
  }

  /// One error over the whole set, not a mean of images' ratios.
  @Test func takesOneErrorOverTheSet() {
    let x = Tensor.zeros([2, 1, 1, 1])
    let y = Tensor([Float(0.2), 0], shape: [2, 1, 1, 1])
    #expect(abs(peakSignalToNoise(x, y) - 23.0103) < 1e-3)
  }
}
