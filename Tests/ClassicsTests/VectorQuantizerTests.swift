import Classics
import Config
import TestSupport
import Testing
import Torch
import TorchNN

/// The quantiser against its definition: nearest codes, gradients, moving averages, restarts.
@Suite struct VectorQuantizerTests {
  /// Three clusters in the plane, `[1, 2, 2, 4]`; around codes (-1, 0), (1, 0) and (0, 3).
  private var clusters: Tensor {
    let values: [Float] = [
      -1.2, -0.8, -1.1, 1.3, 0.9, 0.2, -0.2, 0.3,
      0.1, -0.3, 0.2, 0.2, -0.1, 3.2, 2.7, 3.4,
    ]
    return Tensor(values, shape: [1, 2, 2, 4])
  }
  private var centers: Tensor { Tensor([Float(-1), 0, 1, 0, 0, 3], shape: [3, 2]) }
  /// The means of the clusters.
  private var means: Tensor {
    Tensor([Float(-3.1 / 3), 0, 1.1, 0.05, 0.1, 3.1], shape: [3, 2])
  }

  /// A quantiser with given codes, as if the first batch had set them.
  private func quantizer(
    _ update: VectorQuantizerConfig.Update, _ codebook: Tensor, decay: Double = 0.99,
    restartAfter: Int = 0
  ) throws -> VectorQuantizer {
    let (count, width) = codebook.shape2
    let layer = VectorQuantizer(
      VectorQuantizerConfig(
        codebookSize: count, codeDim: width, update: update, decay: decay,
        restartAfter: restartAfter),
      using: RandomSource(seed: 0))
    var state = layer.stateDict()
    state["codebook"] = codebook
    state["initialized"] = Tensor.ones([], dtype: .int64)
    if update == .ema { state["cluster_sum"] = codebook }
    try layer.load(state)
    return layer
  }

  private func clonedState(_ layer: VectorQuantizer) -> [String: Tensor] {
    layer.stateDict().mapValues { $0.cloned() }
  }

  @Test func keysAreThoseOfBothKinds() {
    func keys(_ update: VectorQuantizerConfig.Update) -> [String] {
      let config = VectorQuantizerConfig(codebookSize: 4, codeDim: 2, update: update)
      return VectorQuantizer(config, using: RandomSource(seed: 0)).stateDict().keys.sorted()
    }
    #expect(keys(.ema) == ["cluster_size", "cluster_sum", "codebook", "idle", "initialized"])
    #expect(keys(.loss) == ["codebook", "idle", "initialized"])
  }

  @Test func codesAreTheNearest() throws {
    let random = RandomSource(seed: 1)
    let codebook = random.normal([7, 3])
    let z = random.normal([2, 3, 4, 5])
    let layer = try quantizer(.ema, codebook)
    let e = codebook.array(of: Double.self)
    let vectors = z.permuted(0, 2, 3, 1).array(of: Double.self)
    let nearest = (0..<40).map { row -> Int64 in
      let distances = (0..<7).map { code in
        (0..<3).reduce(0.0) { sum, axis in
          let difference = vectors[row * 3 + axis] - e[code * 3 + axis]
          return sum + difference * difference
        }
      }
      let best = distances.enumerated().min { $0.element < $1.element }
      return Int64(best?.offset ?? -1)
    }
    let codes = layer.codes(of: z)
    #expect(codes.shape == [2, 4, 5])
    #expect(codes.array(of: Int64.self) == nearest)
    layer.eval()
    let quantized = layer(z)
    #expect(quantized.codes.array(of: Int64.self) == nearest)
    expectClose(quantized.values, layer.embedding(of: codes), .elements, "values")
    let rows = codebook.indexed(by: codes.flattened())
    expectClose(
      layer.embedding(of: codes).permuted(0, 2, 3, 1).reshaped(-1, 3), rows, .exact, "embedding")
  }

  @Test(arguments: VectorQuantizerConfig.Update.allCases)
  func gradientsPassStraightThrough(update: VectorQuantizerConfig.Update) throws {
    let random = RandomSource(seed: 2)
    let layer = try quantizer(update, random.normal([5, 3]))
    layer.eval()
    let z = random.normal([2, 3, 2, 2]).requiringGrad()
    let output = random.normal([2, 3, 2, 2])
    let quantized = layer(z)
    ((quantized.values * output).sum() + quantized.loss).backward()
    let e = layer.embedding(of: quantized.codes).detached()
    let commitment = (z.detached() - e) * (2 * 0.25 / Double(z.count))
    expectClose(try #require(z.grad), output + commitment, .products, "gradient at the input")
    let error = (z.detached() - e).square().mean()
    expectClose(
      quantized.loss, error * (update == .loss ? 1.25 : 0.25), .products, "loss")
  }

  @Test func theLossPullsCodesToTheMeansOfTheirVectors() throws {
    let layer = try quantizer(.loss, centers)
    layer(clusters).loss.backward()
    let gradient = try #require(layer.namedParameters().first?.parameter.gradient)
    // 2 n (e - mean) over the 16 elements of the batch.
    let counts = Tensor([Float(3), 2, 3], shape: [3, 1])
    expectClose(gradient, (centers - means) * counts * (2.0 / 16), .products, "codebook")
  }

  @Test func aMeanWithoutPastIsOneStepOfKMeans() throws {
    let layer = try quantizer(.ema, centers, decay: 0)
    let quantized = layer(clusters)
    #expect(quantized.codes.array(of: Int64.self) == [0, 0, 0, 1, 1, 2, 2, 2])
    // The smoothing of counts moves a code by about a hundred-thousandth.
    expectClose(layer.codebook, means, Tolerance(1e-4), "codebook")
    let before = layer.embedding(of: quantized.codes)
    expectClose(layer(clusters).values, before, .elements, "the next batch uses the new codes")
  }

  @Test func perplexityCountsTheCodesInUse() throws {
    let layer = try quantizer(.ema, centers)
    layer.eval()
    let all = centers.transposed().reshaped(1, 2, 1, 3)
    let one = Tensor.full([2, 2, 3, 3], 0.9) * Tensor([Float(1), 0], shape: [1, 2, 1, 1])
    #expect(abs(layer(all).perplexity.item() - 3) < 1e-5)
    #expect(abs(layer(one).perplexity.item() - 1) < 1e-5)
  }

  @Test(arguments: VectorQuantizerConfig.Update.allCases)
  func theFirstBatchPlacesTheCodes(update: VectorQuantizerConfig.Update) {
    let config = VectorQuantizerConfig(codebookSize: 8, codeDim: 2, update: update)
    let layer = VectorQuantizer(config, using: RandomSource(seed: 3))
    // As many codes as vectors: each vector gets its own, and nothing is lost.
    let quantized = layer(clusters, using: RandomSource(seed: 4))
    expectClose(quantized.values, clusters, .elements, "values")
    #expect(abs(quantized.perplexity.item() - 8) < 1e-4)
    #expect(quantized.loss.item() < 1e-10)
    _ = layer(clusters + 50, using: RandomSource(seed: 5))
    #expect(layer.codebook.max().item() < 20, "only the first batch places codes")
  }

  @Test(arguments: VectorQuantizerConfig.Update.allCases)
  func unusedCodesRestart(update: VectorQuantizerConfig.Update) throws {
    let far = Tensor([Float(-1), 0, 1, 0, 90, 90], shape: [3, 2])
    let layer = try quantizer(update, far, restartAfter: 2)
    let random = RandomSource(seed: 6)
    func uses(_ quantized: Quantized) -> [Double] {
      quantized.codes.flattened().occurrences(minimumLength: 3).array(of: Double.self)
    }
    #expect(uses(layer(clusters, using: random))[2] == 0)
    expectClose(layer.codebook[2], far[2], Tolerance(1e-3), "after one batch it stays")
    #expect(uses(layer(clusters, using: random))[2] == 0)
    let moved = layer.codebook[2].detached().cloned()
    let vectors = clusters.permuted(0, 2, 3, 1).reshaped(-1, 2)
    let distances = (vectors - moved).abs().sum(over: 1)
    #expect(distances.min().item() == 0, "it moved to a vector of the batch")
    #expect(uses(layer(clusters, using: random))[2] > 0)
    #expect(layer.stateDict()["idle"]?.array(of: Int64.self)[2] == 0)
  }

  @Test func withoutRandomNumbersNoCodeRestarts() throws {
    let far = Tensor([Float(-1), 0, 1, 0, 90, 90], shape: [3, 2])
    let layer = try quantizer(.loss, far, restartAfter: 1)
    for _ in 0..<3 { _ = layer(clusters) }
    expectClose(layer.codebook, far, .exact, "codebook")
    #expect(layer.stateDict()["idle"]?.array(of: Int64.self) == [0, 0, 3])
  }

  @Test(arguments: VectorQuantizerConfig.Update.allCases)
  func inUseNothingChanges(update: VectorQuantizerConfig.Update) throws {
    let config = VectorQuantizerConfig(
      codebookSize: 5, codeDim: 2, update: update, restartAfter: 1)
    let layer = VectorQuantizer(config, using: RandomSource(seed: 7))
    layer.eval()
    let before = clonedState(layer)
    for _ in 0..<3 { _ = layer(clusters, using: RandomSource(seed: 8)) }
    for (key, value) in layer.stateDict() {
      expectClose(value, try #require(before[key]), .exact, key)
    }
  }

  @Test(arguments: [
    (VectorQuantizerConfig(codebookSize: 0, codeDim: 2), "codebook_size"),
    (VectorQuantizerConfig(codebookSize: 2, codeDim: 0), "code_dim"),
    (VectorQuantizerConfig(codebookSize: 2, codeDim: 2, commitment: -1), "commitment"),
    (VectorQuantizerConfig(codebookSize: 2, codeDim: 2, decay: 1), "decay"),
    (VectorQuantizerConfig(codebookSize: 2, codeDim: 2, restartAfter: -1), "restart_after"),
  ])
  func refusesTheImpossible(config: VectorQuantizerConfig, key: String) {
    let error = #expect(throws: ConfigError.self) {
      try config.validate(file: "x.yaml", key: "model.quantizer")
    }
    #expect(error?.description.hasPrefix("x.yaml: 'model.quantizer.\(key)' is ") == true)
  }
}
