import Testing
import Torch

@Suite struct OperationCounterTests {
  /// Operations that `body` counts.
  private func count(_ body: () -> Tensor) -> Double {
    let counter = OperationCounter()
    _ = counter.counting(body)
    return counter.count
  }

  @Test func countsMatrixProducts() {
    let a = Tensor.ones([5, 2, 3])
    let product = count { a.matmul(Tensor.ones([3, 7])) }
    #expect(product == Double(2 * 5 * 2 * 3 * 7))
    let linear = count { F.linear(a, Tensor.ones([11, 3])) }
    #expect(linear == Double(2 * 5 * 2 * 3 * 11))
  }

  @Test func countsConvolutions() {
    let x = Tensor.ones([2, 4, 8, 8])
    let plain = count { F.conv2d(x, Tensor.ones([6, 4, 3, 3]), padding: 1) }
    #expect(plain == Double(2 * 2 * 6 * 64 * 4 * 9))
    let grouped = count {
      F.conv2d(x, Tensor.ones([4, 1, 3, 3]), stride: 2, padding: 1, groups: 4)
    }
    #expect(grouped == Double(2 * 2 * 4 * 16 * 9))
  }

  @Test func countsAttention() {
    let q = Tensor.ones([2, 3, 10, 8])
    let (k, v) = (Tensor.ones([2, 3, 12, 8]), Tensor.ones([2, 3, 12, 6]))
    let attention = count { F.scaledDotProductAttention(q, k, v) }
    #expect(attention == Double(2 * 2 * 3 * 10 * 12 * (8 + 6)))
  }

  @Test func addsUpAndSeesNothingOutside() {
    let counter = OperationCounter()
    let a = Tensor.ones([4, 4])
    for _ in 0..<3 { _ = counter.counting { a.matmul(a) } }
    _ = a.matmul(a)
    #expect(counter.count == 3 * 128)
  }

  @Test func elementwiseWorkIsLeftOut() {
    let elementwise = count { (Tensor.ones([9]) + 1).exp().sum() }
    #expect(elementwise == 0)
  }
}
