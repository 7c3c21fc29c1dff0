import CLIP
import Foundation
import TestSupport
import Testing
import Torch

@testable import TorchNN
@testable import UnCLIP

/// The autoregressive prior against PyTorch, and its laws.
@Suite struct AutoregressivePriorTests {
  private let golden = Golden("ar_prior/ar_prior")

  private func network(
    _ change: (inout AutoregressivePriorConfig) -> Void = { _ in }
  ) throws -> AutoregressiveTransformer {
    var config = try AutoregressivePriorConfig.read(at: Golden.url("ar_prior/ar_prior.json"))
    change(&config)
    return AutoregressiveTransformer(config, using: RandomSource(seed: 1))
  }

  private func reference() throws -> AutoregressiveTransformer {
    let network = try network()
    try network.load(golden.tensors("weights"))
    return network
  }

  private func text() throws -> TextConditioning {
    try TextConditioning(
      embedding: golden.tensor("text"), encodings: golden.tensor("encodings"),
      mask: golden.tensor("mask"))
  }

  private func prior(_ network: AutoregressiveTransformer) -> AutoregressivePrior {
    network.eval()
    return AutoregressivePrior(
      transformer: network, clip: CLIPFingerprint(textEncoder: "a", imageEncoder: "b"))
  }

  private func integers(_ tensor: Tensor) -> [Int64] { tensor.array(of: Int64.self) }

  // MARK: Tokens

  @Test func edgesAndTokensMatchPyTorch() throws {
    let quantizer = EmbeddingQuantizer(width: 6, components: 4, buckets: 7)
    try quantizer.fit(images: golden.tensor("images"), texts: golden.tensor("texts"))
    for (key, buffer) in quantizer.namedBuffers() {
      expectClose(
        buffer.value, try golden.tensor("weights.quantizer.\(key)"), Tolerance(2e-5), key)
    }
    // With the same edges the tokens are equal, and so is what they stand for.
    try quantizer.load(golden.tensors("weights.quantizer"))
    let (z, tokens) = (try golden.tensor("z"), try golden.tensor("tokens"))
    let mine = Tensor.concatenated(
      [
        quantizer.dotTokens(images: z, texts: try golden.tensor("text")).unsqueezed(1),
        quantizer.tokens(of: z),
      ], over: 1)
    #expect(integers(mine) == integers(tokens))
    expectClose(
      quantizer.embeddings(of: tokens.narrowed(1, start: 1, count: 4)),
      try golden.tensor("embeddings"), .products)
  }

  /// Quantiles use every bucket equally often; more buckets and components give more back, and at
  /// last everything.
  @Test func bucketsAreEquallyLikelyAndFinerOnesLoseLess() throws {
    let random = RandomSource(seed: 2)
    let images = random.normal([400, 6]).exp() * 2 + random.normal([1, 6])
    let texts = random.normal([400, 6])
    var last = Double.infinity
    for (components, buckets) in [(2, 2), (4, 8), (6, 20), (6, 400)] {
      let quantizer = EmbeddingQuantizer(width: 6, components: components, buckets: buckets)
      try quantizer.fit(images: images, texts: texts)
      let tokens = quantizer.tokens(of: images)
      for column in 0..<components {
        let used = tokens.selected(1, column).occurrences(minimumLength: buckets)
        #expect(integers(used).allSatisfy { abs(Int($0) - 400 / buckets) <= 1 })
      }
      let dots = quantizer.dotTokens(images: images, texts: texts)
        .occurrences(minimumLength: buckets)
      #expect(integers(dots).allSatisfy { abs(Int($0) - 400 / buckets) <= 1 })
      let error: Double = (quantizer.embeddings(of: tokens) - images).square().mean().item()
      #expect(error < last)
      last = error
    }
    #expect(last < 0.01, "\(last)")
  }

  /// Fewer examples than buckets leave some of them empty, which stand for their middle.
  @Test func emptyBucketsStandBetweenTheirEdges() throws {
    let random = RandomSource(seed: 3)
    let images = random.normal([9, 4])
    let quantizer = EmbeddingQuantizer(width: 4, components: 2, buckets: 50)
    try quantizer.fit(images: images, texts: images)
    for row in 0..<2 {
      let values = quantizer.values.value[row].array(of: Float.self)
      #expect(values.allSatisfy(\.isFinite) && values == values.sorted())
    }
    #expect(throws: EmbeddingPCAError.tooMany(4, possible: 3)) {
      try EmbeddingQuantizer(width: 4, components: 4, buckets: 2).fit(
        images: images[0..<4], texts: images[0..<4])
    }
  }

  @Test func asManyComponentsAreKeptAsTheErrorAsks() throws {
    let random = RandomSource(seed: 4)
    var fit = EmbeddingPCA.Fit()
    try fit.add(random.normal([500, 4]) * Tensor([Float(10), 1, 0.5, 0.01]))
    let pca = try fit.pca()
    // About 100, 1, 0.25 and 0.0001 of the variance.
    #expect(pca.count(forError: 0.5) == 1)
    #expect(pca.count(forError: 0.005) == 2)
    #expect(pca.count(forError: 0.0001) == 3)
    #expect(pca.count(forError: 1e-9) == 4)
  }

  // MARK: The network

  @Test func matchesPyTorch() throws {
    let network = try reference()
    let tokens = try golden.tensor("tokens")
    let logits = network(tokens.narrowed(1, start: 0, count: 4), text: try text())
    expectClose(logits, try golden.tensor("logits"), .network(.float32))
    let text = try text()
    let loss = prior(network).loss(
      of: try golden.tensor("z"),
      .init(text: text, unconditional: text.row(0), textDropRate: 0),
      using: RandomSource(seed: 0))
    expectClose(loss.total, try golden.tensor("loss"), .network(.float32))
    loss.total.backward()
    let gradients = try golden.tensors("gradients")
    #expect(gradients.count == network.namedParameters().count)
    for (key, parameter) in network.namedParameters() {
      expectClose(
        try #require(parameter.gradient, "\(key)"), try #require(gradients[key], "\(key)"),
        .network(.float32), key)
    }
  }

  /// Caching changes nothing: logits one by one are those of whole rows.
  @Test func theCacheGivesTheLogitsOfWholeRows() throws {
    let network = try reference()
    let tokens = try golden.tensor("tokens")
    let expected = try golden.tensor("logits")
    for isTrimmed in [false, true] {
      let text = isTrimmed ? try text().row(0).trimmed() : try text()
      let rows = text.count
      noGrad {
        var (logits, state) = network.start(text)
        #expect(isTrimmed == (text.mask.dim(1) == 3))
        for index in 0...4 {
          expectClose(
            logits, expected[0..<rows].selected(1, index), .network(.float32), "token \(index)")
          if index < 4 { logits = network.next(after: tokens[0..<rows].selected(1, index), &state) }
        }
      }
    }
  }

  /// Whole stretches may follow what is cached, too.
  @Test func theCacheGrowsByStretches() {
    let random = RandomSource(seed: 6)
    let blocks = (0..<2).map { _ in CausalBlock(width: 8, heads: 2, using: random) }
    let x = random.normal([2, 7, 8])
    let visible = Tensor(
      [true, false, true, true, true, true, true] + [Bool](repeating: true, count: 7),
      shape: [2, 7])
    for shown in [nil, visible] {
      let whole = blocks(x, visible: shown)
      var cache = KeyValueCache()
      var parts: [Tensor] = []
      for (start, count) in [(0, 2), (2, 1), (3, 4)] {
        parts.append(
          blocks(
            x.narrowed(1, start: start, count: count),
            visible: shown?.narrowed(1, start: 0, count: start + count), growing: &cache))
        #expect(cache.count == start + count)
      }
      expectClose(Tensor.concatenated(parts, over: 1), whole, .network(.float32))
    }
  }

  /// By gradient: the distribution of token i depends on the token j, exactly, where j < i.
  @Test func gradientsReachWhatIsBeforeAlone() throws {
    let network = try network {
      ($0.numComponents, $0.embeddingDim, $0.numBuckets) = (6, 6, 9)
    }
    let random = RandomSource(seed: 8)
    let text = TextConditioning(
      embedding: random.normal([1, 6]), encodings: random.normal([1, 5, 6]).requiringGrad(),
      mask: Tensor([true, true, true, false, false], shape: [1, 5]))
    // Each token occurs once, so the gradient of its row is that of its position.
    let tokens = Tensor((0..<6).map { Int64($0 + 1) }, shape: [1, 6])
    let table = network.tokenEmbedding.weight.value
    for position in 0...6 {
      let logits = network(tokens, text: text).selected(1, position)
      let found = gradients(
        of: (logits * RandomSource(seed: 9).normal([1, 9])).sum(),
        withRespectTo: [table, text.encodings])
      let sizes = found[0][1..<7].abs().sum(over: 1).array(of: Float.self)
      #expect(sizes.map { $0 > 0 } == (0..<6).map { $0 < position }, "\(position)")
      let words = found[1][0].abs().sum(over: 1).array(of: Float.self)
      #expect(words.map { $0 > 0 } == [true, true, true, false, false], "\(position)")
    }
  }

  // MARK: Sampling

  @Test func theTopHalfIsThatOfALoop() throws {
    let p = try golden.tensor("p")
    expectClose(
      AutoregressivePrior.top(0.5, of: p), try golden.tensor("top_half"), Tolerance(1e-6))
    expectClose(AutoregressivePrior.top(1, of: p), p, Tolerance(1e-6))
    #expect(
      AutoregressivePrior.top(1e-6, of: p).min(over: 1).array(of: Float.self).allSatisfy { $0 >= 0 }
    )
  }

  /// 6,000 samples of the dot product's token: the lower half never occurs, the upper one as often
  /// as its distribution says.
  @Test func theDotProductComesFromTheTopHalf() throws {
    let network = try reference()
    let rows = 2000
    let text = try text()
    let expected = noGrad {
      AutoregressivePrior.top(0.5, of: network.start(text).logits.softmax(over: 1))
    }
    let prompts = PromptConditioning(
      text: text.repeated(rows), negative: text.row(0).repeated(3 * rows))
    let tokens = try noGrad {
      try prior(network).tokens(
        of: prompts, sampling: .init(guidance: 3), using: RandomSource(seed: 1))
    }
    #expect(tokens.shape == [3 * rows, 5])
    for row in 0..<3 {
      let used = integers(
        tokens.selected(1, 0)[row * rows..<(row + 1) * rows].occurrences(minimumLength: 7))
      let wanted = expected[row].array(of: Float.self).map { 2 * Double($0) }
      var distance = 0.0
      for (count, p) in zip(used, wanted) {
        if p < 1e-6 {
          #expect(count == 0)
        } else {
          distance += pow(Double(count) - p * Double(rows), 2) / (p * Double(rows))
        }
      }
      // χ² of at most 6 degrees of freedom exceeds this once in ten thousand times.
      #expect(distance < 28, "row \(row): \(used) of \(wanted)")
    }
  }

  /// Token by token what is sampled follows the network's own distribution.
  @Test func componentsFollowTheNetwork() throws {
    let network = try reference()
    let (rows, text) = (4000, try text().row(1))
    let tokens = try noGrad {
      try prior(network).tokens(
        of: .init(text: text.repeated(rows), negative: text.repeated(rows)),
        sampling: .init(dotFraction: 1), using: RandomSource(seed: 2))
    }
    let dots = noGrad { network.start(text).logits.softmax(over: 1) }
    var first = Tensor.zeros([7])
    for dot in 0..<7 {
      let logits = noGrad { network(Tensor([Int64(dot)], shape: [1, 1]), text: text)[0][1] }
      first = first + logits.softmax(over: 0) * dots[0][dot]
    }
    let used = tokens.selected(1, 1).occurrences(minimumLength: 7).to(.float32) * (1 / Double(rows))
    #expect((used - first).abs().max().item() < 0.03)
  }

  @Test func temperatureTopAndGuidanceDoWhatTheySay() throws {
    let prior = prior(try reference())
    let text = try text()
    func draw(
      _ sampling: AutoregressivePrior.Sampling, _ seed: UInt64, _ negative: Int = 1
    ) throws -> [Float] {
      try prior.embedding(
        of: .init(text: text.row(0), negative: text.row(negative)), sampling: sampling,
        using: RandomSource(seed: seed)
      ).array(of: Float.self)
    }
    // Of one token alone there is nothing to choose.
    let greedy = AutoregressivePrior.Sampling(top: 1, dotFraction: 1e-6)
    #expect(try draw(greedy, 1) == draw(greedy, 2))
    #expect(try draw(.init(temperature: 0.01, dotFraction: 1e-6), 3) == draw(greedy, 1))
    #expect(try Set((0..<8).map { try draw(.init(), $0) }).count > 4)
    // Without guidance the negative prompt has no effect; with it, it has.
    #expect(try draw(.init(), 5, 1) == draw(.init(), 5, 2))
    let strong = AutoregressivePrior.Sampling(guidance: 30, dotFraction: 1e-6)
    let ways = try [1, 2].map { negative in try (0..<8).map { try draw(strong, $0, negative) } }
    #expect(ways[0] != ways[1])
    // Steered to itself nothing changes.
    let guided = AutoregressivePrior.Sampling(top: 1, guidance: 6, dotFraction: 1e-6)
    #expect(try draw(guided, 1, 0) == draw(greedy, 1))
  }

  /// A prompt's embedding is the same in a batch of prompts of other lengths.
  @Test func eachPromptHasItsRow() throws {
    let prior = prior(try reference())
    let (text, negative) = (try text(), try text().row(2))
    let greedy = AutoregressivePrior.Sampling(top: 1, guidance: 2, dotFraction: 1e-6)
    let all = try prior.embeddings(
      of: .init(text: text, negative: negative.repeated(3)), sampling: greedy,
      using: RandomSource(seed: 1))
    for row in 0..<3 {
      var steps: [Int] = []
      let alone = try prior.embedding(
        of: .init(text: text.row(row), negative: negative), sampling: greedy,
        using: RandomSource(seed: 9)
      ) { steps.append($0) }
      expectClose(alone, all[row..<row + 1], .network(.float32))
      #expect(steps == Array(1...prior.tokenCount) && prior.tokenCount == 5)
    }
  }

  /// Of several candidates the one nearest to the text is kept.
  @Test func theBestCandidateIsKept() throws {
    let prior = prior(try reference())
    let text = try text().row(0)
    let prompt = PromptConditioning(text: text, negative: text)
    let many = try prior.embeddings(
      of: .init(text: text.repeated(6), negative: text.repeated(6)), using: RandomSource(seed: 4))
    let best = try prior.embedding(of: prompt, candidates: 6, using: RandomSource(seed: 4))
    let dots = many.matmul(text.embedding.transposed()).flattened().array(of: Float.self)
    let kept: Double = (best * text.embedding).sum().item()
    #expect(abs(kept - Double(dots.max() ?? 0)) < 1e-5)
  }

  // MARK: Training

  /// Eight captions, each with an embedding of its own: from nothing to the right one.
  @Test func learnsTheEmbeddingsOfCaptions() throws {
    let random = RandomSource(seed: 11)
    let network = AutoregressiveTransformer(
      AutoregressivePriorConfig(
        heads: 2, headWidth: 8, layers: 1, embeddingWidth: 8, textLength: 4, components: 5,
        buckets: 8, dropout: 0), using: random)
    let prior = prior(network)
    let z = random.normal([8, 8]) * Tensor([Float(4), 3, 2, 2, 1, 0.1, 0.1, 0.1]) + 1
    let text = TextConditioning(
      embedding: random.normal([8, 8]), encodings: random.normal([8, 4, 8]),
      mask: Tensor.ones([8, 4], dtype: .bool))
    let none = TextConditioning(
      embedding: Tensor.zeros([1, 8]), encodings: Tensor.zeros([1, 4, 8]),
      mask: Tensor.ones([1, 4], dtype: .bool))
    try network.quantizer.fit(images: z, texts: text.embedding)
    func loss(_ step: Int, dropping rate: Double) -> Losses {
      prior.loss(
        of: z, .init(text: text, unconditional: none, textDropRate: rate),
        using: RandomSource(seed: UInt64(step)))
    }
    let before: Double = noGrad { loss(0, dropping: 0).total.item() }
    let optimizer = Adam(
      ParameterGroup.split(network, weightDecay: 0), learningRate: 1e-2)
    for step in 0..<120 {
      loss(step, dropping: 0.1).total.backward()
      optimizer.step()
      optimizer.zeroGradients()
    }
    let after = noGrad { loss(0, dropping: 0) }
    let (total, dot): (Double, Double) = (
      after.total.item(), after.parts["dot_product"]?.item() ?? 9
    )
    #expect(total < 0.1 * before && dot < 0.1 * before, "from \(before) to \(total), \(dot)")
    let sampled = try prior.embeddings(
      of: .init(text: text, negative: none.repeated(8)), using: RandomSource(seed: 1))
    let cosine: Double = (sampled.normalized() * z.normalized()).sum(over: 1).mean().item()
    #expect(cosine > 0.95, "\(cosine)")
    // Guidance steers away from the mean of all.
    let guided = try prior.embeddings(
      of: .init(text: text, negative: none.repeated(8)), sampling: .init(guidance: 2),
      using: RandomSource(seed: 1))
    #expect((guided.normalized() * z.normalized()).sum(over: 1).mean().item() > 0.95)
  }
}
