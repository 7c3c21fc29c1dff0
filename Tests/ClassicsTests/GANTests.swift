import Classics
import Config
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

/// The networks of the golden file.
enum GANPeer {
  static let golden = Golden("classics/gan")

  static func config(_ norm: GANConfig.Norm) -> GANConfig {
    GANConfig(imageSize: 8, channels: 3, widths: [4, 6], latentDim: 5, discriminatorNorm: norm)
  }

  /// New networks with the golden weights, which `load` takes only if the keys are the same.
  static func model(_ norm: GANConfig.Norm) throws -> GAN {
    let model = GAN(config(norm), using: RandomSource(seed: 0))
    try model.load(golden.tensors("\(norm.rawValue).weights"))
    return model
  }
}

/// The two networks against PyTorch, and their laws.
@Suite struct GANTests {
  private let golden = GANPeer.golden

  @Test(arguments: GANConfig.Norm.allCases)
  func discriminatorMatchesPyTorch(norm: GANConfig.Norm) throws {
    let group = norm.rawValue
    let discriminator = try GANPeer.model(norm).discriminator
    for side in ["real", "fake"] {
      let x = try golden.tensor(side)
      let score = noGrad { discriminator(x) }
      expectClose(score, try golden.tensor("\(group).\(side)_score"), .network(.float32), side)
    }
    // Without norms there are no buffers.
    let after = norm == .none ? [:] : try golden.tensors("\(group).after")
    #expect(after.keys.sorted() == discriminator.namedBuffers().map(\.name).sorted())
    for (key, buffer) in discriminator.namedBuffers() {
      let expected = try #require(after[key])
      expectClose(buffer.value, expected, .network(.float32), "\(key) after two batches")
    }
    discriminator.eval()
    let real = try golden.tensor("real")
    let inUse = try golden.tensor("\(group).real_score_in_use")
    for call in ["first", "second"] {
      let score = noGrad { discriminator(real) }
      expectClose(score, inUse, .network(.float32), "\(call) call in use")
    }
  }

  @Test func generatorMatchesPyTorch() throws {
    let generator = try GANPeer.model(.none).generator
    let z = try golden.tensor("z")
    let fake = noGrad { generator(z) }
    expectClose(fake, try golden.tensor("fake"), .network(.float32), "in training")
    let after = try golden.tensors("generator_after")
    #expect(after.keys.sorted() == generator.namedBuffers().map(\.name).sorted())
    for (key, buffer) in generator.namedBuffers() {
      let expected = try #require(after[key])
      expectClose(buffer.value, expected, .network(.float32), "\(key) after a batch")
    }
    generator.eval()
    let inUse = noGrad { generator(z) }
    expectClose(inUse, try golden.tensor("fake_in_use"), .network(.float32), "in use")
  }

  @Test func interpolationMatchesPyTorch() throws {
    let gan = try GANPeer.model(.none)
    let z = try golden.tensor("z")
    // The golden batch norms have seen one batch.
    _ = noGrad { gan.generator(z) }
    gan.eval()
    let images = noGrad { gan.interpolated(from: z[0..<1], to: z[1..<2], steps: 5) }
    expectClose(images, try golden.tensor("interpolated"), .network(.float32), "images")
    let ends = noGrad { gan.generator(z[0..<2]) }
    expectClose(images[0], ends[0], .network(.float32), "first")
    expectClose(images[4], ends[1], .network(.float32), "last")
  }

  @Test func thePathIsAnArcOfOneLength() throws {
    let gan = try GANPeer.model(.none)
    gan.eval()
    let z0 = Tensor([Float(3), 0, 0, 0, 0], shape: [1, 5])
    let z1 = Tensor([Float(0), 3, 0, 0, 0], shape: [1, 5])
    let images = noGrad { gan.interpolated(from: z0, to: z1, steps: 4) }
    let rows = (0..<4).map { step -> Tensor in
      let angle = Double(step) * Double.pi / 6
      return z0 * cos(angle) + z1 * sin(angle)
    }
    let arc = Tensor.concatenated(rows, over: 0)
    expectClose(
      images, noGrad { gan.generator(arc) }, .network(.float32), "by 30 degrees each")
    // Parallel vectors have no great circle.
    let line = noGrad { gan.interpolated(from: z0, to: z0 * 2, steps: 3) }
    let half = noGrad { gan.generator(z0 * 1.5) }
    expectClose(line[1], half[0], .network(.float32), "half way along a line")
  }

  @Test func samplesAreDecidedByTheRandomNumbers() throws {
    let gan = try GANPeer.model(.none)
    gan.eval()
    let z = RandomSource(seed: 5).normal([3, 5])
    expectClose(gan.latents(3, using: RandomSource(seed: 5)), z, .exact, "latents")
    let images = noGrad { gan.sample(3, using: RandomSource(seed: 5)) }
    expectClose(images, noGrad { gan.generator(z) }, .exact, "images")
    #expect(images.shape == [3, 3, 8, 8])
    #expect(images.abs().max().item() <= 1)
  }

  @Test(arguments: GANConfig.Norm.allCases)
  func weightsStartAsInDCGAN(norm: GANConfig.Norm) {
    let config = GANConfig(
      imageSize: 32, channels: 1, widths: [32, 64], latentDim: 16, discriminatorNorm: norm)
    let gan = GAN(config, using: RandomSource(seed: 1))
    for (name, parameter) in gan.namedParameters() where !name.hasSuffix("bias") {
      let value = parameter.value.detached()
      let mean = value.mean().item() - (name.contains("norms") ? 1 : 0)
      let deviation = value.standardDeviation().item()
      // Five deviations of the mean and of the deviation of so many elements.
      let count = Double(value.count)
      let ofMean = 5 * 0.02 / count.squareRoot()
      let ofDeviation = 5 * 0.02 / (2 * count).squareRoot()
      #expect(abs(mean) < ofMean, "\(name)")
      #expect(abs(deviation - 0.02) < ofDeviation, "\(name)")
    }
  }

  @Test(arguments: [(28, [8, 16]), (32, [4, 6, 8]), (64, [2, 3, 4, 5])])
  func sidesFit(size: Int, widths: [Int]) throws {
    let config = GANConfig(
      imageSize: size, channels: 1, widths: widths, latentDim: 7, discriminatorNorm: .spectral)
    try config.validate(file: "x")
    let random = RandomSource(seed: 2)
    let gan = GAN(config, using: random)
    let images = noGrad { gan.sample(2, using: random) }
    #expect(images.shape == [2, 1, size, size])
    let scores = noGrad { gan.discriminator(images) }
    #expect(scores.shape == [2])
  }

  @Test func theConfigurationIsWrittenAsRead() throws {
    let text = """
      {"image_size": 32, "channels": 1, "widths": [64, 128], "latent_dim": 64,
       "discriminator_norm": "spectral"}
      """
    let config = try ConfigFile.decode(GANConfig.self, from: Data(text.utf8), file: "x")
    try config.validate(file: "x")
    #expect(config.discriminatorNorm == .spectral)
    let written = try ConfigFile.encode(config)
    #expect(try ConfigFile.decode(GANConfig.self, from: written, file: "x") == config)
    let wrong = text.replacingOccurrences(of: "spectral", with: "layer")
    #expect(throws: ConfigError.self) {
      _ = try ConfigFile.decode(GANConfig.self, from: Data(wrong.utf8), file: "x")
    }
  }

  @Test func refusesTheImpossible() throws {
    try GANPeer.config(.batch).validate(file: "x.yaml")
    let changes: [(key: String, change: (inout GANConfig) -> Void)] = [
      ("image_size", { $0.imageSize = 10 }),
      ("image_size", { $0.imageSize = 0 }),
      ("channels", { $0.channels = 2 }),
      ("widths", { $0.widths = [] }),
      ("widths", { $0.widths = [4, 0] }),
      ("latent_dim", { $0.latentDim = 0 }),
      ("latent_dim", { $0.latentDim = 193 }),
    ]
    for (key, change) in changes {
      var changed = GANPeer.config(.batch)
      change(&changed)
      let wrong = changed
      let error = #expect(throws: ConfigError.self) { try wrong.validate(file: "x.yaml") }
      #expect(error?.description.hasPrefix("x.yaml: 'model.\(key)' is ") == true, "\(key)")
    }
  }
}
