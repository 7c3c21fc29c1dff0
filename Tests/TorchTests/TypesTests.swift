import TestSupport
import Testing
import Torch

@Suite struct TypesTests {
  @Test func halfTypesMatchPyTorch() throws {
    let golden = Golden("torch/types")
    let operands = Operands(tensors: try golden.tensors("in"))
    let expected = Operands(tensors: try golden.tensors("out"))
    for dtype in [DType.float16, .bfloat16] {
      let x = operands["x"].to(dtype)
      let pic = operands["pic"].to(dtype)
      let results = [
        "add": x + 1, "silu": x.silu(), "linear": F.linear(x, operands["w"].to(dtype)),
        "conv": F.conv2d(pic, operands["cw"].to(dtype), padding: 1),
        "softmax": x.softmax(over: -1), "layerNorm": F.layerNorm(x, normalizedShape: [8]),
        "groupNorm": F.groupNorm(pic, groups: 2), "sum": x.sum(), "mean": x.mean(over: 0),
      ]
      for (name, result) in results {
        #expect(result.dtype == dtype)
        expectClose(result, expected["\(name).\(dtype)"], .network(dtype), "\(name) \(dtype)")
      }
    }
  }

  @Test func autocastMatchesPyTorch() throws {
    let golden = Golden("torch/types")
    let operands = Operands(tensors: try golden.tensors("in"))
    let expected = Operands(tensors: try golden.tensors("out"))
    let (x, w) = (operands["x"], operands["w"])
    #expect(autocastDType() == nil)
    autocast(to: .bfloat16) {
      #expect(autocastDType() == .bfloat16)
      let linear = F.linear(x, w)
      #expect(linear.dtype == .bfloat16)
      expectClose(linear, expected["autocastLinear"], .network(.bfloat16))
      let conv = F.conv2d(operands["pic"], operands["cw"], padding: 1)
      expectClose(conv, expected["autocastConv"], .network(.bfloat16))
      let loss = F.mseLoss(linear, linear * 0.5)
      #expect(loss.dtype == .float32)
      expectClose(loss, expected["autocastMSE"], .network(.bfloat16))
      autocast(to: nil) { #expect(F.linear(x, w).dtype == .bfloat16) }
      autocast(to: .float16) { #expect(autocastDType() == .float16) }
      #expect(autocastDType() == .bfloat16)
    }
    #expect(autocastDType() == nil && F.linear(x, w).dtype == .float32)
  }

  @Test func gradientsThroughAutocastAreFloat32() {
    let x = RandomSource(seed: 1).normal([3, 4])
    let weight = RandomSource(seed: 2).normal([2, 4]).requiringGrad()
    let loss = autocast(to: .bfloat16) { F.linear(x, weight).to(.float32).sum() }
    loss.backward()
    #expect(weight.grad?.dtype == .float32)
    expectClose(
      weight.grad ?? weight, x.sum(over: 0, keepingDims: true).expanded(2, 4),
      .network(.bfloat16))
  }

  @Test func conversionsKeepValues() {
    let values: [Float] = [0, 1, 2, 100]
    for dtype in DType.allCases where dtype != .bool {
      let tensor = Tensor(values).to(dtype)
      #expect(tensor.dtype == dtype)
      #expect(tensor.bytes().count == 4 * dtype.size)
      if dtype != .float8e5m2 && dtype != .float8e4m3fn {
        #expect(tensor.array(of: Float.self) == values, "\(dtype)")
      }
    }
    #expect(Tensor(values).to(.bool).array(of: Bool.self) == [false, true, true, true])
    #expect(Tensor([1.9, -1.9] as [Double]).array(of: Int32.self) == [1, -1])
    let same = Tensor(values)
    #expect(same.to(.float32).sharesStorage(with: same))
  }

  @Test func namesGoBothWays() {
    for dtype in DType.allCases {
      #expect(DType(safetensorsName: dtype.safetensorsName) == dtype)
    }
    #expect(DType(safetensorsName: "F4") == nil)
    #expect(DType.float8e4m3fn.safetensorsName == "F8_E4M3")
    #expect(DType.allCases.filter(\.isFloatingPoint).count == 6)
  }

  @Test func creation() {
    #expect(Tensor.zeros([2, 0]).count == 0)
    #expect(Tensor.full([2], 2.5).array(of: Double.self) == [2.5, 2.5])
    #expect(Tensor.full([1], 3, dtype: .int64).itemInt() == 3)
    #expect(Tensor.empty([2, 3], dtype: .uint8).shape == [2, 3])
    #expect(Tensor.arange(1, 2, step: 0.25).array(of: Double.self) == [1, 1.25, 1.5, 1.75])
    #expect(Tensor.indices(3).array(of: Int.self) == [0, 1, 2])
    #expect(Tensor.linspace(0, 1, count: 5).array(of: Double.self) == [0, 0.25, 0.5, 0.75, 1])
    #expect(Tensor.eye(2).array(of: Int.self) == [1, 0, 0, 1])
    #expect(Tensor.eye(1, columns: 3).shape == [1, 3])
    #expect(Tensor(scalar: 4).rank == 0)
    #expect(Tensor([true, false]).dtype == .bool)
    #expect(Tensor([Int32(7)]).dtype == .int32 && Tensor([Int8(7)]).dtype == .int8)
    #expect(Tensor([Int16(7)]).dtype == .int16 && Tensor([UInt8(7)]).dtype == .uint8)
    let x = Tensor.ones([2, 2], dtype: .float64)
    #expect(x.zerosLike().sum().item() == 0 && x.onesLike().dtype == .float64)
    #expect(Tensor([Float]()).shape == [0])
  }

  /// A scalar beside integers stays an integer only where 64 bits hold it.
  @Test func scalarsBesideWholeNumbers() {
    let x = Tensor([Int64(2), 3])
    #expect((x * 4).dtype == .int64 && (x * 4).array(of: Int.self) == [8, 12])
    #expect((x * -0x1p63).dtype == .int64)
    for value in [0.5, 0x1p63, 1e300, .infinity, .nan] {
      let product = x * value
      #expect(product.dtype == .float32, "\(value)")
      let expected = Float(value) * 2
      let found = product.array(of: Float.self)[0]
      #expect(found == expected || found.isNaN && expected.isNaN, "\(value)")
    }
  }

  @Test func properties() {
    let x = Tensor.zeros([2, 3, 4, 5])
    #expect(x.rank == 4 && x.count == 120 && x.dim(-1) == 5 && x.dim(0) == 2)
    #expect(x.shape4 == (2, 3, 4, 5))
    #expect(x[0].shape3 == (3, 4, 5) && x[0][0].shape2 == (4, 5))
    #expect(x.device == .cpu && x.dtype == .float32)
  }
}
