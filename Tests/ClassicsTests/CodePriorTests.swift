import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Classics

/// The priors over codes against PyTorch, and laws for all of them.
@Suite struct CodePriorTests {
  private static let grid = CodeGrid(
    codebookSize: 5, height: 3, width: 4, condition: CodeCondition(kind: .class, size: 3))

  private static func pixelCNN(
    _ grid: CodeGrid = grid, width: Int = 8, layers: Int = 3
  ) -> PixelCNN {
    PixelCNN(
      PixelCNNConfig(codes: grid, width: width, layers: layers, kernel: 3, outputWidth: 6),
      using: RandomSource(seed: 1))
  }

  private static func transformer(_ grid: CodeGrid = grid, width: Int = 8) -> CodeTransformer {
    CodeTransformer(
      CodeTransformerConfig(codes: grid, width: width, depth: 2, heads: 2),
      using: RandomSource(seed: 1))
  }

  private static func rnn(_ grid: CodeGrid = grid, width: Int = 8) -> CodeRNN {
    CodeRNN(
      CodeRNNConfig(codes: grid, width: width, depth: 2), using: RandomSource(seed: 1))
  }

  private static func priors(
    _ grid: CodeGrid = grid, width: Int = 8, layers: Int = 3
  ) -> [any CodePrior] {
    [
      pixelCNN(grid, width: width, layers: layers), transformer(grid, width: width),
      rnn(grid, width: width),
    ]
  }

  private func expectPyTorch(_ model: some CodePrior, _ name: String) throws {
    let golden = Golden("classics/priors-\(name)")
    try model.load(golden.tensors("weights"))
    let (codes, condition) = (try golden.tensor("codes"), try golden.tensor("told"))
    expectClose(
      model.logits(codes, condition: condition), try golden.tensor("logits"), .network(.float32),
      "\(name) logits")
    let loss = model.loss(codes, condition: condition)
    expectClose(loss, try golden.tensor("loss"), .network(.float32), "\(name) loss")
    loss.backward()
    try expectGradients(of: model, golden)
  }

  @Test func pixelCNNMatchesMaskedConvolutions() throws {
    try expectPyTorch(Self.pixelCNN(), "pixelcnn")
  }

  @Test func transformerMatchesPyTorch() throws {
    try expectPyTorch(Self.transformer(), "transformer")
  }

  @Test func rnnMatchesPyTorch() throws { try expectPyTorch(Self.rnn(), "rnn") }

  /// One row of the golden file has a caption, the other a dropped one.
  @Test func captionsMatchPyTorch() throws {
    let grid = CodeGrid(
      codebookSize: 5, height: 3, width: 4, condition: CodeCondition(kind: .embedding, size: 6))
    try expectPyTorch(Self.rnn(grid), "rnn-caption")
  }

  /// Where a change of the code at `position` changes the logits, `[h·w]` bools.
  private func reach(of position: Int, _ model: some CodePrior) -> [Bool] {
    let grid = model.codes
    let codes = RandomSource(seed: 2).integers(in: 0..<grid.codebookSize, [1, grid.count])
    var values = codes.array(of: Int64.self)
    values[position] = (values[position] + 1) % Int64(grid.codebookSize)
    let changed = Tensor(values, shape: [1, grid.height, grid.width])
    let condition = Tensor([Int64(1)])
    let before = model.logits(codes.reshaped(1, grid.height, grid.width), condition: condition)
    let after = model.logits(changed, condition: condition)
    let moves = (before - after).abs().sum(over: 3).flattened()
    return moves.array(of: Float.self).map { $0 > 0 }
  }

  /// A position depends on every code before it, also on those far to the right in rows above
  /// (the blind spot of the first PixelCNN), and on none from itself on.
  @Test func everyCodeBeforeIsSeenAndNoneAfter() {
    let grid = CodeGrid(
      codebookSize: 5, height: 4, width: 5, condition: CodeCondition(kind: .class, size: 3))
    for model in Self.priors(grid, width: 16, layers: 6) {
      for position in 0..<grid.count {
        let expected = (0..<grid.count).map { $0 > position }
        #expect(reach(of: position, model) == expected, "\(type(of: model)) \(position)")
      }
    }
  }

  /// The larger field of the shipped configuration keeps the same order.
  @Test func widerKernelSeesWhatIsBeforeAlone() {
    let grid = CodeGrid(
      codebookSize: 5, height: 4, width: 5, condition: CodeCondition(kind: .class, size: 3))
    let model = PixelCNN(
      PixelCNNConfig(codes: grid, width: 16, layers: 4, kernel: 5, outputWidth: 6),
      using: RandomSource(seed: 1))
    for position in 0..<grid.count {
      let expected = (0..<grid.count).map { $0 > position }
      #expect(reach(of: position, model) == expected, "\(position)")
    }
  }

  /// By gradient: with the codes as points of the embedding, ∂ logits at i / ∂ code j is zero for
  /// j ≥ i, exactly, and not zero for j < i.
  @Test func gradientsReachWhatIsBeforeAlone() {
    let grid = CodeGrid(
      codebookSize: 20, height: 4, width: 5, condition: CodeCondition(kind: .none, size: 0))
    // Each code occurs once, so the gradient of its row is that of its position.
    let codes = Tensor((0..<20).map { Int64($0) }, shape: [1, 4, 5])
    for model in Self.priors(grid, width: 16, layers: 6) {
      let rows = model.namedParameters().first { $0.name == "embedding.weight" }
      guard let rows else {
        Issue.record("\(type(of: model)) has no embedding")
        continue
      }
      for position in [0, 4, 7, 12, 19] {
        let logits = model.logits(codes, condition: nil).reshaped(20, 20)
        let gradient = gradients(
          of: (logits[position] * RandomSource(seed: 9).normal([20])).sum(),
          withRespectTo: [rows.parameter.value])[0]
        let sizes = gradient[0..<20].abs().sum(over: 1).array(of: Float.self)
        #expect(
          sizes.map { $0 > 0 } == (0..<20).map { $0 < position }, "\(type(of: model)) \(position)")
      }
    }
  }

  /// Caching changes nothing: logits one by one are those of whole grids.
  @Test func writersGiveTheLogitsOfWholeGrids() {
    let codes = RandomSource(seed: 4).integers(in: 0..<5, [2, 3, 4])
    let condition = Tensor([Int64(0), 3])
    for model in Self.priors() {
      let whole = model.logits(codes, condition: condition).reshaped(2, 12, 5)
      let writer = model.writer(2, condition: condition)
      let row = codes.reshaped(2, 12)
      for position in 0..<12 {
        let last = position == 0 ? nil : row.selected(1, position - 1)
        expectClose(
          writer.next(after: last), whole.selected(1, position), .network(.float32),
          "\(type(of: model)) \(position)")
      }
    }
  }

  @Test func samplesRepeatForASeedAndStayInTheCodebook() {
    for model in Self.priors() {
      let draw = { (seed: UInt64, top: Int) in
        model.sample(
          6, condition: nil, sampling: CodeSampling(temperature: 0.9, top: top),
          using: RandomSource(seed: seed))
      }
      let codes = draw(1, 0)
      #expect(codes.shape == [6, 3, 4])
      #expect(codes.min().item() >= 0 && codes.max().item() < 5)
      #expect(codes.array(of: Int64.self) == draw(1, 0).array(of: Int64.self))
      #expect(codes.array(of: Int64.self) != draw(2, 0).array(of: Int64.self))
      // With the likeliest code alone nothing is random.
      #expect(draw(1, 1).array(of: Int64.self) == draw(2, 1).array(of: Int64.self))
    }
  }

  /// A class picks the first code, and each code is one more than that before it.
  @Test func learnsAPatternOfItsClass() {
    let labels = Tensor((0..<6).map { Int64($0 % 3) })
    let values = (0..<6).flatMap { index in (0..<12).map { Int64((index % 3 + $0) % 5) } }
    let codes = Tensor(values, shape: [6, 3, 4])
    for model in Self.priors(width: 16) {
      let optimizer = Adam(ParameterGroup.split(model, weightDecay: 0), learningRate: 1e-2)
      for _ in 0..<150 {
        model.loss(codes, condition: labels).backward()
        optimizer.step()
        optimizer.zeroGradients()
      }
      let bits = model.bitsPerCode(codes, condition: labels)
      #expect(bits < 0.1, "\(type(of: model)) \(bits)")
      let sampled = model.sample(
        6, condition: labels, sampling: CodeSampling(temperature: 0.2),
        using: RandomSource(seed: 3))
      #expect(sampled.array(of: Int64.self) == values, "\(type(of: model))")
    }
  }

  /// Two steps of logits by hand: top k of `softmax((ℓ_uncond + s (ℓ_cond − ℓ_uncond)) / t)`.
  @Test func probabilitiesFollowTemperatureAndTop() {
    let logits = Tensor([Float(1), 3, 2, 0], shape: [1, 4])
    let warm = CodeSampling(temperature: 2).probabilities(logits).array(of: Double.self)
    let powers = [0.5, 1.5, 1, 0].map { exp($0) }
    expectClose(warm, powers.map { $0 / powers.reduce(0, +) }, .network(.float32))
    let two = CodeSampling(top: 2).probabilities(logits).array(of: Double.self)
    expectClose(two, [0, exp(1), 1, 0].map { $0 / (exp(1) + 1) }, .network(.float32))
  }

  /// With one candidate every code is the likeliest by `ℓ_uncond + s (ℓ_cond − ℓ_uncond)`.
  @Test(arguments: [0.0, 1, 4]) func guidanceGoesFromUnconditionalThroughConditioned(scale: Double)
  {
    let condition = Tensor((0..<6).map { Int64($0 % 3) })
    for model in Self.priors() {
      let codes = model.sample(
        6, condition: condition, sampling: CodeSampling(top: 1, guidance: scale),
        using: RandomSource(seed: 5))
      let none = model.logits(codes, condition: nil)
      let logits = none + (model.logits(codes, condition: condition) - none) * scale
      let likeliest = logits.topK(1).indices.reshaped(6, 3, 4)
      #expect(codes.array(of: Int64.self) == likeliest.array(of: Int64.self), "\(type(of: model))")
    }
  }

  @Test func droppedConditionsAreAsNone() {
    let codes = RandomSource(seed: 4).integers(in: 0..<5, [2, 3, 4])
    let mask = Tensor([Float(1), 0])
    for model in Self.priors() {
      let condition = Tensor([Int64(1), 2])
      let some = model.logits(codes, condition: model.dropping(condition, where: mask))
      let none = model.logits(codes, condition: nil)
      let all = model.logits(codes, condition: condition)
      expectClose(some[0], none[0], .network(.float32), "withheld")
      expectClose(some[1], all[1], .network(.float32), "conditioned")
      #expect((none[1] - all[1]).abs().max().item() > 1e-4)
    }
    let embedded = CodeGrid(
      codebookSize: 5, height: 3, width: 4, condition: CodeCondition(kind: .embedding, size: 7))
    for model in Self.priors(embedded) {
      let condition = RandomSource(seed: 8).normal([2, 7])
      let some = model.logits(codes, condition: model.dropping(condition, where: mask))
      expectClose(
        some[0], model.logits(codes, condition: nil)[0], .network(.float32), "withheld")
      expectClose(
        some[1], model.logits(codes, condition: condition)[1], .network(.float32), "conditioned")
    }
  }

  @Test func refusesWhatCannotBe() {
    var grid = Self.grid
    #expect(refusedKey(CodeRNNConfig(codes: grid, width: 4, depth: 0)) == "model.depth")
    #expect(
      refusedKey(CodeTransformerConfig(codes: grid, width: 8, depth: 1, heads: 3)) == "model.heads")
    let even = PixelCNNConfig(codes: grid, width: 4, layers: 1, kernel: 4, outputWidth: 4)
    #expect(refusedKey(even) == "model.kernel")
    grid.codebookSize = 0
    #expect(
      refusedKey(CodeRNNConfig(codes: grid, width: 4, depth: 1)) == "model.codes.codebook_size")
    grid.codebookSize = 5
    grid.condition.size = 0
    #expect(
      refusedKey(CodeRNNConfig(codes: grid, width: 4, depth: 1)) == "model.codes.condition.size")
  }
}
