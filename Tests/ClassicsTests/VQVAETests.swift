import Classics
import Config
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

/// The VQ-VAE against PyTorch, and its laws.
@Suite struct VQVAETests {
  private let golden = Golden("classics/vqvae")

  /// The golden file's shape.
  private func config(_ update: VectorQuantizerConfig.Update = .ema) -> VQVAEConfig {
    VQVAEConfig(
      imageSize: 8, channels: 3, widths: [6, 8], residualBlocks: 2, residualWidth: 4,
      quantizer: VectorQuantizerConfig(
        codebookSize: 7, codeDim: 5, update: update, decay: 0.9))
  }

  private func peer(_ update: VectorQuantizerConfig.Update = .ema) throws -> VQVAE {
    let model = VQVAE(config(update), using: RandomSource(seed: 0))
    let surplus = ["quantizer.cluster_size", "quantizer.cluster_sum"]
    try model.load(
      golden.tensors("weights"), ignoring: update == .ema ? [] : Set(surplus))
    return model
  }

  @Test func matchesPyTorch() throws {
    let all = try golden.tensors()
    let model = try peer()
    let x = try #require(all["x"]).cloned().requiringGrad()
    #expect(try golden.tensors("weights").keys.sorted() == model.stateDict().keys.sorted())
    let codes = try #require(all["codes"])
    expectClose(model.encode(x), codes, .exact, "encoded")
    let images = try #require(all["images"])
    expectClose(model.decode(codes), images, .network(.float32), "decoded")

    let (total, reconstruction, quantized) = model.loss(x)
    expectClose(quantized.codes, codes, .exact, "codes")
    expectClose(quantized.values, try #require(all["values"]), .network(.float32), "values")
    expectClose(total, try #require(all["total"]), .products, "total")
    expectClose(reconstruction, try #require(all["reconstruction"]), .products, "reconstruction")
    expectClose(quantized.loss, try #require(all["quantizer_loss"]), .products, "quantiser")
    expectClose(quantized.perplexity, try #require(all["perplexity"]), .products, "perplexity")
    total.backward()
    expectClose(try #require(x.grad), try #require(all["x_gradient"]), .network(.float32), "x")
    let gradients = try golden.tensors("gradients")
    #expect(gradients.keys.sorted() == model.namedParameters().map(\.name).sorted())
    for (key, parameter) in model.namedParameters() {
      let gradient = try #require(parameter.gradient)
      expectClose(gradient, try #require(gradients[key]), .network(.float32), key)
    }

    _ = noGrad { model.loss(all["x2"] ?? x) }
    for (key, value) in try golden.tensors("after") {
      let buffer = try #require(model.quantizer.stateDict()[key])
      expectClose(buffer, value, .network(.float32), "\(key) after two batches")
    }
  }

  @Test func matchesPyTorchWhenTheLossTrainsTheCodebook() throws {
    let model = try peer(.loss)
    let total = model.loss(try golden.tensor("x")).total
    expectClose(total, try golden.tensor("trained.total"), .products, "total")
    total.backward()
    let gradients = try golden.tensors("trained.gradients")
    #expect(gradients["quantizer.codebook"] != nil)
    #expect(gradients.keys.sorted() == model.namedParameters().map(\.name).sorted())
    for (key, parameter) in model.namedParameters() {
      let gradient = try #require(parameter.gradient)
      expectClose(gradient, try #require(gradients[key]), .network(.float32), key)
    }
  }

  @Test func learnsAFewImages() {
    let config = VQVAEConfig(
      imageSize: 8, channels: 1, widths: [16], residualBlocks: 1, residualWidth: 16,
      quantizer: VectorQuantizerConfig(
        codebookSize: 16, codeDim: 4, decay: 0.9, restartAfter: 20))
    let random = RandomSource(seed: 1)
    let model = VQVAE(config, using: random)
    let x = (random.normal([4, 1, 8, 8]) * 0.5).clamped(to: -1...1)
    let optimizer = Adam(model, learningRate: 5e-3)
    var errors: [Double] = []
    for _ in 0..<200 {
      let (total, reconstruction, _) = model.loss(x, using: random)
      total.backward()
      optimizer.step()
      optimizer.zeroGradients()
      errors.append(reconstruction.item())
    }
    #expect((errors.last ?? 1) < 0.1 * (errors.first ?? 0))
    model.eval()
    let again = noGrad { model.decode(model.encode(x)) }
    let direct = noGrad { model(x).images }
    expectClose(direct, again, .network(.float32), "the codes say all that is decoded")
  }

  @Test func theFingerprintIsThatOfTheCodebook() throws {
    let model = try peer()
    let name = model.codebookFingerprint
    let others = try [peer(), peer(.loss)]
    #expect(others.map(\.codebookFingerprint) == [name, name])
    var state = model.stateDict().mapValues { $0.cloned() }
    let bias = try #require(state["from_codes.bias"])
    state["from_codes.bias"] = bias + 1
    try model.load(state)
    #expect(model.codebookFingerprint == name)
    let codebook = try #require(state["quantizer.codebook"])
    state["quantizer.codebook"] = codebook + 1e-3
    try model.load(state)
    #expect(model.codebookFingerprint != name)
  }

  @Test func theConfigurationIsWrittenAsRead() throws {
    let text = """
      {"image_size": 32, "channels": 1, "widths": [64, 128], "residual_blocks": 2,
       "residual_width": 32, "quantizer": {"codebook_size": 512, "code_dim": 64,
       "update": "ema", "commitment": 0.25, "decay": 0.99, "restart_after": 100}}
      """
    let config = try ConfigFile.decode(VQVAEConfig.self, from: Data(text.utf8), file: "x")
    try config.validate(file: "x")
    #expect(config.codeSide == 8)
    let written = try ConfigFile.encode(config)
    #expect(try ConfigFile.decode(VQVAEConfig.self, from: written, file: "x") == config)
  }

  @Test func refusesTheImpossible() throws {
    try config().validate(file: "x.yaml")
    let changes: [(key: String, change: (inout VQVAEConfig) -> Void)] = [
      ("image_size", { $0.imageSize = 10 }),
      ("channels", { $0.channels = 2 }),
      ("widths", { $0.widths = [] }),
      ("residual_blocks", { $0.residualBlocks = -1 }),
      ("residual_width", { $0.residualWidth = 0 }),
      ("quantizer.codebook_size", { $0.quantizer.codebookSize = 0 }),
      ("quantizer.code_dim", { $0.quantizer.codeDim = 193 }),
    ]
    for (key, change) in changes {
      var changed = config()
      change(&changed)
      let wrong = changed
      let error = #expect(throws: ConfigError.self) { try wrong.validate(file: "x.yaml") }
      #expect(error?.description.hasPrefix("x.yaml: 'model.\(key)' is ") == true, "\(key)")
    }
  }
}
