import TestSupport
import Testing
import Torch
import UnCLIP

@Suite struct LowResolutionTests {
  @Test func aPlainImageStaysPlain() {
    let plain = Tensor.full([2, 3, 16, 16], 0.25)
    let blurred = Tensor([true, false])
    expectClose(
      LowResolution.reduced(plain, factor: 4, blurred: blurred), Tensor.full([2, 3, 4, 4], 0.25),
      .elements)
    expectClose(
      LowResolution.enlarged(Tensor.full([1, 3, 4, 4], 0.25), to: 16),
      Tensor.full([1, 3, 16, 16], 0.25), .elements)
  }

  @Test func blurringSpreadsAPointSymmetrically() {
    var point = [Float](repeating: 0, count: 25)
    point[12] = 1
    let blurred = LowResolution.blur(Tensor(point, shape: [1, 1, 5, 5]))
    expectClose(blurred.sum(), Tensor.ones([]), .elements)
    expectClose(blurred, blurred.transposed(2, 3), .elements)
    expectClose(blurred, blurred.flipped(3), .elements)
    let centre = blurred.array(of: Float.self)[12]
    // 1 / (1 + 2 e^(-1 / (2 · 0.6²)))² for kernel 3, σ 0.6.
    #expect(abs(Double(centre) - 0.445_213) < 1e-5, "\(centre)")
  }

  @Test func onlyMarkedImagesAreBlurred() {
    let random = RandomSource(seed: 2)
    let images = random.normal([2, 3, 8, 8])
    let sharp = LowResolution.reduced(images, factor: 4)
    let mixed = LowResolution.reduced(images, factor: 4, blurred: Tensor([false, true]))
    expectClose(mixed[0], sharp[0], .exact)
    expectClose(mixed[1], LowResolution.blur(sharp)[1], .exact)
  }
}
