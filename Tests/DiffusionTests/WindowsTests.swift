import TestSupport
import Testing
import Torch

@testable import Diffusion

@Suite struct WindowsTests {
  private func noised(_ sample: Tensor) -> NoisedSample { NoisedSample(sample, timestep: 3) }

  @Test(arguments: [(8, 8), (9, 8), (20, 13), (64, 8)])
  func everyElementLiesInAWindow(height: Int, width: Int) {
    let windows = Windows(height: height, width: width, side: 8, overlap: 3)
    var seen = Set<Int>()
    for window in windows.all {
      #expect(window.y >= 0 && window.x >= 0)
      #expect(window.y + 8 <= height && window.x + 8 <= width)
      for y in window.y..<window.y + 8 {
        for x in window.x..<window.x + 8 { seen.insert(y * width + x) }
      }
    }
    #expect(seen.count == height * width)
    let rows = Set(windows.all.map(\.y)).sorted()
    #expect(zip(rows, rows.dropFirst()).allSatisfy { $1 - $0 <= 5 }, "they overlap by 3")
  }

  /// What looks at one element alone gives the same in windows; and none is larger than one.
  @Test func windowsOfAPointwiseNetworkAreTheWhole() {
    let sample = RandomSource(seed: 1).normal([2, 3, 21, 30])
    let condition = RandomSource(seed: 2).normal([1, 3, 21, 30])
    var largest = 0
    let network: Denoiser = {
      largest = max(largest, $0.sample.dim(2), $0.sample.dim(3))
      return $0.sample * 2 + ($0.window?.cut(condition) ?? condition)
    }
    let windows = Windows(height: 21, width: 30, side: 8, overlap: 3)
    expectClose(windows.blended(network)(noised(sample)), network(noised(sample)), .products)
    #expect(largest == 30)
    largest = 0
    _ = windows.blended(network)(noised(sample))
    #expect(largest == 8)
  }

  /// Two windows that disagree: the mean falls from one to the other without a step.
  @Test func windowsFadeIntoEachOther() {
    let windows = Windows(height: 8, width: 12, side: 8, overlap: 4)
    let blended = windows.blended { $0.sample * 0 + Double($0.window?.x ?? 0) }
    let row = blended(noised(.zeros([1, 1, 8, 12])))[0][0][3].array(of: Float.self)
    #expect(row.prefix(4).allSatisfy { abs($0) < 1e-6 })
    #expect(row.suffix(4).allSatisfy { abs($0 - 4) < 1e-6 })
    #expect(zip(row, row.dropFirst()).allSatisfy { $1 - $0 > -1e-6 && $1 - $0 < 1.3 }, "\(row)")
  }

  @Test func windowsThatAreNotNeededAreNotComputed() {
    var count = 0
    let windows = Windows(height: 8, width: 64, side: 8, overlap: 0) { $0.x < 16 }
    let result = windows.blended {
      count += 1
      return $0.sample + 1
    }(noised(.zeros([1, 1, 8, 64])))
    #expect(count == 2)
    #expect(result.sum().item() == 8 * 16)
  }
}
