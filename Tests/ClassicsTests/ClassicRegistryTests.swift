import Classics
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct ClassicRegistryTests {
  @Test func everyKindCanDoWhatItsProtocolsSay() {
    let capabilities: [(String, [ClassicKind])] = [
      ("generate", ClassicCapability.generating.kinds),
      ("reconstruct", ClassicCapability.reconstructing.kinds),
      ("interpolate", ClassicCapability.interpolating.kinds),
      ("denoise", ClassicCapability.denoising.kinds),
      ("encode codes", ClassicCapability.encodingCodes.kinds),
      ("write codes", ClassicCapability.writingCodes.kinds),
    ]
    var table: [String: [String]] = [:]
    for kind in ClassicKind.allCases {
      table[kind.rawValue] = capabilities.filter { $0.1.contains(kind) }.map(\.0)
    }
    #expect(
      table == [
        "classifier": [],
        "ae": ["reconstruct", "interpolate"],
        "dae": ["reconstruct", "interpolate", "denoise"],
        "vae": ["generate", "reconstruct", "interpolate"],
        "vqvae": ["generate", "reconstruct", "encode codes"],
        "pixelcnn": ["write codes"],
        "transformer": ["write codes"],
        "rnn": ["write codes"],
        "gan": ["generate", "interpolate"],
      ])
  }

  @Test func kindsAreNamesOfRegisteredModelsAlone() throws {
    #expect(ClassicKind(rawValue: "vae") == VAE.kind)
    #expect(ClassicKind(rawValue: "flow") == nil)
    let names = ClassicKind.allCases.map(\.rawValue)
    #expect(Set(names).count == names.count, "two models have one name: \(names)")
    for type in ClassicRegistry.types {
      let found: any ClassicModel.Type = type.kind.type
      #expect(ObjectIdentifier(found) == ObjectIdentifier(type))
    }
    let data = Data("[\"gan\"]".utf8)
    #expect(try JSONDecoder().decode([ClassicKind].self, from: data) == [GAN.kind])
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([ClassicKind].self, from: Data("[\"flow\"]".utf8))
    }
  }

  @Test func loadsAnyModelByTheKindInItsFolder() throws {
    let temporary = try TemporaryFolder()
    let url = temporary.url
    let folder = ClassicFolder(url)
    let config = AutoencoderConfig(imageSize: 8, channels: 1, widths: [4, 4], latentDim: 3)
    try folder.save(Autoencoder(config, using: RandomSource(seed: 1)))
    let model = try folder.loadAny()
    #expect((model as? Autoencoder)?.config == config)
    #expect(model.parameters().allSatisfy { !$0.value.requiresGrad })
    #expect(try folder.load(.reconstructing) is Autoencoder)
    #expect(
      throws: ClassicError.incapable(
        folder: url.path, kind: Autoencoder.kind, action: "denoise images", capable: "dae")
    ) { try folder.load(.denoising) }
  }
}
