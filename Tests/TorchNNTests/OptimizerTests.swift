import Foundation
import TestSupport
import Testing
import Torch

@testable import TorchNN

private final class Pair: Module {
  let weight: Parameter
  let bias: Parameter

  init(_ weight: Tensor, _ bias: Tensor) {
    self.weight = Parameter(weight.cloned())
    self.bias = Parameter(bias.cloned())
  }

  /// Sets the gradients of a step as a backward pass does.
  func differentiate(_ weightGradient: Tensor, _ biasGradient: Tensor?) {
    zeroGradients()
    var loss = (weight.value * weightGradient).sum()
    if let biasGradient { loss += (bias.value * biasGradient).sum() }
    loss.backward()
  }
}

@Suite struct OptimizerTests {
  private let golden: [String: Tensor]

  init() throws { golden = try Golden("torch_nn/optimizers").tensors() }

  private func pair() throws -> Pair {
    Pair(try #require(golden["weight"]), try #require(golden["bias"]))
  }

  private func make(_ name: String, _ pair: Pair) -> any Optimizer {
    let groups = [
      ParameterGroup([("weight", pair.weight)], weightDecay: 0.1),
      ParameterGroup([("bias", pair.bias)], rateScale: 0.5),
    ]
    return switch name {
    case "adamw": Adam(groups, learningRate: 0.1, betas: (0.8, 0.95), epsilon: 1e-6)
    default: Adam(groups, learningRate: 0.1, decoupled: false)
    }
  }

  /// Takes the given steps of the golden run; the bias has no gradient in the fourth.
  private func run(
    _ steps: Range<Int>, _ pair: Pair, _ optimizer: any Optimizer,
    after: (Int) throws -> Void = { _ in }
  ) throws {
    let weights = try #require(golden["weight_gradients"])
    let biases = try #require(golden["bias_gradients"])
    for step in steps {
      pair.differentiate(weights[step], step == 3 ? nil : biases[step])
      optimizer.step()
      try after(step)
    }
  }

  @Test(arguments: ["adamw", "adam"])
  func tenStepsMatchPyTorch(name: String) throws {
    let pair = try pair()
    let weights = try #require(golden["\(name).weight"])
    let biases = try #require(golden["\(name).bias"])
    try run(0..<10, pair, make(name, pair)) { step in
      expectClose(pair.weight.value.detached(), weights[step], .elements, "weight, step \(step)")
      expectClose(pair.bias.value.detached(), biases[step], .elements, "bias, step \(step)")
    }
  }

  @Test(arguments: ["adamw", "adam"])
  func resumesBitForBit(name: String) throws {
    let whole = try pair()
    try run(0..<10, whole, make(name, whole))

    let first = try pair()
    let before = make(name, first)
    try run(0..<5, first, before)
    let folder = try TemporaryFolder()
    let model = folder.file("model.safetensors")
    let state = folder.file("optimizer.safetensors")
    try Safetensors.write(first.stateDict(), to: model)
    try Safetensors.write(before.stateDict(), to: state)

    let second = Pair(Tensor.zeros([5, 4]), Tensor.zeros([5]))
    try second.load(Safetensors.read(model).tensors, file: model)
    let after = make(name, second)
    try after.load(Safetensors.read(state).tensors, file: state)
    try run(5..<10, second, after)
    #expect(second.weight.value.bytes() == whole.weight.value.bytes())
    #expect(second.bias.value.bytes() == whole.bias.value.bytes())
  }

  @Test func refusesAnotherOptimizersState() throws {
    let pair = try pair()
    let adam = make("adam", pair)
    let error = #expect(throws: CheckpointError.self) {
      try adam.load(
        ["weight.momentum": Tensor.zeros([5, 4])], file: URL(filePath: "/run/o.safetensors"))
    }
    let text = try #require(error).description
    #expect(text.contains("o.safetensors") && text.contains("weight.exp_avg"), "\(text)")
    #expect(text.contains("weight.momentum"), "\(text)")
  }

  @Test func clipsAsPyTorch() throws {
    let pair = try pair()
    pair.differentiate(
      try #require(golden["weight_gradients"])[0], try #require(golden["bias_gradients"])[0])
    let norm = clipGradientNorm(pair.parameters(), maximum: 0.5)
    expectClose([norm], try #require(golden["clip.norm"]).array(of: Double.self))
    expectClose(try #require(pair.weight.gradient), try #require(golden["clip.weight"]))
    expectClose(try #require(pair.bias.gradient), try #require(golden["clip.bias"]))
    let small = clipGradientNorm(pair.parameters(), maximum: 10)
    #expect(abs(small - 0.5) < 1e-5)
    expectClose(try #require(pair.bias.gradient), try #require(golden["clip.bias"]))
    pair.zeroGradients()
    #expect(clipGradientNorm(pair.parameters(), maximum: 1) == 0)
  }

  @Test func gradientsThatAreNotFiniteShowInTheNorm() throws {
    let pair = try pair()
    pair.differentiate(Tensor.full([5, 4], .infinity), nil)
    #expect(clipGradientNorm(pair.parameters(), maximum: 1) == .infinity)
    pair.differentiate(Tensor.full([5, 4], .nan), nil)
    #expect(clipGradientNorm(pair.parameters(), maximum: 1).isNaN)
  }

  @Test func splitDecaysMatricesOnly() {
    let random = RandomSource(seed: 1)
    let model = Sequential([Linear(2, 3, using: random), LayerNorm(3)])
    let groups = ParameterGroup.split(model, weightDecay: 0.1, prefix: "prior.")
    #expect(
      groups.map { $0.parameters.map(\.name) } == [
        ["prior.0.weight"], ["prior.0.bias", "prior.1.weight", "prior.1.bias"],
      ])
    #expect(groups.map(\.weightDecay) == [0.1, 0])
    model.freeze()
    #expect(ParameterGroup.split(model, weightDecay: 0.1).isEmpty)
  }

  @Test func frozenWeightsStay() {
    let random = RandomSource(seed: 1)
    let model = Sequential([Linear(2, 2, using: random), Linear(2, 1, using: random)])
    model.layers[0].freeze()
    let before = model.layers[0].parameters()[0].value.bytes()
    let optimizer = Adam(model, learningRate: 0.1)
    #expect(optimizer.parameters.count == 2)
    model(Tensor.ones([3, 2])).sum().backward()
    optimizer.step()
    optimizer.zeroGradients()
    #expect(model.layers[0].parameters()[0].value.bytes() == before)
    #expect(model.parameters().allSatisfy { $0.gradient == nil })
  }

  @Test func learnsALine() {
    let random = RandomSource(seed: 5)
    let layer = Linear(1, 1, using: random)
    let x = random.normal([64, 1])
    let optimizer = Adam(layer, learningRate: 0.1, weightDecay: 0)
    for _ in 0..<200 {
      optimizer.zeroGradients()
      F.mseLoss(layer(x), x * 3 - 1).backward()
      optimizer.step()
    }
    #expect(abs(layer.weight.value.item() - 3) < 1e-3)
    #expect(abs((layer.bias?.value.item() ?? 0) + 1) < 1e-3)
  }
}
