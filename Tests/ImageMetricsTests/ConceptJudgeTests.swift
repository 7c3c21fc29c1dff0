import ImageMetrics
import Testing
import Torch

@Suite struct ConceptJudgeTests {
  /// Discs, squares and bars in eight colours at three sizes on white, `[72, 3, 64, 64]`.
  private static func shapes() -> Tensor {
    let side = ConceptJudge.side
    let ramp = Tensor.arange(0, Double(side)) - Double(side - 1) / 2
    let (x, y) = (ramp.reshaped(1, side), ramp.reshaped(side, 1))
    let radius = (x.square() + y.square()).sqrt()
    let square = Tensor.maximum(x.abs().expanded([side, side]), y.abs().expanded([side, side]))
    let bar = y.abs().expanded([side, side]) * 2
    var all: [Tensor] = []
    for level in 0..<8 {
      let color = Tensor((0..<3).map { Float(level >> $0 & 1) * 1.4 - 0.9 }).reshaped(3, 1, 1)
      for size in [12.0, 18, 25] {
        for distance in [radius, square, bar] {
          all.append(Tensor.where(distance .< size, color, Tensor.ones([3, side, side])))
        }
      }
    }
    return Tensor.stacked(all, over: 0)
  }

  private let images = Self.shapes()

  private func recall(_ samples: Tensor) -> Double {
    let judge = ConceptJudge(references: images)
    return judge.recall(of: samples, accepted: (0..<judge.count).map { [$0] }, at: 1)
  }

  @Test func findsEveryImageInItself() {
    #expect(recall(images) == 1)
  }

  @Test func findsImagesThatMovedOrAreNoisy() {
    #expect(recall(images.rolled(by: 3, over: 3)) == 1)
    let noise = RandomSource(seed: 0).normal(images.shape) * 0.2
    #expect(recall(images + noise) == 1)
  }

  @Test func doesNotFindImagesOfWhichOnlyTheMeanColorIsLeft() {
    let means = images.mean(over: 2, 3, keepingDims: true)
    #expect(recall(means.expanded(images.shape)) < 0.3)
  }

  @Test func countsAnyAcceptedImageAmongTheNearest() {
    let judge = ConceptJudge(references: images)
    let sample = images[5..<6]
    #expect(judge.nearest(to: sample, 1) == [[5]])
    #expect(judge.recall(of: sample, accepted: [[4, 5]], at: 1) == 1)
    #expect(judge.recall(of: sample, accepted: [[4]], at: 1) == 0)
    #expect(judge.recall(of: sample, accepted: [[4]], at: judge.count) == 1)
  }
}
