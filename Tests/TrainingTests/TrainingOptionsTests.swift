import Config
import Foundation
import TestSupport
import Testing
import TorchNN
import Training

@Suite struct TrainingOptionsTests {
  @Test func roundTripsThroughJSON() throws {
    let data = try ConfigFile.encode(TrainingOptions.tiny)
    let read = try ConfigFile.decode(TrainingOptions.self, from: data, file: "t.json")
    #expect(read == .tiny)
    try read.validate(file: "t.json")
  }

  @Test func refusesMissingAndUnknownKeys() throws {
    let text = String(decoding: try ConfigFile.encode(TrainingOptions.tiny), as: UTF8.self)
    let missing = text.replacing("\"batch_size\" : 4,", with: "")
    let unknown = text.replacing("\"batch_size\"", with: "\"batch_sise\" : 1, \"batch_size\"")
    func read(_ text: String) -> String {
      sentence {
        _ = try ConfigFile.decode(TrainingOptions.self, from: Data(text.utf8), file: "t.json")
      }
    }
    #expect(read(missing) == "t.json: the key 'batch_size' is missing; add it.")
    #expect(read(unknown).contains("unknown key 'batch_sise'"), "\(read(unknown))")
  }

  @Test(arguments: [
    ("steps", 0.0), ("batch_size", 0), ("gradient_accumulation", 0), ("learning_rate", -1),
    ("warm_up_steps", -1), ("final_learning_rate", -1), ("weight_decay", -0.1), ("epsilon", 0),
    ("max_gradient_norm", 0), ("ema_decay", 1), ("ema_warm_up_power", -1),
    ("log_every_steps", 0), ("sample_every_steps", -1), ("checkpoint_every_steps", -1),
    ("checkpoint_every_seconds", -1), ("keep_checkpoints", 0), ("threads", -1),
  ])
  func namesTheImpossibleValue(key: String, value: Double) throws {
    var values = try JSONDecoder().decode(
      [String: JSONValue].self, from: ConfigFile.encode(TrainingOptions.tiny))
    values[key] = .number(value)
    let options = try ConfigFile.decode(
      TrainingOptions.self, from: JSONEncoder().encode(values), file: "t.json")
    let text = sentence { try options.validate(file: "t.json") }
    #expect(text.hasPrefix("t.json: 'training.\(key)' is "), "\(text)")
    #expect(text.contains("must be"), "\(text)")
  }

  @Test func refusesBetasThatAreNotTwo() {
    var options = TrainingOptions.tiny
    options.betas = [0.9]
    let text = sentence { try options.validate(file: "t.json") }
    #expect(text.contains("'training.betas' is [0.9]"), "\(text)")
  }
}

@Suite struct StepSeedTests {
  @Test func differsByRunPurposeAndIndex() {
    var seen: Set<UInt64> = []
    for run in [UInt64(0), 1, 2] {
      for purpose in [StepSeed.Purpose.weights, .loss, .samples, .dropout] {
        for index in 0..<500 { seen.insert(StepSeed.seed(run, purpose, at: index)) }
      }
    }
    #expect(seen.count == 6000)
    #expect(seen.allSatisfy { $0 < 1 << 32 })
  }
}
