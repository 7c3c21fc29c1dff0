public import Torch
public import TorchNN

/// The network whose features the published Fréchet and kernel distances are of: Inception v3 with the
/// weights of 2015-12-05, up to its pooled features.
///
/// Its keys are those of pytorch-fid's and torch-fidelity's weights, whose average pooling leaves out
/// the border, and whose last block takes the maximum in its place.
///
/// Source: Szegedy et al. 2015; torch-fidelity `FeatureExtractorInceptionV3`.
public final class InceptionV3: Module {
  /// Side of the images it sees, pixels.
  public static let size = 299
  /// Values of a feature.
  public static let width = 2048

  private let blocks: [(key: String, block: any UnaryLayer)]
  /// The classes, which the features do not need.
  private let classifier: Linear

  /// Makes a network with new weights.
  public init(using random: RandomSource) {
    func conv(_ from: Int, _ to: Int, _ kernel: Int, stride: Int = 1, padding: Int = 0)
      -> InceptionConvolution
    {
      InceptionConvolution(
        from, to, (kernel, kernel), stride: stride, padding: (padding, padding), using: random)
    }
    blocks =
      [
        ("Conv2d_1a_3x3", conv(3, 32, 3, stride: 2)), ("Conv2d_2a_3x3", conv(32, 32, 3)),
        ("Conv2d_2b_3x3", conv(32, 64, 3, padding: 1)), ("", InceptionPool()),
        ("Conv2d_3b_1x1", conv(64, 80, 1)), ("Conv2d_4a_3x3", conv(80, 192, 3)),
        ("", InceptionPool()),
        ("Mixed_5b", .a(192, pool: 32, random)), ("Mixed_5c", .a(256, pool: 64, random)),
        ("Mixed_5d", .a(288, pool: 64, random)), ("Mixed_6a", .b(288, random)),
        ("Mixed_6b", .c(128, random)), ("Mixed_6c", .c(160, random)), ("Mixed_6d", .c(160, random)),
        ("Mixed_6e", .c(192, random)), ("Mixed_7a", .d(random)),
        ("Mixed_7b", .e(1280, .average, random)), ("Mixed_7c", .e(2048, .maximum, random)),
      ] as [(String, any UnaryLayer)]
    classifier = Linear(Self.width, 1008, using: random)
  }

  /// Names the blocks by their keys.
  public func forEachMember(_ body: (String, Any) -> Void) {
    for (key, block) in blocks where !key.isEmpty { body(key, block) }
    body("fc", classifier)
  }

  /// The keys, which are not in snake case.
  public static let keys = Dictionary(
    uniqueKeysWithValues: [
      "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3",
      "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d",
      "Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c",
    ].map { ($0, $0) })

  /// Loads the weights of pytorch-fid or torch-fidelity.
  ///
  /// - Parameters:
  ///   - state: The tensors by key.
  ///   - file: The file they are of, for errors.
  /// - Throws: ``FeatureError/otherNetwork(file:)`` for the weights of another network, and
  ///   `CheckpointError` for some that are not finite.
  public static func load(
    _ state: [String: Tensor], file: String
  ) throws -> InceptionV3 {
    let module = withoutInitialization { InceptionV3(using: RandomSource(seed: 0)) }
    var state = state
    for (key, buffer) in module.namedBuffers()
    where state[key] == nil && key.hasSuffix("num_batches_tracked") {
      // Weights of 2017 do not count batches.
      state[key] = Tensor.zeros(buffer.value.shape, dtype: .int64)
    }
    do throws(CheckpointError) {
      try module.load(state, sharing: true)
    } catch {
      throw FeatureError.otherNetwork(file: file)
    }
    for (key, value) in module.stateDict().sorted(by: { $0.key < $1.key }) {
      guard value.to(.float32).isFinite().all().item() == 1 else {
        throw CheckpointError.badTensor(
          file: file, key: key, expected: "a finite value in every element",
          found: "NaN or infinity")
      }
    }
    module.prepareForInference()
    return module
  }

  /// Computes features of images of any size.
  ///
  /// Shapes: `[B, 3, H, W]` to `[B, 2048]` float32.
  ///
  /// Range: pixels in 0 ... 255.
  public func callAsFunction(_ images: Tensor) -> Tensor {
    noGrad {
      var x = (Self.resized(images.to(.float32)) - 128) / 128
      for (_, block) in blocks { x = block(x) }
      return x.mean(over: 2, 3)
    }
  }

  /// Resizes as TensorFlow 1 did: between the two nearest pixels each way, however far apart the new
  /// ones are, with the first pixels of both at one position.
  ///
  /// Shapes: `[B, C, H, W]` to `[B, C, 299, 299]`.
  ///
  /// Source: torch-fidelity `interpolate_bilinear_2d_like_tensorflow1x`.
  public static func resized(_ images: Tensor) -> Tensor {
    func resized(_ x: Tensor, _ axis: Int) -> Tensor {
      let length = x.dim(axis)
      let positions =
        Tensor.arange(0, Double(size)).to(.float32) * Double(Float(length) / Float(size))
      let low = positions.floor().clamped(max: Double(length - 1))
      let high = (low + 1).clamped(max: Double(length - 1))
      func taken(_ at: Tensor) -> Tensor { x.indexed(by: at.to(.int64), over: axis) }
      let shape = axis == 2 ? [1, 1, size, 1] : [1, 1, 1, size]
      return taken(low) + (taken(high) - taken(low)) * (positions - low).reshaped(shape)
    }
    return resized(resized(images, 3), 2)
  }
}
