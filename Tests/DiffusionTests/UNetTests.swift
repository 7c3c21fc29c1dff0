import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct UNetTests {
  private func network(_ name: String) throws -> (UNet, Golden) {
    let golden = Golden("unclip/\(name)")
    let unet = UNet(
      try UNetConfig.read(at: Golden.url("unclip/\(name).json")), using: RandomSource(seed: 0))
    try unet.load(golden.tensors("weights"))
    unet.eval()
    return (unet, golden)
  }

  @Test func decoderMatchesDiffusers() throws {
    let (unet, golden) = try network("decoder")
    let output = try unet(
      golden.tensor("sample"), timesteps: golden.tensor("timesteps"),
      context: unet.context(golden.tensor("context"), mask: golden.tensor("mask")),
      classEmbedding: golden.tensor("classEmbedding"))
    expectClose(output, try golden.tensor("output"), .network(.float32))
  }

  @Test func decoderGradientsMatchDiffusers() throws {
    let (unet, golden) = try network("decoder")
    let output = try unet(
      golden.tensor("sample"), timesteps: golden.tensor("timesteps"),
      context: unet.context(golden.tensor("context"), mask: golden.tensor("mask")),
      classEmbedding: golden.tensor("classEmbedding"))
    let weights = (Tensor.arange(0, Double(output.count)) * 0.1).cos().reshaped(output.shape)
    (output * weights).sum().backward()
    let expected = try golden.tensors("gradients")
    #expect(expected.count == 4)
    for (name, parameter) in unet.namedParameters() {
      guard let gradient = expected[name] else { continue }
      expectClose(try #require(parameter.value.grad), gradient, .network(.float32))
    }
  }

  @Test(arguments: ["upsampler", "patched"]) func upsamplerMatchesDiffusers(name: String) throws {
    let (unet, golden) = try network(name)
    let output = try unet(golden.tensor("sample"), timesteps: golden.tensor("timesteps"))
    expectClose(output, try golden.tensor("output"), .network(.float32))
  }

  @Test func newNetworkPredictsZero() throws {
    let config = try UNetConfig.read(at: Golden.url("unclip/upsampler.json"))
    let random = RandomSource(seed: 1)
    let unet = UNet(config, using: random)
    let output = unet(random.normal([1, 6, 16, 16]), timesteps: Tensor([Float(10)]))
    expectClose(output, Tensor.zeros([1, 3, 16, 16]), .exact)
  }

  @Test(arguments: [1, 2]) func grownPatchesDrawTheSameImageLarger(patch: Int) throws {
    var config = try UNetConfig.read(at: Golden.url("unclip/upsampler.json"))
    (config.inChannels, config.outChannels) = (6 * patch * patch, 3 * patch * patch)
    config.patchSize = patch
    let random = RandomSource(seed: 3)
    let small = UNet(config, using: random)
    for (_, parameter) in small.namedParameters() {
      parameter.initialize(.normal(deviation: 0.2), using: random)
    }
    (config.inChannels, config.outChannels) = (6 * 4 * patch * patch, 3 * 4 * patch * patch)
    config.patchSize = 2 * patch
    let large = UNet(config, using: random)
    try large.load(small.stateDict(patchSize: 2 * patch))
    func enlarged(_ x: Tensor) -> Tensor {
      F.interpolate(x, size: (2 * x.dim(2), 2 * x.dim(3)), mode: .nearest)
    }
    let sample = random.normal([1, 6, 16, 16])
    let time = Tensor([Float(300)])
    let expected = enlarged(small(sample, timesteps: time))
    #expect(expected.abs().mean().item() > 0.01)
    expectClose(large(enlarged(sample), timesteps: time), expected, .network(.float32))
  }

  @Test func hiddenContextDoesNotMatter() throws {
    let (unet, golden) = try network("decoder")
    let context = try golden.tensor("context")
    let mask = try golden.tensor("mask")
    let changed = Tensor.where(mask.unsqueezed(-1), context, context * 0 + 9)
    func output(_ context: Tensor) throws -> Tensor {
      try unet(
        golden.tensor("sample"), timesteps: golden.tensor("timesteps"),
        context: unet.context(context, mask: mask),
        classEmbedding: golden.tensor("classEmbedding"))
    }
    expectClose(try output(changed), try output(context), .exact)
  }

  @Test func sinusoidHasCosineFirst() {
    let values = timestepSinusoid(Tensor([Float(500)]), width: 320).array(of: Float.self)
    let expected: [(Int, Float)] = [
      (0, -0.883_849_26), (1, 0.702_759_09), (2, 0.886_686_03), (160, -0.467_771_80),
      (161, 0.711_427_93),
    ]
    for (index, value) in expected { #expect(abs(values[index] - value) < 2e-5) }
  }

  @Test func configRoundTrips() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("config.json")
    for name in ["decoder", "upsampler", "patched"] {
      let config = try UNetConfig.read(at: Golden.url("unclip/\(name).json"))
      try config.encoded().write(to: url)
      #expect(try UNetConfig.read(at: url) == config)
    }
  }

  @Test(arguments: [
    (#""norm_num_groups": 4"#, #""norm_num_groups": 5"#, "multiple of norm_num_groups"),
    (#""act_fn": "silu""#, #""act_fn": "mish""#, "only \"silu\" is supported"),
    (#""attention_head_dim": 4"#, #""attention_head_dim": 5"#, "it must divide the channels"),
    (#""layers_per_block": 1"#, #""layers_per_block": 0"#, "it must be 1 to 64"),
    (#""in_channels": 3"#, #""in_chanels": 3"#, "(did you mean 'in_channels'?)"),
    (#""sample_size": 8"#, #""sample_size": 7"#, "it must be a multiple of 2"),
    (#""in_channels": 3"#, #""in_channels": 3, "patch_size": 2"#, "its square must divide"),
    (#""SimpleCrossAttnUpBlock2D""#, #""UpBlock2D""#, "must mirror"),
    (#""class_embed_type": "identity""#, #""class_embed_type": "timestep""#, "\"identity\""),
  ])
  func refusesImpossibleConfigs(old: String, new: String, sentence: String) throws {
    let text = try String(contentsOf: Golden.url("unclip/decoder.json"), encoding: .utf8)
    #expect(text.contains(old))
    let folder = try TemporaryFolder()
    let url = folder.file("config.json")
    try Data(text.replacingOccurrences(of: old, with: new).utf8).write(to: url)
    #expect {
      _ = try UNetConfig.read(at: url)
    } throws: { error in
      "\(error)".contains(sentence)
    }
  }

  @Test(arguments: [1, 2]) func patchesAreNamedWhereThereAreSome(patch: Int) throws {
    var config = try UNetConfig.read(at: Golden.url("unclip/upsampler.json"))
    (config.inChannels, config.outChannels) = (6 * patch * patch, 3 * patch * patch)
    config.patchSize = patch
    let text = String(decoding: try config.encoded(), as: UTF8.self)
    #expect(text.contains("patch_size") == (patch > 1))
  }
}
