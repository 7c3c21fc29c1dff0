import Classics
import Foundation
import Torch
import TorchNN

/// A training step of each classic, in the shapes of `Configs/fashion-*.yaml`: loss, gradients and
/// AdamW on a batch that stays the same. `Benchmarks/peer/classics.py` is the same in PyTorch.
func classicTrainingSteps() throws {
  let threads = ProcessInfo.processInfo.environment["THREADS"].flatMap(Int.init)
  setThreadCount(threads ?? ProcessInfo.processInfo.activeProcessorCount)
  let random = RandomSource(seed: 1)
  let small = random.uniform([128, 1, 28, 28], in: -1..<1)
  let large = random.uniform([128, 1, 32, 32], in: -1..<1)
  let codes = random.integers(in: 0..<2048, [64, 8, 8])
  let labels = random.integers(in: 0..<10, [64])

  let ae = Autoencoder(
    AutoencoderConfig(imageSize: 28, channels: 1, widths: [32, 64], latentDim: 32), using: random)
  try step("ae", ae) { ae.loss(small) }
  let dae = DenoisingAutoencoder(
    DenoisingAutoencoderConfig(
      imageSize: 28, channels: 1, widths: [32, 64], latentDim: 128,
      corruption: Corruption(kind: .gaussian, amount: 0.5, patch: 1)), using: random)
  try step("dae", dae) { dae.loss(small, using: random) }
  let vae = VAE(
    VAEConfig(
      imageSize: 28, channels: 1, widths: [32, 64], latentDim: 32,
      likelihood: .bernoulliBinarized, beta: 1, freeBits: 0), using: random)
  try step("vae", vae) { vae.loss(small, using: random).total }
  let vqvae = VQVAE(
    VQVAEConfig(
      imageSize: 32, channels: 1, widths: [48, 96], residualBlocks: 2, residualWidth: 32,
      quantizer: VectorQuantizerConfig(codebookSize: 2048, codeDim: 64)), using: random)
  try step("vqvae", vqvae) { vqvae.loss(large, using: random).total }

  let grid = CodeGrid(
    codebookSize: 2048, height: 8, width: 8, condition: CodeCondition(kind: .class, size: 10))
  let transformer = CodeTransformer(
    CodeTransformerConfig(codes: grid, width: 128, depth: 4, heads: 4), using: random)
  try step("transformer", transformer) { transformer.loss(codes, condition: labels) }
  let rnn = CodeRNN(CodeRNNConfig(codes: grid, width: 256, depth: 2), using: random)
  try step("rnn", rnn) { rnn.loss(codes, condition: labels) }
  let pixelcnn = PixelCNN(
    PixelCNNConfig(codes: grid, width: 64, layers: 8, kernel: 5, outputWidth: 128), using: random)
  try step("pixelcnn", pixelcnn) { pixelcnn.loss(codes, condition: labels) }
  try ganStep(large[0..<64], using: random)
}

/// Times steps of one network.
private func step(_ name: String, _ module: any Module, _ loss: () -> Tensor) throws {
  let optimizer = Adam(
    ParameterGroup.split(module, weightDecay: 0), learningRate: 1e-4)
  let times = seconds(runs: 25, warmUp: 3) {
    loss().backward()
    optimizer.step()
    optimizer.zeroGradients()
  }
  try report(name, shape: "\(module.parameterCount) weights", times)
}

/// Times one step of the discriminator with one of the generator.
private func ganStep(_ real: Tensor, using random: RandomSource) throws {
  let gan = GAN(
    GANConfig(
      imageSize: 32, channels: 1, widths: [32, 64, 128], latentDim: 64,
      discriminatorNorm: .spectral), using: random)
  let (g, d) = (gan.generator, gan.discriminator)
  let ofG = Adam(ParameterGroup.split(g, weightDecay: 0), learningRate: 1e-4)
  let ofD = Adam(ParameterGroup.split(d, weightDecay: 0), learningRate: 1e-4)
  let loss = AdversarialLoss.nonSaturating
  let times = seconds(runs: 25, warmUp: 3) {
    let fake = noGrad { g(gan.latents(real.dim(0), using: random)) }
    loss.discriminator(real: d(real), fake: d(fake)).backward()
    ofD.step()
    ofD.zeroGradients()
    d.freeze()
    loss.generator(fake: d(g(gan.latents(real.dim(0), using: random)))).backward()
    d.unfreeze()
    ofG.step()
    ofG.zeroGradients()
  }
  try report("gan", shape: "\(gan.parameterCount) weights", times)
}
