import TestSupport
import Testing
import Torch

@Suite struct ShapeTests {
  @Test func matchPyTorch() throws {
    try expectFamily(
      "torch/shapes", .exact,
      [
        "reshaped": { $0["x"].reshaped(6, -1) }, "transposed": { $0["x"].transposed(0, 2) },
        "permuted": { $0["x"].permuted(2, 0, 1) }, "flattened": { $0["x"].flattened(from: 1) },
        "expanded": { $0["x"].narrowed(1, start: 0, count: 1).expanded(3, 5, 6) },
        "narrowed": { $0["x"].narrowed(1, start: 1, count: 2) },
        "selected": { $0["x"].selected(2, -1) },
        "strided": { $0["x"].strided(2, from: 1, to: 6, by: 2) },
        "split": { $0["x"].split(sizes: [1, 3, 2], over: 2)[1] },
        "chunked": { $0["x"].chunked(2, over: 1)[1] },
        "concatenated": { Tensor.concatenated([$0["x"], $0["x"] * 2], over: 1) },
        "stacked": { Tensor.stacked([$0["x"], $0["x"] * 2], over: -1) },
        "flipped": { $0["x"].flipped(0, 2) }, "rolled": { $0["x"].rolled(by: 2, over: 1) },
        "repeated": { $0["x"].repeated([2, 1, 3]) },
        "repeatInterleaved": { $0["x"].repeatInterleaved(2, over: 1) },
        "padded": { $0["x"].padded([1, 2, 0, 3], mode: .constant(1.5)) },
        "reflected": { $0["x"].padded([2, 1], mode: .reflect) },
        "replicated": { $0["x"].padded([2, 1], mode: .replicate) },
        "lower": { $0["x"].lowerTriangle(diagonal: 1) }, "upper": { $0["x"].upperTriangle() },
        "diagonal": { $0["x"].diagonal() }, "indexed": { $0["x"].indexed(by: $0["ids"]) },
        "indexedOver": { $0["x"].indexed(by: $0["ids"], over: 2) },
        "masked": { $0["x"].selected(where: $0["x"] .> 0.5) },
        "nonzero": { ($0["x"] .> 1).nonzero() }, "gathered": { $0["x"].gathered(1, $0["g"]) },
        "scattered": {
          let rows = Tensor([1, 3] as [Int], shape: [1, 2, 1]).expanded(3, 2, 6)
          return $0["x"].scattered(1, rows, $0["s"])
        },
        "scatterAdded": { $0["x"].scatterAdded(1, $0["g"], $0["s"]) },
        "indexAdded": { $0["x"].indexAdded(0, $0["ids"], $0["r"]) },
        "oneHot": { $0["ids"].oneHot(4) },
      ])
  }

  @Test func subscriptsReadTheFirstAxis() {
    let x = Tensor.arange(12).reshaped(3, 4)
    #expect(x[1].array(of: Int.self) == [4, 5, 6, 7])
    #expect(x[-1][0].item() == 8)
    #expect(x[1..<3].shape == [2, 4])
    #expect(x[3..<3].shape == [0, 4])
  }

  @Test func splittingLeavesAShortRest() {
    let parts = Tensor.arange(7).split(size: 3, over: 0)
    #expect(parts.map(\.shape) == [[3], [3], [1]])
    #expect(Tensor.concatenated(parts, over: 0).array(of: Int.self) == Array(0..<7))
    #expect(Tensor.zeros([0]).split(size: 3, over: 0).isEmpty)
  }

  @Test func viewsShareStorage() {
    let x = Tensor.zeros([2, 3])
    for view in [
      x.reshaped(6), x.view(3, 2), x.transposed(), x[0], x.unsqueezed(0).squeezed(0), x.detached(),
    ] {
      #expect(view.sharesStorage(with: x))
    }
    #expect(!x.cloned().sharesStorage(with: x))
    #expect(!x.transposed().contiguous().sharesStorage(with: x))
    #expect(!x.transposed().isContiguous && x.isContiguous)
  }

  @Test func channelsLastKeepsValues() {
    let x = RandomSource(seed: 1).normal([2, 3, 4, 5])
    let y = x.channelsLast()
    #expect(y.isChannelsLast && !y.isContiguous && !x.isChannelsLast)
    #expect(y.array(of: Float.self) == x.array(of: Float.self))
    let weight = RandomSource(seed: 2).normal([6, 3, 3, 3])
    let z = F.conv2d(y, weight, padding: 1)
    #expect(z.isChannelsLast)
    expectClose(z, F.conv2d(x, weight, padding: 1), .products)
  }
}
