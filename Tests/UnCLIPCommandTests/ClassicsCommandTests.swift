import Classics
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct ClassicsCommandTests {
  private let folder: TemporaryFolder
  private let random = RandomSource(seed: 5)
  private let quantizer = VectorQuantizerConfig(codebookSize: 6, codeDim: 4)

  init() throws {
    folder = try TemporaryFolder()
    let network = AutoencoderConfig(imageSize: 8, channels: 1, widths: [4, 4], latentDim: 3)
    try save(Autoencoder(network, using: random), "ae")
    try save(
      DenoisingAutoencoder(
        DenoisingAutoencoderConfig(
          imageSize: 8, channels: 1, widths: [4, 4], latentDim: 3,
          corruption: Corruption(kind: .gaussian, amount: 0.5, patch: 1)), using: random), "dae")
    try save(
      VAE(
        VAEConfig(
          imageSize: 8, channels: 1, widths: [4, 4], latentDim: 3, likelihood: .bernoulli, beta: 1,
          freeBits: 0), using: random), "vae")
    try save(
      GAN(
        GANConfig(
          imageSize: 8, channels: 3, widths: [4, 4], latentDim: 3, discriminatorNorm: .spectral),
        using: random), "gan")
    let config = VQVAEConfig(
      imageSize: 8, channels: 1, widths: [4, 4], residualBlocks: 1, residualWidth: 4,
      quantizer: quantizer)
    let vqvae = VQVAE(config, using: random)
    try save(vqvae, "vqvae")
    try save(VQVAE(config, using: random), "other")
    let condition = CodeCondition(kind: .class, size: 3)
    let grid = CodeGrid(codebookSize: 6, height: 2, width: 2, condition: condition)
    for name in ["pixelcnn", "transformer", "rnn"] {
      let url = folder.url.appending(path: "runs/\(name)/model")
      let (book, classes) = (vqvae.codebookFingerprint, ["bag", "coat", "shoe"])
      switch name {
      case "pixelcnn":
        let config = PixelCNNConfig(codes: grid, width: 4, layers: 1, kernel: 3, outputWidth: 4)
        try ClassicFolder(url).save(
          PixelCNN(config, using: random), codebook: book, classes: classes)
      case "transformer":
        let config = CodeTransformerConfig(codes: grid, width: 4, depth: 1, heads: 2)
        try ClassicFolder(url).save(
          CodeTransformer(config, using: random), codebook: book, classes: classes)
      default:
        let config = CodeRNNConfig(codes: grid, width: 4, depth: 1)
        try ClassicFolder(url).save(
          CodeRNN(config, using: random), codebook: book, classes: classes)
      }
    }
    for (index, side) in [("a", 8), ("b", 8), ("large", 9)] {
      let pixels = (0..<side * side).map { UInt8(($0 * 37 + (index == "a" ? 0 : 90)) % 256) }
      try Image(width: side, height: side, channels: 1, pixels: pixels)
        .write(to: folder.url.appending(path: index + ".png"))
    }
  }

  private func save(_ model: some ClassicModel, _ name: String) throws {
    try ClassicFolder(folder.url.appending(path: "runs/\(name)/model")).save(model)
  }

  private func classics(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(["classics"] + arguments, in: folder.url)
  }

  private func sheet(_ name: String) throws -> Image {
    try Image(contentsOf: folder.url.appending(path: name))
  }

  @Test(arguments: ["vae", "gan"])
  func drawsTheSameForASeed(model: String) throws {
    for name in ["one", "two"] {
      let outcome = try classics(
        "sample", model, "-n", "6", "--seed", "3", "--scale", "1", "--out", name + ".png")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.hasSuffix(name + ".png\n"))
    }
    let (one, two) = (try sheet("one.png"), try sheet("two.png"))
    #expect(one == two)
    // Three columns and two rows of 8 pixels with 2 between and around.
    #expect(one.width == 32 && one.height == 22)
    #expect(
      try classics(
        "sample", model, "-n", "6", "--seed", "4", "--scale", "1", "--out", "two.png", "--force"
      ).status == 0)
    #expect(try sheet("two.png") != one)
  }

  @Test(arguments: ["pixelcnn", "transformer", "rnn"])
  func drawsCodesWithEachPrior(prior: String) throws {
    let all = try classics("sample", "vqvae", "--prior", prior, "-n", "4", "--out", "all.png")
    #expect(all.status == 0, "\(all.errors)")
    let one = try classics(
      "sample", "vqvae", "--prior", prior, "--label", "Coat", "--guidance", "2", "--top", "3",
      "-n", "4", "--out", "coat.png")
    #expect(one.status == 0, "\(one.errors)")
    #expect(try sheet("all.png").width == sheet("coat.png").width)
    expectFailure(
      try classics("sample", "vqvae", "--prior", prior, "--label", "hat", "--out", "x.png"),
      status: 64, saying: "--label is hat", "bag, coat, shoe")
    expectFailure(
      try classics("sample", "other", "--prior", prior, "--out", "x.png"), status: 65,
      saying: "codes of another codebook")
    #expect(!FileManager.default.fileExists(atPath: folder.path("x.png")))
  }

  @Test func reconstructsInterpolatesAndDenoises() throws {
    for model in ["ae", "dae", "vae", "vqvae"] {
      let outcome = try classics(
        "reconstruct", model, "a.png", "b.png", "--out", "pairs.png", "--force")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("PSNR "))
      // Two columns and two rows of 16 pixels.
      #expect(try sheet("pairs.png").width == 38 && sheet("pairs.png").height == 38)
    }
    for model in ["ae", "dae", "vae"] {
      let outcome = try classics(
        "interpolate", model, "a.png", "b.png", "--steps", "5", "--scale", "1", "--out", "way.png",
        "--force")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(try sheet("way.png").width == 52 && sheet("way.png").height == 12)
    }
    let ways = try classics("interpolate", "gan", "--rows", "2", "--out", "ways.png")
    #expect(ways.status == 0, "\(ways.errors)")
    let clean = try classics("denoise", "dae", "a.png", "--out", "clean.png")
    #expect(clean.status == 0 && clean.output.contains("dB before"), "\(clean.errors)")
    #expect(try sheet("clean.png").height == 3 * 18 + 2)
    let noisy = try classics("denoise", "dae", "a.png", "--noisy", "--out", "clean.png", "--force")
    #expect(noisy.status == 0, "\(noisy.errors)")
    #expect(try sheet("clean.png").height == 2 * 18 + 2)
  }

  @Test func refusesWrongArguments() throws {
    expectFailure(
      try classics("sample", "ae", "--out", "x.png"), status: 64, saying: "cannot generate images",
      "vae, vqvae or gan")
    expectFailure(
      try classics("sample", "nothing", "--out", "x.png"), status: 69,
      saying: "There is no model nothing; runs has ", "vqvae")
    expectFailure(
      try classics("sample", "vea", "--out", "x.png"), status: 69,
      saying: "There is no model vea (did you mean vae?)")
    expectFailure(
      try classics("interpolate", "vae", "a.png", "--data", "d", "--out", "x.png"), status: 64,
      saying: "Give images or a data set with --data, not both;")
    expectFailure(
      try classics("sample", "vqvae", "--out", "x.png"), status: 64, saying: "with --prior")
    expectFailure(
      try classics("sample", "vqvae", "--prior", "vae", "--out", "x.png"), status: 64,
      saying: "of kind vae, which cannot write codes: name one of kind pixelcnn, transformer or rnn"
    )
    expectFailure(
      try classics("sample", "gan", "--prior", "rnn", "--out", "x.png"), status: 64,
      saying: "leave --prior out")
    for option in ["--temperature", "--top", "--guidance"] {
      expectFailure(
        try classics("sample", "vqvae", "--prior", "rnn", "\(option)=-1", "--out", "x.png"),
        status: 64, saying: "\(option) is -1")
    }
    expectFailure(
      try classics("reconstruct", "ae", "large.png", "--out", "x.png"), status: 65,
      saying: "large.png is 9 x 9 pixels", "8 x 8")
    expectFailure(
      try classics("reconstruct", "gan", "a.png", "--out", "x.png"), status: 64,
      saying: "of kind gan, which cannot reconstruct images", "ae, dae, vae or vqvae")
    expectFailure(
      try classics("denoise", "vae", "a.png", "--out", "x.png"), status: 64,
      saying: "of kind vae, which cannot denoise images: name one of kind dae.")
    expectFailure(
      try classics("interpolate", "vae", "a.png", "--out", "x.png"), status: 64,
      saying: "at least two")
    expectFailure(
      try classics("interpolate", "gan", "a.png", "--out", "x.png"), status: 64,
      saying: "no encoder")
    expectFailure(
      try classics("denoise", "dae", "a.png", "--noisy", "--out", "a.png", "--force"), status: 64,
      saying: "which is the input a.png")
    expectFailure(
      try classics("sample", "vae", "--out", "b.png"), status: 73, saying: "exists already")
    expectFailure(
      try classics("sample", "vae", "--out", "x.txt"), status: 64, saying: ".png")
    expectFailure(
      try classics("reconstruct", "ae", "--out", "x.png"), status: 64, saying: "--data")
  }
}
