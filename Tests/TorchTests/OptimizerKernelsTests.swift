import TestSupport
import Testing
import Torch

@Suite struct OptimizerKernelsTests {
  private struct Case {
    let parameters: [Tensor]
    let gradients: [[Tensor]]
    let expected: Operands

    init() throws {
      let golden = Golden("torch/optimizers")
      let operands = Operands(tensors: try golden.tensors("in"))
      parameters = (0..<2).map { operands["p\($0)"].cloned() }
      gradients = (0..<3).map { step in (0..<2).map { operands["g\(step)\($0)"] } }
      expected = Operands(tensors: try golden.tensors("out"))
    }
  }

  @Test(arguments: [true, false]) func adamMatchesPyTorch(_ decoupled: Bool) throws {
    let golden = try Case()
    let first = golden.parameters.map { $0.zerosLike() }
    let second = golden.parameters.map { $0.zerosLike() }
    let steps = golden.parameters.map { _ in Tensor(scalar: 0) }
    for gradients in golden.gradients {
      TorchOptim.adam(
        parameters: golden.parameters, gradients: gradients, expAvgs: first, expAvgSqs: second,
        steps: steps, lr: 0.01, beta1: 0.8, beta2: 0.95, weightDecay: 0.1,
        eps: decoupled ? 1e-6 : 1e-8, decoupled: decoupled)
    }
    for (index, parameter) in golden.parameters.enumerated() {
      expectClose(parameter, golden.expected["\(decoupled ? "adamw" : "adam").\(index)"])
    }
    #expect(steps[0].item() == 3)
  }

  @Test func kernelsOverLists() throws {
    let golden = try Case()
    expectClose(TorchOptim.gradNorm(golden.gradients[0]), golden.expected["norm"])
    let a = [Tensor.ones([2]), Tensor.zeros([1])]
    let b = [Tensor.full([2], 3), Tensor.ones([1])]
    TorchOptim.foreachLerp(a, b, weight: 0.25)
    #expect(a[0].array(of: Float.self) == [1.5, 1.5] && a[1].item() == 0.25)
    TorchOptim.foreachAdd(a, 1)
    TorchOptim.foreachMul(a, 4)
    #expect(a[0].array(of: Float.self) == [10, 10] && a[1].item() == 5)
  }

  @Test func updatesOfParametersRecordNothing() throws {
    let parameter = Tensor.ones([2]).requiringGrad()
    // The first step of Adam is as long as the rate, whatever the gradient.
    TorchOptim.adam(
      parameters: [parameter], gradients: [Tensor.full([2], 8)], expAvgs: [Tensor.zeros([2])],
      expAvgSqs: [Tensor.zeros([2])], steps: [Tensor(scalar: 0)], lr: 0.5, beta1: 0.9, beta2: 0.99,
      weightDecay: 0, eps: 0, decoupled: false)
    #expect(parameter.requiresGrad)
    expectClose(parameter.detached(), Tensor.full([2], 0.5))
    parameter.square().sum().backward()
    expectClose(try #require(parameter.grad), Tensor.ones([2]))
  }
}
