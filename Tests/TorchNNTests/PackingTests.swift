import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct PackingTests {
  @Test(arguments: [DType.float32, .bfloat16], [1, 7, 130])
  func packedLinearIsTheLinear(dtype: DType, rows: Int) {
    let random = RandomSource(seed: 1)
    for bias in [true, false] {
      let layer = Linear(48, 33, bias: bias, using: random)
      layer.freeze()
      layer.to(dtype: dtype)
      let x = random.normal([2, rows, 48]).to(dtype)
      let expected = layer(x)
      layer.pack()
      for _ in 0..<2 { expectClose(layer(x), expected, .network(dtype)) }
      // Fewer rows than those it was packed for.
      expectClose(layer(x[0][0..<1]), expected[0][0..<1], .network(dtype))
    }
  }

  @Test(arguments: [DType.float32, .bfloat16], [1, 2])
  func packedConvolutionIsTheConvolution(dtype: DType, stride: Int) {
    let random = RandomSource(seed: 2)
    for (kernel, groups) in [(1, 1), (3, 1), (3, 4)] {
      let layer = Conv2d(
        8, 12, kernel: kernel, stride: stride, padding: kernel / 2, groups: groups, using: random)
      layer.freeze()
      layer.to(dtype: dtype)
      let small = random.normal([2, 8, 9, 7]).to(dtype)
      let large = random.normal([1, 8, 20, 20]).to(dtype).channelsLast()
      let expected = [layer(small), layer(large)]
      layer.pack()
      for _ in 0..<2 {
        expectClose(layer(small), expected[0], .network(dtype))
        expectClose(layer(large), expected[1], .network(dtype))
      }
    }
  }

  @Test func packingTakesThePlaceOfThePlainWeight() {
    let layer = Linear(16, 24, using: RandomSource(seed: 3))
    layer.freeze()
    layer.pack()
    #expect(!layer.weight.isPacked)
    _ = layer(Tensor.ones([1, 16]))
    #expect(layer.weight.isPacked, "oneDNN is part of every LibTorch for the CPU")
    #expect(layer.weight.shape == [24, 16] && layer.weight.dtype == .float32)
    #expect(layer.weight.isFrozen && layer.weight.device == .cpu)
    #expect(layer.parameterCount == 24 * 17)
  }

  @Test func aPackedWeightCannotBeRead() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let layer = Linear(16, 24, using: RandomSource(seed: 3))
      layer.freeze()
      layer.pack()
      _ = layer(Tensor.ones([1, 16]))
      _ = layer.stateDict()
    }
    expectTrap("a weight of [24, 16] is packed for inference: it cannot be read", result)
  }

  /// What would read beyond a weight or a bias, and what only looks like a packed weight.
  @Test(arguments: [
    ("conv2d(float32[1, 60, 16, 16]): the packed weight takes inputs of 64, not 60", 0),
    ("conv2d(float64[1, 64, 16, 16]): the packed weight is Float, the input Double", 1),
    ("conv2d(float32[1, 64, 16, 16]): the packed weight takes a bias of 64 in Float", 2),
    ("linear(float32[2, 64]): the weight was packed for a convolution", 3),
    ("conv2d(float32[1, 64, 16, 16]): a packed weight gives no gradient", 4),
    ("conv2d(float32[1, 64, 16, 16], float32[36, 64, 64])", 5),
    ("linear(float32[2, 3]): the packed weight takes inputs of 4, not 3", 6),
    ("Winograd's way is not one for this convolution", 7),
  ])
  func misusedWeightsAreRefused(sentence: String, misuse: Int) async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) { [misuse = misuse as Int] in
      let x = Tensor.ones([1, 64, 16, 16])
      let weight = PackedWeight(
        convolution: Tensor.ones([64, 64, 3, 3]), Convolution(padding: 1), input: x.shape,
        winograd: true)
      switch misuse {
      case 0: _ = F.conv2d(Tensor.ones([1, 60, 16, 16]), weight)
      case 1: _ = F.conv2d(x.to(.float64), weight)
      case 2: _ = F.conv2d(x, weight, Tensor.ones([63]))
      case 3: _ = F.linear(Tensor.ones([2, 64]), weight)
      case 4: _ = F.conv2d(x.requiringGrad(), weight)
      case 5: _ = F.conv2d(x, Tensor.ones([36, 64, 64]), padding: 1)
      case 6:
        _ = F.linear(Tensor.ones([2, 3]), PackedWeight(linear: Tensor.ones([5, 4]), rows: 2))
      default:
        _ = PackedWeight(
          convolution: Tensor.ones([64, 64, 3, 3]), Convolution(stride: 2, padding: 1),
          input: x.shape, winograd: true)
      }
    }
    expectTrap(sentence, result)
  }

  /// Calls a newly packed layer with each input, in the order given, and returns the bits by
  /// position.
  private func bits(
    _ layer: any UnaryLayer, _ inputs: [Tensor], order: [Int]
  ) -> [Int: [UInt8]] {
    layer.freeze()
    layer.pack()
    return order.reduce(into: [:]) { $0[$1] = layer(inputs[$1]).bytes() }
  }

  /// A run that goes on meets its inputs in another order than one that began.
  @Test(arguments: [DType.float32, .bfloat16])
  func roundingDoesNotDependOnEarlierInputs(dtype: DType) {
    let random = RandomSource(seed: 11)
    let rows = [1, 2, 7, 130].map { random.normal([$0, 512]).to(dtype) }
    let maps = [4, 16, 40].map { random.normal([2, 64, $0, $0]).to(dtype).channelsLast() }
    func linear() -> Linear {
      let layer = Linear(512, 384, using: RandomSource(seed: 12))
      layer.to(dtype: dtype)
      return layer
    }
    func convolution() -> Conv2d {
      let layer = Conv2d(64, 72, kernel: 3, padding: 1, using: RandomSource(seed: 13))
      layer.to(dtype: dtype)
      return layer
    }
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
      let together = bits(linear(), rows, order: order)
      for place in rows.indices {
        #expect(together[place] == bits(linear(), rows, order: [place])[place], "\(order) \(place)")
      }
    }
    for order in [[0, 1, 2], [2, 1, 0]] {
      let together = bits(convolution(), maps, order: order)
      for place in maps.indices {
        #expect(
          together[place] == bits(convolution(), maps, order: [place])[place], "\(order) \(place)")
      }
    }
  }

  @Test(arguments: [DType.float32, .bfloat16])
  func unpackingGivesTheWeightBack(dtype: DType) {
    let random = RandomSource(seed: 14)
    let linear = random.normal([33, 48]).to(dtype)
    for rows in [1, 128] {
      #expect(PackedWeight(linear: linear, rows: rows).unpacked().bytes() == linear.bytes())
    }
    for (shape, groups, winograd) in [
      ([12, 8, 1, 1], 1, false), ([12, 8, 3, 3], 1, false), ([12, 2, 3, 3], 4, false),
      ([64, 72, 3, 3], 1, true), ([192, 160, 3, 3], 1, true),
    ] where !winograd || dtype == .float32 {
      let weight = random.normal(shape).to(dtype)
      let packed = PackedWeight(
        convolution: weight, Convolution(padding: shape[3] / 2, groups: groups),
        input: [1, shape[1] * groups, 20, 20], winograd: winograd)
      let plain = packed.unpacked()
      #expect(plain.shape == shape && plain.dtype == dtype)
      #expect(plain.bytes() == weight.bytes(), "\(shape)")
    }
  }

  @Test func doubleStaysAsItIs() {
    let layer = Linear(4, 4, using: RandomSource(seed: 4))
    layer.freeze()
    layer.to(dtype: .float64)
    layer.pack()
    let x = Tensor.ones([1, 4], dtype: .float64)
    expectClose(layer(x), F.linear(x, layer.weight.value, layer.bias?.value), .exact)
  }

  /// Convolutions that ``Conv2d`` packs for Winograd's way, with maps whose sides are no multiples
  /// of a tile. The points of a small weight are kept, those of a large one made in each call.
  @Test(arguments: [(64, 64, 16, 16), (64, 72, 17, 30), (160, 192, 33, 64)])
  func winogradIsTheConvolution(inputs: Int, outputs: Int, height: Int, width: Int) {
    let random = RandomSource(seed: 5)
    for bias in [true, false] {
      let layer = Conv2d(inputs, outputs, kernel: 3, padding: 1, bias: bias, using: random)
      layer.freeze()
      let x = random.normal([2, inputs, height, width])
      let plain = layer.weight.value.to(.float64)
      let expected = F.conv2d(
        x.to(.float64), plain, layer.bias?.value.to(.float64), padding: 1)
      layer.pack()
      let result = layer(x.channelsLast())
      #expect(layer.weight.isPacked && layer.weight.shape == [outputs, inputs, 3, 3])
      expectClose(result.to(.float64), expected, .network(.float32))
      expectClose(layer(x), result, .exact)
      // An image's result does not depend on its company.
      expectClose(layer(x[1..<2]), result[1..<2], .exact)
      // A map of another size.
      expectClose(
        layer(x.narrowed(3, start: 2, count: 9)).to(.float64),
        F.conv2d(
          x.narrowed(3, start: 2, count: 9).to(.float64), plain, layer.bias?.value.to(.float64),
          padding: 1), .network(.float32))
    }
  }

  @Test func winogradCountsTheOperationsOfTheConvolution() {
    let layer = Conv2d(64, 64, kernel: 3, padding: 1, using: RandomSource(seed: 6))
    layer.freeze()
    let x = Tensor.ones([1, 64, 16, 16])
    func count() -> Double {
      let counter = OperationCounter()
      _ = counter.counting { layer(x) }
      return counter.count
    }
    let plain = count()
    layer.pack()
    #expect(count() == plain)
    #expect(plain == 2 * 9 * 64 * 64 * 256)
  }

  /// Convolutions that train in Winograd's way, against the plain ones in double precision.
  @Test(arguments: [(64, 64, 16, 16), (64, 72, 9, 30), (192, 160, 10, 9)])
  func winogradsGradientsAreTheConvolutions(
    inputs: Int, outputs: Int, height: Int, width: Int
  ) throws {
    let random = RandomSource(seed: 7)
    let layer = Conv2d(inputs, outputs, kernel: 3, padding: 1, using: random)
    let input = random.normal([4, inputs, height, width])
    let upstream = random.normal([4, outputs, height, width])
    func gradients(_ dtype: DType) throws -> [Tensor] {
      // The plain way, as for any input that is not channels-last, is taken in double precision.
      let x = (dtype == .float32 ? input.channelsLast() : input.to(dtype)).detached()
      let leaves = [x] + layer.parameters().map { $0.value.detached().to(dtype).cloned() }
      for leaf in leaves { leaf.requiringGrad() }
      let y = F.conv2d(leaves[0], leaves[1], leaves[2], padding: 1)
      y.backward(gradient: upstream.to(dtype))
      return [y.detached()] + (try leaves.map { try #require($0.grad) })
    }
    for (found, expected) in zip(try gradients(.float32), try gradients(.float64)) {
      let size = expected.abs().max().item()
      expectClose(found.to(.float64) / size, expected / size, .network(.float32))
    }
  }

  /// A gradient of a gradient, as a penalty on a critic's slope asks for, is that of the plain way.
  @Test func winogradGradientsCanBeDifferentiated() throws {
    let random = RandomSource(seed: 9)
    let weight = random.normal([64, 64, 3, 3]) * 0.05
    let image = random.normal([2, 64, 16, 16])
    let results = [true, false].map { channelsLast in
      let w = weight.cloned().requiringGrad()
      let x = (channelsLast ? image.channelsLast() : image).cloned().requiringGrad()
      let y = F.conv2d(x, w, padding: 1).tanh().sum()
      let slope = gradients(of: y, withRespectTo: [x], createGraph: true)[0]
      slope.square().sum().backward()
      return (slope.detached(), w.grad)
    }
    expectClose(results[0].0, results[1].0, .network(.float32), "slope")
    // Sums over 512 positions, compared with the largest of them.
    let (found, expected) = (try #require(results[0].1), try #require(results[1].1))
    let largest = expected.abs().max().item()
    expectClose(found / largest, expected / largest, .network(.float32), "its gradient")
  }
}
