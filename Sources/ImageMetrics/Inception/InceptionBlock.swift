import Torch
import TorchNN

/// A convolution without bias, batch normalisation and ReLU.
final class InceptionConvolution: UnaryLayer {
  private let conv: InceptionKernel
  private let bn: BatchNorm2d

  init(
    _ from: Int, _ to: Int, _ kernel: (Int, Int), stride: Int = 1, padding: (Int, Int) = (0, 0),
    using random: RandomSource
  ) {
    conv = InceptionKernel([to, from, kernel.0, kernel.1], stride, padding, using: random)
    bn = BatchNorm2d(to, epsilon: 0.001)
  }

  func callAsFunction(_ x: Tensor) -> Tensor { bn(conv(x)).relu() }
}

/// The weights of a convolution whose kernel need not be square.
final class InceptionKernel: UnaryLayer {
  private let weight: Parameter
  private let stride: Int
  private let padding: (Int, Int)

  init(_ shape: [Int], _ stride: Int, _ padding: (Int, Int), using random: RandomSource) {
    weight = Parameter(shape, .layerDefault, using: random)
    (self.stride, self.padding) = (stride, padding)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    F.conv2d(x, weight.value, stride: (stride, stride), padding: padding)
  }
}

/// The maximum of windows of 3, every second of them.
final class InceptionPool: UnaryLayer {
  func callAsFunction(_ x: Tensor) -> Tensor { F.maxPool2d(x, kernel: 3, stride: 2) }
}

/// Branches of convolutions side by side, whose channels are joined.
final class InceptionBlock: UnaryLayer {
  /// What a branch begins with.
  enum Pool {
    case none, average, maximum, strided

    func callAsFunction(_ x: Tensor) -> Tensor {
      switch self {
      case .none: return x
      case .average:
        // The border counts neither in the sum nor in the number.
        let ones = Tensor.ones([1, 1, x.dim(2), x.dim(3)], device: x.device)
        func mean(_ x: Tensor) -> Tensor { F.averagePool2d(x, kernel: 3, stride: 1, padding: 1) }
        return mean(x) / mean(ones)
      case .maximum: return F.maxPool2d(x, kernel: 3, stride: 1, padding: 1)
      case .strided: return F.maxPool2d(x, kernel: 3, stride: 2)
      }
    }
  }

  /// A convolution with its key; or two side by side, whose channels are joined.
  typealias Step = [(key: String, layer: InceptionConvolution)]

  private let branches: [(pool: Pool, steps: [Step])]

  init(_ branches: [(pool: Pool, steps: [Step])]) { self.branches = branches }

  func forEachMember(_ body: (String, Any) -> Void) {
    for (key, layer) in branches.flatMap({ $0.steps.joined() }) { body(key, layer) }
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    Tensor.concatenated(
      branches.map { pool, steps in
        steps.reduce(pool(x)) { x, step in
          Tensor.concatenated(step.map { $0.layer(x) }, over: 1)
        }
      }, over: 1)
  }
}

extension UnaryLayer where Self == InceptionBlock {
  /// A convolution whose output keeps the size, unless its stride is 2.
  private static func step(
    _ key: String, _ from: Int, _ to: Int, _ height: Int, _ width: Int, stride: Int = 1,
    _ random: RandomSource
  ) -> (key: String, layer: InceptionConvolution) {
    let padding = stride == 1 ? (height / 2, width / 2) : (0, 0)
    return (
      key,
      InceptionConvolution(
        from, to, (height, width), stride: stride, padding: padding, using: random)
    )
  }

  /// `Mixed_5`, of 35 × 35 pixels.
  static func a(_ from: Int, pool: Int, _ random: RandomSource) -> InceptionBlock {
    InceptionBlock([
      (.none, [[step("branch1x1", from, 64, 1, 1, random)]]),
      (
        .none,
        [
          [step("branch5x5_1", from, 48, 1, 1, random)],
          [step("branch5x5_2", 48, 64, 5, 5, random)],
        ]
      ),
      (
        .none,
        [
          [step("branch3x3dbl_1", from, 64, 1, 1, random)],
          [step("branch3x3dbl_2", 64, 96, 3, 3, random)],
          [step("branch3x3dbl_3", 96, 96, 3, 3, random)],
        ]
      ),
      (.average, [[step("branch_pool", from, pool, 1, 1, random)]]),
    ])
  }

  /// `Mixed_6a`, to 17 × 17 pixels.
  static func b(_ from: Int, _ random: RandomSource) -> InceptionBlock {
    InceptionBlock([
      (.none, [[step("branch3x3", from, 384, 3, 3, stride: 2, random)]]),
      (
        .none,
        [
          [step("branch3x3dbl_1", from, 64, 1, 1, random)],
          [step("branch3x3dbl_2", 64, 96, 3, 3, random)],
          [step("branch3x3dbl_3", 96, 96, 3, 3, stride: 2, random)],
        ]
      ),
      (.strided, []),
    ])
  }

  /// `Mixed_6`, of 17 × 17 pixels.
  static func c(_ inner: Int, _ random: RandomSource) -> InceptionBlock {
    let from = 768
    return InceptionBlock([
      (.none, [[step("branch1x1", from, 192, 1, 1, random)]]),
      (
        .none,
        [
          [step("branch7x7_1", from, inner, 1, 1, random)],
          [step("branch7x7_2", inner, inner, 1, 7, random)],
          [step("branch7x7_3", inner, 192, 7, 1, random)],
        ]
      ),
      (
        .none,
        [
          [step("branch7x7dbl_1", from, inner, 1, 1, random)],
          [step("branch7x7dbl_2", inner, inner, 7, 1, random)],
          [step("branch7x7dbl_3", inner, inner, 1, 7, random)],
          [step("branch7x7dbl_4", inner, inner, 7, 1, random)],
          [step("branch7x7dbl_5", inner, 192, 1, 7, random)],
        ]
      ),
      (.average, [[step("branch_pool", from, 192, 1, 1, random)]]),
    ])
  }

  /// `Mixed_7a`, to 8 × 8 pixels.
  static func d(_ random: RandomSource) -> InceptionBlock {
    let from = 768
    return InceptionBlock([
      (
        .none,
        [
          [step("branch3x3_1", from, 192, 1, 1, random)],
          [step("branch3x3_2", 192, 320, 3, 3, stride: 2, random)],
        ]
      ),
      (
        .none,
        [
          [step("branch7x7x3_1", from, 192, 1, 1, random)],
          [step("branch7x7x3_2", 192, 192, 1, 7, random)],
          [step("branch7x7x3_3", 192, 192, 7, 1, random)],
          [step("branch7x7x3_4", 192, 192, 3, 3, stride: 2, random)],
        ]
      ),
      (.strided, []),
    ])
  }

  /// `Mixed_7`, of 8 × 8 pixels.
  static func e(_ from: Int, _ pool: InceptionBlock.Pool, _ random: RandomSource)
    -> InceptionBlock
  {
    InceptionBlock([
      (.none, [[step("branch1x1", from, 320, 1, 1, random)]]),
      (
        .none,
        [
          [step("branch3x3_1", from, 384, 1, 1, random)],
          [
            step("branch3x3_2a", 384, 384, 1, 3, random),
            step("branch3x3_2b", 384, 384, 3, 1, random),
          ],
        ]
      ),
      (
        .none,
        [
          [step("branch3x3dbl_1", from, 448, 1, 1, random)],
          [step("branch3x3dbl_2", 448, 384, 3, 3, random)],
          [
            step("branch3x3dbl_3a", 384, 384, 1, 3, random),
            step("branch3x3dbl_3b", 384, 384, 3, 1, random),
          ],
        ]
      ),
      (pool, [[step("branch_pool", from, 192, 1, 1, random)]]),
    ])
  }
}
