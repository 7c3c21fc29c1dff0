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
      TorchOptim.adamw(
        parameters: golden.parameters, gradients: gradients, expAvgs: first, expAvgSqs: second,
        steps: steps, lr: 0.01, beta1: 0.8, beta2: 0.95, weightDecay: 0.1,
        eps: decoupled ? 1e-6 : 1e-8, decoupled: decoupled)
    }
    for (index, parameter) in golden.parameters.enumerated() {
      expectClose(parameter, golden.expected["\(decoupled ? "adamw" : "adam").\(index)"])
    }
    #expect(steps[0].item() == 3)
  }

  @Test(arguments: [true, false]) func sgdMatchesPyTorch(_ momentum: Bool) throws {
    let golden = try Case()
    let momenta = golden.parameters.map { $0.zerosLike() }
    for (step, gradients) in golden.gradients.enumerated() {
      TorchOptim.sgd(
        parameters: golden.parameters, gradients: gradients, momenta: momentum ? momenta : [],
        lr: 0.1, momentum: momentum ? 0.9 : 0, weightDecay: momentum ? 0 : 0.01,
        nesterov: momentum, isFirstStep: step == 0)
    }
    for (index, parameter) in golden.parameters.enumerated() {
      expectClose(parameter, golden.expected["\(momentum ? "momentum" : "sgd").\(index)"])
    }
  }

  @Test func kernelsOverLists() throws {
    let golden = try Case()
    expectClose(TorchOptim.gradNorm(golden.gradients[0]), golden.expected["norm"])
    let a = [Tensor.ones([2]), Tensor.zeros([1])]
    let b = [Tensor.full([2], 3), Tensor.ones([1])]
    TorchOptim.foreachLerp(a, b, weight: 0.25)
    #expect(a[0].array(of: Float.self) == [1.5, 1.5] && a[1].item() == 0.25)
    TorchOptim.foreachMulAdd(a, factor: 2, b, sourceFactor: -1)
    #expect(a[0].array(of: Float.self) == [0, 0] && a[1].item() == -0.5)
    TorchOptim.foreachAdd(a, 1)
    TorchOptim.foreachMul(a, 4)
    #expect(a[0].array(of: Float.self) == [4, 4] && a[1].item() == 2)
    let half = [Tensor.zeros([2], dtype: .bfloat16), Tensor.zeros([1], dtype: .bfloat16)]
    TorchOptim.foreachCopy(half, a)
    #expect(half[0].array(of: Float.self) == [4, 4])
    TorchOptim.foreachZero(a)
    #expect(a[0].sum().item() == 0)
  }

  @Test func updatesOfParametersRecordNothing() {
    let parameter = Tensor.ones([2]).requiringGrad()
    TorchOptim.sgd(parameters: [parameter], gradients: [Tensor.ones([2])], lr: 0.5)
    #expect(parameter.requiresGrad)
    #expect(parameter.array(of: Float.self) == [0.5, 0.5])
    parameter.square().sum().backward()
    #expect(parameter.grad?.array(of: Float.self) == [1, 1])
  }
}
