import TestSupport
import Testing
import Torch

@Suite struct ElementsTests {
  @Test func functionsMatchPyTorch() throws {
    try expectFamily(
      "torch/elements", .elements,
      [
        "sin": { $0["x"].sin() }, "cos": { $0["x"].cos() }, "tan": { $0["x"].tan() },
        "atan": { $0["x"].atan() }, "sinh": { $0["x"].sinh() }, "cosh": { $0["x"].cosh() },
        "tanh": { $0["x"].tanh() }, "sigmoid": { $0["x"].sigmoid() }, "abs": { $0["x"].abs() },
        "sign": { $0["x"].sign() }, "floor": { $0["x"].floor() }, "ceil": { $0["x"].ceil() },
        "erf": { $0["x"].erf() }, "exp": { $0["x"].exp() }, "expm1": { $0["x"].expm1() },
        "square": { $0["x"].square() }, "trunc": { $0["x"].truncated() },
        "sqrt": { $0["p"].sqrt() }, "rsqrt": { $0["p"].rsqrt() },
        "reciprocal": { $0["p"].reciprocal() }, "log": { $0["p"].log() },
        "log1p": { $0["p"].log1p() }, "log2": { $0["p"].log2() }, "lgamma": { $0["p"].lgamma() },
        "acos": { $0["u"].acos() }, "asin": { $0["u"].asin() },
        "erfinv": { $0["u"].erfInverse() }, "round": { $0["h"].round() },
        "logSigmoid": { $0["x"].logSigmoid() }, "pow": { $0["p"].pow(2.3) },
        "powTensor": { $0["p"].pow($0["u"]) }, "powBase": { Tensor.pow(1.7, $0["x"]) },
        "remainder": { $0["x"].remainder(0.7) },
        "remainderTensor": { $0["x"].remainder($0["p"]) },
        "atan2": { $0["x"].atan2($0["u"]) }, "clamped": { $0["x"].clamped(to: -0.5...0.75) },
        "clampedBelow": { $0["x"].clamped(min: 0.25) },
        "minimum": { Tensor.minimum($0["x"], $0["u"]) },
        "maximum": { Tensor.maximum($0["x"], $0["u"]) },
        "interpolated": { $0["x"].interpolated(to: $0["u"], 0.3) },
        "addingProduct": { $0["x"].addingProduct($0["u"], $0["p"], scale: -0.5) },
        "where": { Tensor.where($0["x"] .> 0, $0["u"], $0["p"]) },
        "masked": { $0["x"].masked(fill: $0["u"] .> 0, -3) },
      ].merging(arithmetic) { first, _ in first })
  }

  private var arithmetic: [String: (Operands) -> Tensor] {
    [
      "add": { $0["x"] + $0["p"].narrowed(1, start: 0, count: 1) },
      "subtract": { $0["x"] - $0["p"][0..<1] },
      "multiply": { $0["x"] * $0["p"].narrowed(2, start: 0, count: 1) },
      "divide": { $0["x"] / $0["p"] }, "scalarDivide": { 2.5 / $0["p"] },
      "scalarSubtract": { 2.5 - $0["x"] }, "relu": { $0["x"].relu() },
      "gelu": { $0["x"].gelu() }, "geluTanh": { $0["x"].geluTanh() },
      "quickGELU": { $0["x"].quickGELU() }, "silu": { $0["x"].silu() },
      "mish": { $0["x"].mish() }, "softplus": { $0["x"].softplus() },
      "leakyReLU": { $0["x"].leakyReLU(0.2) }, "elu": { $0["x"].elu() },
      "softmax": { $0["x"].softmax(over: 1) }, "logSoftmax": { $0["x"].logSoftmax(over: -1) },
      "less": { $0["x"] .< $0["u"] }, "greaterEqual": { $0["x"] .>= 0.5 },
      "both": { ($0["x"] .> 0).logicalAnd($0["u"] .> 0) },
    ]
  }

  @Test func wholeNumbersStayWholeBesideAWholeScalar() {
    let ids = Tensor([1, 5, -3] as [Int])
    #expect((ids + 1).dtype == .int64)
    #expect((ids * 2 - 1).array(of: Int.self) == [1, 9, -7])
    #expect((3 - ids).array(of: Int.self) == [2, -2, 6])
    #expect((ids + 0.5).dtype == .float32)
    #expect((ids / 2).array(of: Float.self) == [0.5, 2.5, -1.5])
    #expect((ids .== 5).array(of: Bool.self) == [false, true, false])
    #expect(ids.clamped(min: 0).dtype == .int64)
    #expect(ids.remainder(2).array(of: Int.self) == [1, 1, 1])
    let big = Tensor([1 << 60] as [Int])
    #expect((big + 1).itemInt() == (1 << 60) + 1)
  }

  @Test func comparisonsAndLogic() {
    let a = Tensor([1, 2, 3] as [Float])
    let b = Tensor([3, 2, 1] as [Float])
    #expect((a .== b).array(of: Bool.self) == [false, true, false])
    #expect((a .!= b).array(of: Bool.self) == [true, false, true])
    #expect((a .<= b).array(of: Bool.self) == [true, true, false])
    #expect((a .<= 2).array(of: Bool.self) == [true, true, false])
    #expect((a .!= 2).array(of: Bool.self) == [true, false, true])
    #expect((a .< 2).array(of: Bool.self) == [true, false, false])
    #expect((a .>= b).array(of: Bool.self) == [false, true, true])
    #expect((a .> b).logicalOr(a .== b).array(of: Bool.self) == [false, true, true])
    #expect((a .> b).logicalXor(a .>= b).array(of: Bool.self) == [false, true, false])
    #expect((a .> b).logicalNot().array(of: Bool.self) == [true, true, false])
  }

  @Test func findsWhatIsNotFinite() {
    let x = Tensor([1, .nan, .infinity, -.infinity] as [Float])
    #expect(x.isFinite().array(of: Bool.self) == [true, false, false, false])
    #expect(x.isNaN().array(of: Bool.self) == [false, true, false, false])
    #expect(x.isInfinite().array(of: Bool.self) == [false, false, true, true])
    #expect(
      x.replacingNonFinite(nan: 7, positive: 8, negative: 9).array(of: Float.self) == [1, 7, 8, 9])
  }

  @Test func compoundAssignmentMakesANewTensor() {
    let a = Tensor.ones([2])
    var b = a
    b += 1
    b *= Tensor([2, 3] as [Float])
    b -= 1
    b /= 2
    #expect(b.array(of: Float.self) == [1.5, 2.5])
    #expect(a.array(of: Float.self) == [1, 1])
    #expect((-a).array(of: Float.self) == [-1, -1])
  }
}
