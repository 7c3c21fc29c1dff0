import TestSupport
import Testing
import Torch

@Suite struct TrapTests {
  private func text(_ result: ExitTest.Result?) throws -> String {
    String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
  }

  @Test func aFailedOperationNamesItselfAndTheShapes() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.ones([2, 3]).matmul(Tensor.ones([4, 5], dtype: .float64))
    }
    let text = try text(result)
    #expect(text.contains("matmul(float32[2, 3], float64[4, 5]): "), "\(text)")
    #expect(!text.contains("Exception raised from"), "\(text)")
  }

  @Test func aFailedListOperationNamesAllShapes() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.concatenated([Tensor.ones([2, 3]), Tensor.ones([2, 4])], over: 0)
    }
    expectTrap("cat(float32[2, 3], float32[2, 4]): ", result)
  }

  @Test func aShapeThatDoesNotHoldTheValues() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor([1, 2, 3] as [Float], shape: [2, 2])
    }
    expectTrap("a float32 tensor of shape [2, 2] takes 16 bytes, not 12", result)
  }

  @Test func aWrongNumberOfAxes() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.ones([2, 3]).shape4
    }
    expectTrap("expected four axes, found shape [2, 3]", result)
  }

  @Test func anAxisThatIsNotThere() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.ones([2, 3]).dim(2)
    }
    expectTrap("axis 2 of a tensor of shape [2, 3]", result)
  }

  @Test func partsThatAreNotEqual() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.ones([5]).chunked(2, over: 0)
    }
    expectTrap("axis 0 of [5] does not fall in 2 parts", result)
  }

  @Test func aStateThatIsNone() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      RandomSource(seed: 1).state = Tensor.ones([3])
    }
    expectTrap("set_state(float32[3]): ", result)
  }

  @Test func anItemOfMany() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Tensor.ones([2]).item()
    }
    expectTrap("item(float32[2]): ", result)
  }
}
