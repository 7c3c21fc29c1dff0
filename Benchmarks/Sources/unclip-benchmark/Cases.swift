import CLIP
import Diffusion
import Foundation
import Torch
import TorchNN
import UnCLIP

/// One addition of two tensors of four numbers: what calling an operation costs.
func smallOperation() throws {
  setThreadCount(1)
  let a = Tensor([Float(1), 2, 3, 4])
  let b = Tensor([Float(5), 6, 7, 8])
  let count = 100_000
  let times = noGrad {
    seconds(runs: 7, warmUp: 1) {
      for _ in 0..<count { _ = a + b }
    }
  }
  try report("op", shape: "add [4]", times.map { $0 / Double(count) })
}

/// Loss, gradients and AdamW step of the `small` decoder on a batch of 16 images of 64 px.
func decoderTrainingStep() throws {
  let threads = ProcessInfo.processInfo.environment["THREADS"].flatMap(Int.init)
  setThreadCount(threads ?? ProcessInfo.processInfo.activeProcessorCount)
  let size = ProcessInfo.processInfo.environment["SIZE"].flatMap(Int.init) ?? 64
  let batch = 16
  let preset = UnCLIPPreset.small
  let random = RandomSource(seed: 1)
  // As the network of PyTorch beside it, without the hint.
  var network = preset.decoder
  network.inChannels = network.outChannels
  network.addsCondition = false
  let decoder = Decoder(
    unet: UNet(network, using: random),
    projection: TextProjection(preset.textProjection, using: random),
    scheduler: preset.decoderScheduler)
  let d = preset.clip.embeddingWidth
  let length = preset.clip.text.maxPositionEmbeddings
  func text(_ count: Int) -> TextConditioning {
    TextConditioning(
      embedding: random.normal([count, d]), encodings: random.normal([count, length, d]),
      mask: Tensor.ones([count, length], dtype: .bool))
  }
  let images = random.normal([batch, 3, size, size]).clamped(min: -1, max: 1)
  let (captions, none) = (text(batch), text(1))
  let embedding = random.normal([batch, d])
  let optimizer = Adam(
    ParameterGroup.split(decoder.unet, weightDecay: 0.01)
      + ParameterGroup.split(decoder.projection, weightDecay: 0.01), learningRate: 1e-4)
  let times = seconds(runs: 25, warmUp: 3) {
    let losses = decoder.loss(
      of: images,
      .init(imageEmbedding: embedding, text: captions, unconditional: none), using: random)
    losses.total.backward()
    optimizer.step()
    optimizer.zeroGradients()
  }
  let weights = decoder.unet.parameterCount + decoder.projection.parameterCount
  try report(
    "training-step", shape: "small decoder, \(weights) weights, \(batch) of \(size) px", times)
}
