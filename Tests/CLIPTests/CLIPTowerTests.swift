import CLIP
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct CLIPTowerTests {
  @Test(arguments: ["text_quick_gelu", "text_gelu"])
  func textMatchesTransformers(_ name: String) throws {
    let golden = Golden("clip/" + name)
    let config = try CLIPTextConfig.read(at: Golden.url("clip/\(name).json"))
    let tower = CLIPTextModelWithProjection(config, using: RandomSource(seed: 0))
    try tower.load(golden.tensors("weights"))
    let ids = try golden.tensor("ids")
    let found = tower(ids)
    expectClose(found.embeds, try golden.tensor("embeds"), .network(.float32))
    expectClose(found.lastHiddenState, try golden.tensor("encodings"), .network(.float32))
  }

  @Test func visionMatchesTransformers() throws {
    let golden = Golden("clip/vision")
    let config = try CLIPVisionConfig.read(at: Golden.url("clip/vision.json"))
    let tower = CLIPVisionModelWithProjection(config, using: RandomSource(seed: 0))
    try tower.load(golden.tensors("weights"))
    expectClose(
      tower(try golden.tensor("pixels")), try golden.tensor("embeds"), .network(.float32))
  }

  @Test func modelLossAndGradientsMatchTransformers() throws {
    let golden = Golden("clip/model")
    let text = try CLIPTextConfig.read(at: Golden.url("clip/text_quick_gelu.json"))
    let vision = try CLIPVisionConfig.read(at: Golden.url("clip/vision.json"))
    let model = CLIPModel(CLIPConfig(text: text, vision: vision), using: RandomSource(seed: 0))
    try model.load(golden.tensors("weights"))
    let (pixels, ids) = (try golden.tensor("pixels"), try golden.tensor("ids"))
    expectClose(
      model(pixels: pixels, ids: ids), try golden.tensor("logits"), .network(.float32))
    let loss = loss(model, pixels, ids)
    expectClose(loss, try golden.tensor("loss"), .network(.float32))
    loss.backward()
    let expected = try golden.tensors("gradients")
    #expect(Set(model.namedParameters().map(\.name)) == Set(expected.keys))
    for (name, parameter) in model.namedParameters() {
      let gradient = try #require(parameter.gradient, "\(name)")
      expectClose(gradient, try #require(expected[name]), .network(.float32), name)
    }
  }

  func loss(_ model: CLIPModel, _ pixels: Tensor, _ ids: Tensor) -> Tensor {
    model.contrastiveLoss(imageEmbeds: model.vision(pixels), textEmbeds: model.text(ids).embeds)
  }

  /// `p_i = 0.1 sin(i + 1)`, and one more for the scales of norms.
  func fillBySine(_ module: some Module) throws {
    var state: [String: Tensor] = [:]
    for (name, value) in module.stateDict() {
      let isScale = name.hasSuffix("weight") && (name.contains("norm") || name.contains("layrnorm"))
      let values = (0..<value.count).map { 0.1 * sin(Double($0 + 1)) + (isScale ? 1 : 0) }
      state[name] = Tensor(values, shape: value.shape).to(.float32)
    }
    try module.load(state)
  }

  /// Values of transformers' classes for weights that a formula gives.
  @Test func sineWeightsGiveTheKnownNumbers() throws {
    let text = CLIPTextModelWithProjection(
      CLIPTextConfig(
        width: 16, innerWidth: 32, layers: 2, heads: 2, contextLength: 8, vocabularySize: 50,
        embeddingWidth: 12), using: RandomSource(seed: 0))
    try fillBySine(text)
    let found = text(Tensor([48, 5, 7, 49, 0, 0, 0, 0], shape: [1, 8]))
    expectClose(
      Array(found.embeds.array(of: Double.self).prefix(4)),
      [0.836298, -0.712552, 0.528466, -0.299629], Tolerance(2e-6))
    #expect(abs(rms(found.embeds) - 0.6526228) < 2e-6)
    #expect(abs(rms(found.lastHiddenState) - 1.0671164) < 2e-6)

    let vision = CLIPVisionModelWithProjection(
      CLIPVisionConfig(
        width: 16, innerWidth: 32, layers: 2, heads: 2, imageSize: 8, patchSize: 4,
        embeddingWidth: 12), using: RandomSource(seed: 0))
    try fillBySine(vision)
    let pixels = Tensor((0..<192).map { cos(0.5 * Double($0)) }, shape: [1, 3, 8, 8])
    let embeds = vision(pixels.to(.float32))
    expectClose(
      Array(embeds.array(of: Double.self).prefix(4)),
      [1.180219, -1.147382, 1.017383, -0.801231], Tolerance(2e-6))
    #expect(abs(rms(embeds) - 0.8774571) < 2e-6)
  }

  func rms(_ x: Tensor) -> Double { x.square().mean().sqrt().item() }

  @Test func paddingNeverChangesWhatStandsBefore() {
    let tower = CLIPTextModelWithProjection(CLIPConfig.tiny.text, using: RandomSource(seed: 1))
    let one = tower(Tensor([512, 3, 4, 513, 0, 0], shape: [1, 6]))
    let other = tower(Tensor([512, 3, 4, 513, 7, 9], shape: [1, 6]))
    let short = tower(Tensor([512, 3, 4, 513], shape: [1, 4]))
    expectClose(one.embeds, other.embeds)
    expectClose(one.embeds, short.embeds)
    expectClose(one.lastHiddenState.narrowed(1, start: 0, count: 4), short.lastHiddenState)
  }

  @Test func rowsOfABatchDoNotMix() {
    let model = CLIPModel(.tiny, using: RandomSource(seed: 1))
    let pixels = RandomSource(seed: 2).normal([3, 3, 16, 16])
    let together = model.vision(pixels)
    for row in 0..<3 {
      expectClose(model.vision(pixels[row..<row + 1]), together[row..<row + 1], .products)
    }
  }

  @Test func smallPresetHasItsSize() {
    let model = CLIPModel(.small, using: RandomSource(seed: 1))
    #expect((3_700_000...3_800_000).contains(model.parameterCount), "\(model.parameterCount)")
    let pixels = Tensor.zeros([2, 3, 64, 64])
    #expect(model.vision(pixels).shape == [2, 192])
  }

  @Test func publicPresetsHaveTheirCounts() {
    // OpenAI's counts with logit scale; see transformers' 427,616,513 and 151,277,313 weights.
    for (config, count) in [(CLIPConfig.vitL14, 427_616_513), (.vitB32, 151_277_313)] {
      let model = withoutInitialization { CLIPModel(config, using: RandomSource(seed: 0)) }
      #expect(model.parameterCount == count)
    }
  }

  @Test func weightsAreInitialisedAsByOpenAI() {
    let config = CLIPConfig.small
    let model = CLIPModel(config, using: RandomSource(seed: 5))
    let state = model.stateDict()
    func deviation(_ key: String) -> Double { state[key]?.standardDeviation().item() ?? .nan }
    let w = 192.0
    let expected = [
      "text_model.embeddings.token_embedding.weight": 0.02,
      "text_model.embeddings.position_embedding.weight": 0.01,
      "text_model.encoder.layers.1.self_attn.q_proj.weight": 1 / w.squareRoot(),
      "text_model.encoder.layers.1.self_attn.out_proj.weight": 1 / (w * 6).squareRoot(),
      "text_model.encoder.layers.1.mlp.fc1.weight": 1 / (2 * w).squareRoot(),
      "text_model.encoder.layers.1.mlp.fc2.weight": 1 / (2 * w * 3).squareRoot(),
      "text_projection.weight": 1 / w.squareRoot(),
      "visual_projection.weight": 1 / w.squareRoot(),
      "vision_model.embeddings.class_embedding": 1 / w.squareRoot(),
      "vision_model.embeddings.position_embedding.weight": 1 / w.squareRoot(),
      "vision_model.encoder.layers.0.self_attn.k_proj.weight": (2 / (4 * w)).squareRoot(),
    ]
    for (key, value) in expected {
      #expect(abs(deviation(key) / value - 1) < 0.15, "\(key) \(deviation(key)) \(value)")
    }
    #expect(abs((state["logit_scale"]?.item() ?? 0) - 2.6592600) < 1e-6)
    #expect(state["text_model.encoder.layers.0.self_attn.q_proj.bias"]?.abs().max().item() == 0)
  }

  @Test func logitScaleStopsAtOneHundred() {
    let model = CLIPModel(.tiny, using: RandomSource(seed: 1))
    model.logitScale.initialize(.constant(6), using: RandomSource(seed: 0))
    model.clampLogitScale()
    let pixels = RandomSource(seed: 2).normal([2, 3, 16, 16])
    let ids = Tensor([512, 3, 513, 512, 4, 513], shape: [2, 3])
    #expect(model(pixels: pixels, ids: ids).abs().max().item() <= 100.001)
    #expect(abs(model.logitScale.value.item() - log(100.0)) < 1e-6)
    #expect(!model.logitScale.isFrozen)
  }

  /// What the processes have of the loss, by their rows, is the loss of one big batch, and so are its
  /// gradients.
  @Test func theLossOfSharedRowsIsThatOfTheBatch() throws {
    let shares = [0..<2, 2..<3, 3..<7]
    func gradients(_ loss: (CLIPModel, Tensor, Tensor) -> Tensor) throws -> [Tensor] {
      let model = CLIPModel(.tiny, using: RandomSource(seed: 1))
      let (images, texts) = (
        RandomSource(seed: 2).normal([7, 5]).requiringGrad(),
        RandomSource(seed: 3).normal([7, 5]).requiringGrad()
      )
      let total = loss(model, images, texts)
      total.backward()
      return [
        total.detached(), try #require(images.grad), try #require(texts.grad),
        try #require(model.logitScale.gradient),
      ]
    }
    let whole = try gradients { $0.contrastiveLoss(imageEmbeds: $1, textEmbeds: $2) }
    let shared = try gradients { model, images, texts in
      var total = Tensor(scalar: 0)
      for rows in shares {
        let (own, captions) = (images[rows], texts[rows])
        let loss = model.contrastiveLoss(
          imageEmbeds: own, textEmbeds: captions, from: rows.lowerBound,
          gathered: { ($0 - own).abs().max().item() == 0 ? images : texts })
        total = total + loss * (Double(rows.count) / 7)
      }
      return total
    }
    for (a, b) in zip(shared, whole) { expectClose(a, b, .products) }
  }

  @Test func lossOfPerfectPairsIsSmallAndOfEqualOnesIsLogCount() {
    let model = CLIPModel(.tiny, using: RandomSource(seed: 1))
    model.logitScale.initialize(.constant(log(100)), using: RandomSource(seed: 0))
    let eye = Tensor.eye(4)
    #expect(model.contrastiveLoss(imageEmbeds: eye, textEmbeds: eye * 3).item() < 1e-6)
    let same = Tensor.ones([4, 5])
    #expect(
      abs(model.contrastiveLoss(imageEmbeds: same, textEmbeds: same).item() - log(4.0)) < 1e-6)
  }

  /// In bfloat16 a logit of 100 would be right to a half only.
  @Test func logitsStayInSinglePrecisionUnderAutocast() {
    let model = CLIPModel(.tiny, using: RandomSource(seed: 1))
    let (images, texts) = (
      RandomSource(seed: 2).normal([9, 16]), RandomSource(seed: 3).normal([9, 16])
    )
    let plain = model.logits(imageEmbeds: images, textEmbeds: texts)
    let cast = autocast(to: .bfloat16) { model.logits(imageEmbeds: images, textEmbeds: texts) }
    expectClose(cast, plain, .exact)
  }

  @Test func pairsCanBeLearned() {
    let model = CLIPModel(.tiny, using: RandomSource(seed: 3))
    let random = RandomSource(seed: 4)
    let pixels = random.normal([8, 3, 16, 16])
    var rows: [Int] = []
    for row in 0..<8 { rows += [512, row, row + 20, 513] }
    let ids = Tensor(rows, shape: [8, 4])
    let optimizer = Adam(model, learningRate: 3e-3)
    let before = loss(model, pixels, ids).item()
    for _ in 0..<30 {
      model.zeroGradients()
      loss(model, pixels, ids).backward()
      optimizer.step()
      model.clampLogitScale()
    }
    let after = loss(model, pixels, ids).item()
    #expect(after < before / 2, "from \(before) to \(after)")
  }

  @Test func wrongShapesAreRefused() async {
    expectTrap(
      "images of [1, 3, 32, 32] for a tower of [B, 3, 16, 16]",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let model = CLIPModel(.tiny, using: RandomSource(seed: 1))
        _ = model.vision(Tensor.zeros([1, 3, 32, 32]))
      })
    expectTrap(
      "13 tokens do not fit a context of 12",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let model = CLIPModel(.tiny, using: RandomSource(seed: 1))
        _ = model.text(Tensor.zeros([1, 13], dtype: .int64))
      })
  }
}
