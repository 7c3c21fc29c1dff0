import CLIP
import Classics
import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import Training
import UnCLIP

@testable import UnCLIPCommand

/// Every number of every configuration file in turn becomes each of a few bad values: it is taken
/// as harmless, or refused in one sentence that names the file and the key. Nothing traps, and
/// nothing takes long.
@Suite struct ConfigSweepTests {
  /// A bad value as it stands in a file, and whether a key may take it.
  static let bad: [(text: String, isNumber: Bool)] = [
    ("-1", true), ("0", true), ("2147483648", true), ("1099511627776", true),
    ("4611686018427387904", true), ("1e308", true), ("NaN", false), ("\"abc\"", false),
    ("null", false), ("[1, 2]", false),
  ]

  /// Keys that take any whole number, or that other programs alone read.
  static let free: Set<String> = ["seed", "bos_token_id", "pad_token_id"]

  @Test(arguments: ModelFile.all)
  func numbersOfModelFiles(_ kind: ModelFile) throws {
    let folder = try TemporaryFolder()
    let file = folder.file(kind.file)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    let content = try kind.content()
    try sweep(content, at: content.numbers(), file: file) { text in
      try Data(text.utf8).write(to: file)
      try kind.read(file)
    }
  }

  @Test(arguments: TrainingFile.all)
  func numbersOfTrainingFiles(_ kind: TrainingFile) throws {
    let folder = try TemporaryFolder()
    let file = TrainingFile.folder.appending(path: kind.name + ".yaml")
    let content = try JSONDecoder().decode(JSONValue.self, from: ConfigDocument.json(at: file))
    try sweep(content, at: kind.own(content.numbers()), file: file) { text in
      let json = try ConfigDocument.json(
        yaml: text.replacing("NaN", with: ".nan"), file: file.path)
      try TrainingRun(
        stage: kind.stage, configuration: json, configurationName: file.path,
        data: [folder.file("none")], out: folder.file("run")
      ).run()
    }
  }

  /// What ended the process before: rules of the towers that training did not check itself.
  @Test(arguments: [
    ("hidden_act: quick_gelu", "hidden_act: relu", "model.text.hidden_act"),
    ("hidden_act: quick_gelu", "hidden_act: quik_gelu", "it must be one of \"relu\", \"gelu\""),
    ("max_position_embeddings: 12", "max_position_embeddings: 1", "max_position_embeddings"),
    ("eos_token_id: 2", "eos_token_id: 600", "model.text.eos_token_id"),
    ("layer_norm_eps: 1.0e-5", "layer_norm_eps: 0", "model.text.layer_norm_eps"),
    ("batch_size: 4", "batch_size: 100000000", "training.batch_size"),
    ("threads: 1", "threads: 100000", "training.threads"),
    ("shift: 0.02", "shift: -1", "data.shift"),
    ("batch_size: 4", "batch_size: 9999999999:99:99:99:99:99:99", "training.batch_size"),
    ("vocab_size: 600", "vocab_size: 16000000", "are possible here"),
  ])
  func trainingRefusesWhatNoTowerCanBe(old: String, new: String, part: String) throws {
    let folder = try TemporaryFolder()
    var text = try String(
      contentsOf: TrainingFile.folder.appending(path: "tiny-clip.yaml"), encoding: .utf8)
    text = text.replacing(old, with: new)
    if new.contains("16000000") {
      text = text.replacing("hidden_size: 16", with: "hidden_size: 1240")
    }
    let refusal = sentence {
      try TrainingRun(
        stage: .clip, configuration: ConfigDocument.json(yaml: text, file: "c.yaml"),
        configurationName: "c.yaml", data: [], out: folder.file("run")
      ).run()
    }
    #expect(refusal.hasPrefix("c.yaml: ") && refusal.contains(part), Comment(rawValue: refusal))
  }

  @Test func aMisspeltKeyIsNamedWithTheRightOne() throws {
    let folder = try TemporaryFolder()
    for kind in TrainingFile.all {
      let file = TrainingFile.folder.appending(path: kind.name + ".yaml")
      let content = try JSONDecoder().decode(JSONValue.self, from: ConfigDocument.json(at: file))
      for path in content.numbers() {
        // A weight of any source or group may be named.
        guard kind.own([path]) == [path], path.count < 3 || path[0] != .key("data"),
          case .key(let key)? = path.last
        else { continue }
        let wrong = String(key.dropLast(2)) + String(key.suffix(2).reversed())
        let text = sentence {
          try TrainingRun(
            stage: kind.stage, configuration: Data(content.text(renaming: path, to: wrong).utf8),
            configurationName: file.path, data: [], out: folder.file("run")
          ).run()
        }
        #expect(text.contains(wrong), "\(text)")
        #expect(text.contains("did you mean"), "\(text)")
        #expect(text.contains(key), "\(text)")
      }
    }
  }

  private func sweep(
    _ content: JSONValue, at paths: [[JSONValue.Step]], file: URL, _ read: (String) throws -> Void
  ) throws {
    #expect(!paths.isEmpty)
    for path in paths {
      let keys = path.compactMap { if case .key(let name) = $0 { name } else { nil } }.suffix(2)
      let key = keys.last ?? ""
      for value in Self.bad {
        let place = "\(file.lastPathComponent) \(path) = \(value.text)"
        let start = ContinuousClock.now
        do {
          try read(content.text(replacing: path, with: value.text))
          #expect(Self.free.contains(key) || isHarmless(value.text), "accepted: \(place)")
        } catch let error as ConfigError {
          let text = error.description
          #expect(text.contains(file.path), "\(place): \(text)")
          // A file with a NaN is not JSON and has no keys.
          #expect(keys.contains(where: text.contains) || value.text == "NaN", "\(place): \(text)")
          #expect(!text.contains("Swift") && !text.contains("Int"), "\(place): \(text)")
          #expect(!text.contains("\n") && text.hasSuffix("."), "\(place): \(text)")
        } catch {
          // What the run needs next is not there: the configuration was accepted.
          #expect(Self.free.contains(key) || isHarmless(value.text), "\(place): \(error)")
        }
        #expect(ContinuousClock.now - start < .seconds(30), "\(place) takes long")
      }
    }
  }

  /// Zero and null may mean "none"; larger numbers may be counts of steps, seconds or pixels.
  private func isHarmless(_ text: String) -> Bool { ["0", "null", "2147483648"].contains(text) }
}

/// A file of a model folder.
struct ModelFile: CustomTestStringConvertible, Sendable {
  let file: String
  let content: @Sendable () throws -> JSONValue
  let read: @Sendable (URL) throws -> Void

  var testDescription: String { file }

  private init(
    _ file: String, _ content: @escaping @Sendable () throws -> Data,
    _ read: @escaping @Sendable (URL) throws -> Void
  ) {
    self.file = file
    self.content = { try JSONDecoder().decode(JSONValue.self, from: content()) }
    self.read = read
  }

  private static func make(_ body: (RandomSource) -> some Module) {
    let module = withoutInitialization { body(RandomSource(seed: 0)) }
    #expect(module.parameterCount > 0)
  }

  private static func classic<Model: ClassicModel & SendableMetatype>(
    _ type: Model.Type, _ config: Model.Config
  ) -> ModelFile {
    ModelFile(
      Model.kind.rawValue + "/config.json",
      {
        try ConfigFile.encode([
          "kind": JSONValue.string(Model.kind.rawValue),
          "model": try JSONDecoder().decode(JSONValue.self, from: ConfigFile.encode(config)),
        ])
      },
      { url in
        // Its weights are not there, which is found after the network was made.
        do {
          _ = try ClassicFolder(url.deletingLastPathComponent()).load(Model.self)
        } catch is CheckpointError {}
      })
  }

  static let all: [ModelFile] = {
    let preset = UnCLIPPreset.tiny
    let codes = CodeGrid(
      codebookSize: 16, height: 4, width: 4, condition: CodeCondition(kind: .class, size: 3))
    return [
      ModelFile("text_encoder/config.json", { try preset.clip.text.encoded() }) { url in
        let config = try CLIPTextConfig.read(at: url)
        make { CLIPTextModelWithProjection(config, using: $0) }
      },
      ModelFile("image_encoder/config.json", { try preset.clip.vision.encoded() }) { url in
        let config = try CLIPVisionConfig.read(at: url)
        make { CLIPVisionModelWithProjection(config, using: $0) }
      },
      ModelFile("prior/config.json", { try preset.prior.encoded() }) { url in
        let config = try PriorConfig.read(at: url)
        make { PriorTransformer(config, using: $0) }
      },
      ModelFile(
        "prior_ar/config.json",
        {
          try ConfigFile.encode(
            AutoregressivePriorConfig(
              heads: 2, headWidth: 4, layers: 1, embeddingWidth: 8, textLength: 4, components: 3,
              buckets: 5, dropout: 0))
        }
      ) { url in
        let config = try AutoregressivePriorConfig.read(at: url)
        make { AutoregressiveTransformer(config, using: $0) }
      },
      ModelFile("text_proj/config.json", { try preset.textProjection.encoded() }) { url in
        let config = try TextProjectionConfig.read(at: url)
        make { TextProjection(config, using: $0) }
      },
      ModelFile("decoder/config.json", { try preset.decoder.encoded() }) { url in
        let config = try UNetConfig.read(at: url)
        make { UNet(config, using: $0) }
      },
      ModelFile("super_res_first/config.json", { try preset.upsampler.encoded() }) { url in
        let config = try UNetConfig.read(at: url)
        make { UNet(config, using: $0) }
      },
      ModelFile("prior_scheduler/scheduler_config.json", { try preset.priorScheduler.encoded() }) {
        _ = try SchedulerConfig.read(at: $0).sampler(stepCount: 2)
      },
      ModelFile("decoder_scheduler/scheduler_config.json", { Data(ddim.utf8) }) {
        _ = try SchedulerConfig.read(at: $0).sampler(stepCount: 2)
      },
      ModelFile("decoder_scheduler/second_moments.json", { Data(moments.utf8) }) {
        _ = try SecondMomentsFile.read(at: $0, stepCount: 100)
      },
      ModelFile(
        "image_hint/config.json",
        { try ImageHintConfig(embeddingWidth: 4, hiddenWidth: 8, layers: 1, size: 4).encoded() }
      ) { url in
        let config = try ImageHintConfig.read(at: url)
        make { ImageHint(config, using: $0) }
      },
      ModelFile("preprocessor_config.json", { try CLIPImagePreprocessor(size: 8).encoded() }) {
        _ = try CLIPImagePreprocessor(contentsOf: $0)
      },
      ModelFile("open_clip_config.json", { Data(openCLIP.utf8) }) { url in
        let config = try OpenCLIPConfig.read(at: url)
        make { CLIPModel(config.clip, using: $0) }
      },
      ModelFile("unclip.json", { Data(defaults.utf8) }) {
        _ = try ModelDefaults.read(from: ModelFolder($0.deletingLastPathComponent()))
      },
      classic(
        Autoencoder.self,
        AutoencoderConfig(imageSize: 8, channels: 1, widths: [4, 4], latentDim: 4)),
      classic(
        DenoisingAutoencoder.self,
        DenoisingAutoencoderConfig(
          imageSize: 8, channels: 1, widths: [4, 4], latentDim: 4,
          corruption: Corruption(kind: .maskPatches, amount: 0.5, patch: 2))),
      classic(
        VAE.self,
        VAEConfig(
          imageSize: 8, channels: 1, widths: [4, 4], latentDim: 4, likelihood: .bernoulli)),
      classic(
        GAN.self,
        GANConfig(
          imageSize: 8, channels: 1, widths: [4, 4], latentDim: 4, discriminatorNorm: .spectral)),
      classic(
        VQVAE.self,
        VQVAEConfig(
          imageSize: 8, channels: 1, widths: [4, 4], residualBlocks: 1, residualWidth: 4,
          quantizer: VectorQuantizerConfig(codebookSize: 8, codeDim: 4))),
      classic(
        Classifier.self,
        ClassifierConfig(imageSize: 8, channels: 1, widths: [4, 4], featureDim: 4, classCount: 3)),
      classic(
        PixelCNN.self,
        PixelCNNConfig(codes: codes, width: 4, layers: 2, kernel: 3, outputWidth: 4)),
      classic(
        CodeTransformer.self, CodeTransformerConfig(codes: codes, width: 8, depth: 1, heads: 2)),
      classic(CodeRNN.self, CodeRNNConfig(codes: codes, width: 4, depth: 1)),
    ]
  }()

  private static let ddim = """
    {"_class_name": "DDIMScheduler", "num_train_timesteps": 100, "beta_schedule": "linear",
     "prediction_type": "epsilon", "clip_sample": true, "clip_sample_range": 1.0,
     "beta_start": 0.0001, "beta_end": 0.02, "rescale_betas_zero_snr": false,
     "thresholding": false, "dynamic_thresholding_ratio": 0.995, "sample_max_value": 1.0,
     "timestep_spacing": "leading", "set_alpha_to_one": true, "steps_offset": 0}
    """
  private static let moments = """
    {"fingerprint": "0123456789abcdef", "samples": 3, "timesteps": [1, 50, 99],
     "second_moments": [0.1, 0.2, 0.7]}
    """
  private static let openCLIP = """
    {"model_cfg": {"embed_dim": 12, "quick_gelu": true,
      "vision_cfg": {"image_size": 16, "layers": 2, "width": 24, "head_width": 8,
        "patch_size": 8, "mlp_ratio": 2.0},
      "text_cfg": {"context_length": 9, "vocab_size": 50, "width": 16, "heads": 2, "layers": 1,
        "mlp_ratio": 3.0}},
     "preprocess_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}}
    """
  private static let defaults = """
    {"name": "tiny", "version": "1", "prior_steps": 5, "prior_guidance": 2.0,
     "prior_candidates": 2, "decoder_steps": 5, "decoder_guidance": 3.0, "guidance_rescale": 0.5,
     "upsampler_steps": 4, "prior": "ar", "prior_temperature": 0.9, "prior_top_k": 5}
    """
}

/// A configuration of a training run.
struct TrainingFile: CustomTestStringConvertible, Sendable {
  let name: String
  let stage: TrainingStage

  var testDescription: String { name }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Configs")

  /// The names of all files that come with the package.
  static let shipped: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
    return (names ?? []).filter { $0.hasSuffix(".yaml") }.sorted()
  }()

  /// Places that the sweep visits: the sections that every stage has, of CLIP alone.
  fileprivate func own(_ paths: [[JSONValue.Step]]) -> [[JSONValue.Step]] {
    guard stage != .clip else { return paths }
    return paths.filter { ![.key("training"), .key("data")].contains($0.first) }
  }

  static let all: [TrainingFile] = [
    TrainingFile(name: "tiny-tokenizer", stage: .tokenizer),
    TrainingFile(name: "tiny-clip", stage: .clip),
    TrainingFile(name: "tiny-prior", stage: .prior),
    TrainingFile(name: "tiny-ar-prior", stage: .autoregressivePrior),
    TrainingFile(name: "small-hint", stage: .hint),
    TrainingFile(name: "tiny-decoder", stage: .decoder),
    TrainingFile(name: "tiny-upsampler", stage: .upsampler),
    TrainingFile(name: "small-second-upsampler", stage: .secondUpsampler),
    TrainingFile(name: "fashion-ae", stage: .classic(Autoencoder.kind)),
    TrainingFile(name: "fashion-dae", stage: .classic(DenoisingAutoencoder.kind)),
    TrainingFile(name: "fashion-vae", stage: .classic(VAE.kind)),
    TrainingFile(name: "fashion-classifier", stage: .classic(Classifier.kind)),
    TrainingFile(name: "fashion-vqvae", stage: .classic(VQVAE.kind)),
    TrainingFile(name: "fashion-gan-wgan", stage: .classic(GAN.kind)),
    TrainingFile(name: "fashion-pixelcnn", stage: .classic(PixelCNN.kind)),
    TrainingFile(name: "fashion-transformer", stage: .classic(CodeTransformer.kind)),
    TrainingFile(name: "fashion-rnn", stage: .classic(CodeRNN.kind)),
  ]
}

extension JSONValue {
  /// A step on the way to a value.
  enum Step: Equatable, CustomStringConvertible {
    case key(String)
    case index(Int)

    var description: String {
      switch self {
      case .key(let name): name
      case .index(let index): "\(index)"
      }
    }
  }

  /// The places of everything in it that holds nothing further.
  func leaves() -> [[Step]] {
    switch self {
    case .array(let items):
      items.enumerated().flatMap { index, item in item.leaves().map { [.index(index)] + $0 } }
    case .object(let members):
      members.sorted { $0.key < $1.key }.flatMap { key, item in
        item.leaves().map { [.key(key)] + $0 }
      }
    default: [[]]
    }
  }

  /// The places of all numbers in it.
  fileprivate func numbers() -> [[Step]] {
    switch self {
    case .integer, .number: [[]]
    case .array(let items):
      items.enumerated().flatMap { index, item in item.numbers().map { [.index(index)] + $0 } }
    case .object(let members):
      members.sorted { $0.key < $1.key }.flatMap { key, item in
        item.numbers().map { [.key(key)] + $0 }
      }
    default: []
    }
  }

  /// JSON with other text in one place.
  func text(replacing path: [Step], with text: String) -> String {
    rendered(path[...]) { _ in text }
  }

  /// JSON with another key in one place.
  fileprivate func text(renaming path: [Step], to name: String) -> String {
    rendered(path[...], renaming: name) { $0.rendered(nil) { _ in "" } }
  }

  private func rendered(
    _ path: ArraySlice<Step>?, renaming name: String? = nil, _ change: (JSONValue) -> String
  ) -> String {
    if let path, path.isEmpty { return change(self) }
    func below(_ step: Step) -> ArraySlice<Step>? {
      path?.first == step ? path?.dropFirst() : nil
    }
    switch self {
    case .array(let items):
      let parts = items.enumerated().map { index, item in
        item.rendered(below(.index(index)), renaming: name, change)
      }
      return "[" + parts.joined(separator: ", ") + "]"
    case .object(let members):
      let parts = members.sorted { $0.key < $1.key }.map { key, item in
        let rest = below(.key(key))
        let shown = rest?.isEmpty == true ? name ?? key : key
        return "\"\(shown)\": " + item.rendered(rest, renaming: name, change)
      }
      return "{" + parts.joined(separator: ", ") + "}"
    case .string(let text): return "\"\(text)\""
    default: return text
    }
  }
}
