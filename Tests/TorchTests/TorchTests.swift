import Testing
import Torch

@Suite struct TensorSmokeTests {
  @Test func createsAndAdds() {
    let a = Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
    #expect((a + 1).array(of: Float.self) == [2, 3, 4, 5])
    #expect((1 - a).array(of: Float.self) == [0, -1, -2, -3])
    #expect(a.matmul(a).array(of: Double.self) == [7, 10, 15, 22])
    #expect((Tensor([1, 2] as [Int]) + 1).dtype == .int64)
    #expect(a.shape == [2, 2])
  }

  @Test func differentiates() {
    let x = Tensor([3] as [Double]).requiringGrad()
    (x * x).sum().backward()
    #expect(x.grad?.item() == 6)
    let y = noGrad { x * 2 }
    #expect(!y.requiresGrad)
  }
}
