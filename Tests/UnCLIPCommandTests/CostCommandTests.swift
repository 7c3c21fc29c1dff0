import Config
import Foundation
import TestSupport
import Testing
import TorchNN
import Training
import UnCLIP

@testable import UnCLIPCommand

@Suite struct CostCommandTests {
  private func json(_ arguments: String...) throws -> JSONValue {
    let outcome = try BuiltCommand.run(["config", "cost"] + arguments + ["--json"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
  }

  @Test func countsThePaper() throws {
    let outcome = try BuiltCommand.run("config", "cost", "paper")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for number in ["1,225,925,632", "3,461,462,534", "729,702,083", "282,059,139", "800,000"] {
      #expect(outcome.output.contains(number), "\(number)")
    }
    #expect(!outcome.output.contains("days"))
  }

  /// Days are operations by speed, images an hour likewise.
  @Test func machinesGiveDays() throws {
    let content = try json(
      "paper", "--machines", "10", "--flops", "300T", "--utilisation", "0.5")
    let costs = UnCLIPPreset.paper.trainingCosts
    let stages = try #require(content["training"]?.array)
    #expect(stages.count == costs.count)
    for (stage, cost) in zip(stages, costs) {
      let days = cost.operations.map { $0 / 1.5e15 / 86_400 }
      #expect(stage["stage"] == .string(cost.stage))
      #expect(stage["days"]?.number == days, "\(cost.stage)")
    }
    let hour = 3600 * 1.5e15 / UnCLIPPreset.paper.cost().operations
    #expect(content["drawing"]?["images_per_hour"]?.number == hour)
    let text = try BuiltCommand.run(
      "config", "cost", "paper", "--machines", "10", "--flops", "3e14")
    #expect(text.output.contains("images an hour") && text.output.contains("days with the"))
  }

  /// A step of several processes is the sum of what takes it, and the batch limits their number.
  @Test func processesShareAStep() throws {
    let content = try json(
      "paper", "--ranks", "8", "--ranks", "1024", "--flops", "312T", "--utilisation", "0.5",
      "--bandwidth", "25", "--latency", "2", "--memory-bandwidth", "100")
    let shared = try #require(content["shared"]?.array)
    #expect(shared.map { $0["ranks"]?.number } == [8, 1024])
    let machine = SharedCost.Machine(
      speed: 156e12, bandwidth: 25e9, latency: 2e-6, memoryBandwidth: 100e9)
    for (report, count) in zip(shared, [8, 1024]) {
      let stages = try #require(report["stages"]?.array)
      for (stage, cost) in zip(stages, UnCLIPPreset.paper.trainingCosts) {
        let own = SharedCost(of: cost, ranks: count, machine: machine)
        #expect(stage["step_seconds"]?.number == own?.stepSeconds, "\(cost.stage)")
        #expect(stage["bottleneck"] == own.map { JSONValue.string($0.bottleneck.rawValue) })
      }
    }
    let text = try BuiltCommand.run(
      "config", "cost", "paper", "--ranks", "1024", "--flops", "312T")
    #expect(text.output.contains("by 1,024 processes") && text.output.contains("efficiency"))
    for (more, words) in [
      (["--ranks", "8"], "--ranks needs --flops"),
      (["--ranks", "0", "--flops", "1T"], "--ranks is 0, but it must be 1 to"),
      (["--ranks", "8", "--machines", "8", "--flops", "1T"], "give one of the two"),
      (["--ranks", "8", "--flops", "1T", "--bandwidth", "0"], "--bandwidth is 0"),
    ] {
      let run = try BuiltCommand.run(["config", "cost", "paper"] + more)
      expectFailure(run, status: 64, saying: words)
    }
  }

  @Test func countsAConfigurationAndWhatIsSet() throws {
    func of(_ name: String, _ arguments: String...) throws -> JSONValue {
      let file = TrainingFile.folder.appending(path: name).path
      let outcome = try BuiltCommand.run(["config", "cost", file, "--json"] + arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let content = try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))
      return try #require(content["training"]?.array?.first)
    }
    let decoder = try of("paper-decoder.yaml", "--clip", "paper")
    let preset = try #require(UnCLIPPreset.paper.trainingCosts.first { $0.stage == "decoder" })
    #expect(decoder["parameters"]?.number == Double(preset.parameters))
    #expect(decoder["step_operations"]?.number == preset.stepOperations)
    let clip = TrainingFile.folder.appending(path: "small-clip.yaml").path
    let small = try of("small-decoder.yaml", "--clip", clip, "--set", "training.batch_size=3")
    #expect(small["images"]?.number == 3 && small["steps"]?.number == 40_000)
  }

  /// Every configuration of the paper is its preset's, with its batch and its steps; the checks are
  /// those of `unclip train`, which no machine's memory limits here.
  @Test func theConfigurationsOfThePaperAreItsPreset() throws {
    let files = ["clip", "prior", "decoder", "upsampler", "upsampler-1024"]
    let costs = UnCLIPPreset.paper.trainingCosts.filter {
      $0.stage != TrainingCost.autoregressivePrior
    }
    #expect(costs.count == files.count)
    for (name, cost) in zip(files, costs) {
      let file = TrainingFile.folder.appending(path: "paper-\(name).yaml")
      let own = try TrainingCost(
        of: StageConfiguration(ConfigDocument.json(at: file), file: file.path), file: file.path,
        clip: UnCLIPPreset.paper.clip)
      #expect(own.parameters == cost.parameters && own.image == cost.image, "\(name)")
      #expect(own.frozen == cost.frozen, "\(name)")
      guard let budget = cost.budget else { continue }
      #expect(own.budget?.images == budget.images && own.budget?.steps == budget.steps, "\(name)")
    }
  }

  /// Of table 3's two transformers `unclip train` has the second, with its steps and its batch.
  @Test func countsTheAutoregressivePrior() throws {
    let file = TrainingFile.folder.appending(path: "paper-ar-prior.yaml")
    let own = try TrainingCost(
      of: StageConfiguration(ConfigDocument.json(at: file), file: file.path), file: file.path,
      clip: UnCLIPPreset.paper.clip)
    // Blocks, positions, last norm, tokens, both projections, head.
    let width = 1664
    let blocks = 24 * (12 * width * width + 13 * width)
    let ends = (1024 + 576 + 2) * width + 2 * (1024 + 1) * width + (width + 1) * 1024
    #expect(own.parameters == blocks + ends)
    #expect(own.budget?.images == 4096 && own.budget?.steps == 1_000_000)
    let layer = 2.0 * 12 * Double(width * width) + 4.0 * 576 * Double(width)
    #expect(abs(own.image.forward / (24 * 576 * layer) - 1) < 0.02)
    let small = TrainingFile.folder.appending(path: "small-ar-prior.yaml").path
    expectFailure(
      try BuiltCommand.run("config", "cost", small), status: 65,
      saying: "set model.transformer.num_components")
  }

  /// The configurations of all stages together draw as the preset does, but for its candidates.
  @Test func configurationsTogetherAreASystem() throws {
    let names = ["clip", "prior", "decoder", "upsampler", "upsampler-1024"]
    let files = names.map { TrainingFile.folder.appending(path: "paper-\($0).yaml").path }
    func drawing(_ arguments: [String]) throws -> JSONValue? {
      let outcome = try BuiltCommand.run(["config", "cost", "--json"] + arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try JSONDecoder().decode(JSONValue.self, from: Data(outcome.output.utf8))["drawing"]
    }
    let options = ["--prior-candidates", "2", "--prior-guidance", "4"]
    let own = try #require(try drawing(files + options))
    #expect(own["operations"]?.number == UnCLIPPreset.paper.cost().operations)
    #expect(own["parameters"]?.number == Double(UnCLIPPreset.paper.cost().parameters))
    #expect(try drawing(Array(files.prefix(3))) == nil)
    expectFailure(
      try BuiltCommand.run(["config", "cost", files[0], files[0]]), status: 64,
      saying: "Several of the configurations are of the stage clip")
    expectFailure(
      try BuiltCommand.run(["config", "cost", files[0], "paper"]), status: 64,
      saying: "paper is a preset, which is counted alone")
    let small = TrainingFile.folder.appending(path: "small-clip.yaml").path
    expectFailure(
      try BuiltCommand.run(["config", "cost", small] + files.dropFirst()), status: 65,
      saying: "model.transformer.embedding_dim' is 1024, but CLIP's embeddings have 192 dimensions")
  }

  /// `unclip train` takes them and asks for models and data next, or says that they do not fit here.
  @Test func trainingReadsTheConfigurationsOfThePaper() throws {
    let folder = try TemporaryFolder()
    for name in ["clip", "prior", "decoder", "upsampler", "upsampler-1024"] {
      let file = TrainingFile.folder.appending(path: "paper-\(name).yaml").path
      let stage = name.prefix { $0 != "-" }
      let outcome = try BuiltCommand.run(
        "train", String(stage), "--config", file, "--data", folder.path("none"), "--out",
        folder.path("run"))
      let next = [
        "no model folder: training", "there is no such file or folder", "weights, and at most",
      ]
      #expect(next.contains { outcome.errors.contains($0) }, "\(name): \(outcome.errors)")
      #expect(outcome.errorLines.count == 1, "\(outcome.errors)")
    }
  }

  @Test func refusesInOneSentence() throws {
    let decoder = TrainingFile.folder.appending(path: "small-decoder.yaml").path
    let vae = TrainingFile.folder.appending(path: "fashion-vae.yaml").path
    let cases: [(arguments: [String], status: Int32, sentence: String)] = [
      (
        ["large"], 64,
        "There is no preset large, and no file of that name; the presets are tiny, small, karlo, paper."
      ),
      (["none/large.yaml"], 66, "there is no such file"),
      (["paper", "--machines", "0"], 64, "--machines is 0, but it must be 1 to 1000000"),
      (["paper", "--machines", "2"], 64, "--machines needs --flops"),
      (["paper", "--flops", "0"], 64, "--flops is 0.0, but it must be more than 0"),
      (["paper", "--flops", "fast"], 64, "--flops"),
      (
        ["paper", "--flops", "1T", "--utilisation", "0"], 64,
        "--utilisation is 0, but it must be 0.001 to 1"
      ),
      (["paper", "--set", "training.steps=1"], 64, "--set changes a training configuration"),
      (["paper", "--clip", "tiny"], 64, "--clip is for a training configuration"),
      ([decoder], 64, "name it with --clip"),
      ([decoder, "--clip", "big"], 64, "There is no preset big"),
      (
        [decoder, "--clip", "small", "--decoder-steps", "3"], 64,
        "Sampling options are for a preset"
      ),
      ([decoder, "--clip", "small", "--set", "training.steps=0"], 65, "training.steps"),
      ([vae], 65, "only training configurations of clip, priors, hint, decoder and upsamplers"),
    ]
    for one in cases {
      expectFailure(
        try BuiltCommand.run(["config", "cost"] + one.arguments), status: one.status,
        saying: one.sentence)
    }
  }
}

extension JSONValue {
  fileprivate subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members[key]
  }

  fileprivate var array: [JSONValue]? {
    guard case .array(let values) = self else { return nil }
    return values
  }

  fileprivate var number: Double? {
    switch self {
    case .number(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }
}
