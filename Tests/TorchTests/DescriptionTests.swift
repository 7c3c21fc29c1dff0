import Testing
import Torch

@Suite struct DescriptionTests {
  @Test func showsValuesAsTheirType() {
    #expect("\(Tensor(scalar: 0.1))" == "float32[]\n0.1")
    #expect("\(Tensor([1, -20] as [Int]))" == "int64[2]\n[  1, -20]")
    #expect("\(Tensor([true, false]))" == "bool[2]\n[ true, false]")
    #expect("\(Tensor([0.5, .nan, -.infinity]))" == "float64[3]\n[ 0.5,  nan, -inf]")
    #expect("\(Tensor.zeros([0, 2]))" == "float32[0, 2]\n[]")
    #expect(
      "\(Tensor.arange(4, dtype: .int32).reshaped(2, 2))" == "int32[2, 2]\n[[0, 1],\n [2, 3]]")
  }

  @Test func shortensLongAxes() {
    let rows = Tensor.arange(2000, dtype: .int64).reshaped(20, 100)
    #expect(
      "\(rows)"
        == """
        int64[20, 100]
        [[   0,    1,    2, …,   97,   98,   99],
         [ 100,  101,  102, …,  197,  198,  199],
         [ 200,  201,  202, …,  297,  298,  299],
         …,
         [1700, 1701, 1702, …, 1797, 1798, 1799],
         [1800, 1801, 1802, …, 1897, 1898, 1899],
         [1900, 1901, 1902, …, 1997, 1998, 1999]]
        """)
    #expect("\(Tensor.ones([7]))".contains("…") == false)
  }
}
