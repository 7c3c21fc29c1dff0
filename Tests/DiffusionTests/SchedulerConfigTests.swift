import Config
import Diffusion
import Foundation
import TestSupport
import Testing
import TorchNN

@Suite struct SchedulerConfigTests {
  static let decoder = """
    {"_class_name": "UnCLIPScheduler", "_diffusers_version": "0.11.0.dev0",
     "clip_sample": true, "clip_sample_range": 1.0, "num_train_timesteps": 1000,
     "prediction_type": "epsilon", "variance_type": "learned_range"}
    """

  private func decode(_ text: String) throws -> SchedulerConfig {
    try SchedulerConfig.decode(Data(text.utf8), file: "scheduler_config.json")
  }

  @Test func readsDiffusersFiles() throws {
    #expect(try decode(Self.decoder) == .decoder)
    let ddim = try SchedulerConfig.read(at: Golden.url("diffusion/ddim_thresholded.json"))
    #expect(ddim.algorithm == .ddim)
    #expect(ddim.threshold == .quantile(0.9, cap: 2.5))
    #expect(ddim.timestepSpacing(10) == .leading(10))
    #expect(try ddim.sampler(stepCount: 10) is DDIMSampler)
    let terminal = try SchedulerConfig.read(at: Golden.url("diffusion/ddim_terminal.json"))
    #expect(terminal.diffusion().schedule.alphaBars.last == 0)
    #expect(terminal.timestepSpacing(5) == .trailing(5))
  }

  /// diffusers takes its class's defaults for what a file lacks.
  @Test func missingKeysHaveDiffusersDefaults() throws {
    func read(_ name: String) throws -> SchedulerConfig {
      try .decode(Data(#"{"_class_name": "\#(name)"}"#.utf8), file: "scheduler_config.json")
    }
    let unCLIP = try read("UnCLIPScheduler")
    #expect(
      unCLIP == SchedulerConfig(prediction: .epsilon, variance: .fixedSmall, clipSampleRange: 1))
    let ddim = try read("DDIMScheduler")
    #expect(ddim.betaSchedule == .linear && ddim.spacing == .leading && ddim.betaEnd == 0.02)
  }

  @Test(arguments: [SchedulerConfig.prior, .decoder, .upsampler])
  func writesWhatItReads(_ config: SchedulerConfig) throws {
    #expect(try SchedulerConfig.decode(config.encoded(), file: "x") == config)
    try config.validate()
    #expect(try config.sampler(stepCount: 7) is DDPMSampler)
    #expect(config.diffusion().schedule == NoiseSchedule(.cosine))
  }

  @Test func writesDDIMAsDiffusersDoes() throws {
    for name in ["epsilon", "linear", "terminal", "thresholded", "unclipped"] {
      let url = Golden.url("diffusion/ddim_\(name).json")
      let config = try SchedulerConfig.read(at: url)
      var wanted = try JSONDecoder().decode([String: JSONValue].self, from: Data(contentsOf: url))
      wanted["_diffusers_version"] = nil
      wanted["trained_betas"] = nil
      #expect(
        try JSONDecoder().decode([String: JSONValue].self, from: config.encoded()) == wanted)
    }
  }

  @Test func thresholds() {
    #expect(SchedulerConfig.prior.threshold == .range(5))
    #expect(
      SchedulerConfig(prediction: .v, variance: .fixedSmall, clipSampleRange: nil).threshold
        == .none)
  }

  @Test(arguments: [
    (
      "\"clip_sample\"", "\"klip_sample\"",
      "scheduler_config.json: unknown key 'klip_sample' (did you mean 'clip_sample'?); remove it or "
        + "correct its spelling."
    ),
    (
      "\"clip_sample\": true,", "\"clip_sample\": true, \"beta_start\": 0.1,",
      "scheduler_config.json: unknown key 'beta_start'; remove it or correct its spelling."
    ),
    (
      "1000", "1",
      "scheduler_config.json: 'num_train_timesteps' is 1, but it must be 2 to 1000000."
    ),
    (
      "1.0", "0",
      "scheduler_config.json: 'clip_sample_range' is 0.0, but it must be above 0 and at most 1e6."
    ),
    (
      "learned_range", "fixed_large",
      "scheduler_config.json: 'variance_type' is \"fixed_large\", but UnCLIPScheduler knows only "
        + "\"fixed_small_log\" and \"learned_range\"."
    ),
    (
      "\"clip_sample\": true,", "\"clip_sample\": true, \"beta_schedule\": \"linear\",",
      "scheduler_config.json: 'beta_schedule' is \"linear\", but UnCLIPScheduler knows only "
        + "\"squaredcos_cap_v2\"."
    ),
  ])
  func refusesByName(_ old: String, _ new: String, _ wanted: String) {
    let text = Self.decoder.replacingOccurrences(of: old, with: new)
    let error = #expect(throws: ConfigError.self) { _ = try decode(text) }
    #expect(error?.description == wanted)
  }

  @Test(arguments: [
    ("epsilon", "noise", "prediction_type"), ("UnCLIPScheduler", "EulerScheduler", "_class_name"),
    ("true", "3", "clip_sample"), ("learned_range", "learned", "variance_type"),
  ])
  func refusesValuesByTheirKey(_ old: String, _ new: String, _ key: String) {
    let text = Self.decoder.replacingOccurrences(of: old, with: new)
    let error = #expect(throws: ConfigError.self) { _ = try decode(text) }
    #expect(error?.description.hasPrefix("scheduler_config.json: '\(key)' is ") == true)
  }

  @Test(arguments: [
    ("\"set_alpha_to_one\": true", "\"set_alpha_to_one\": false", "set_alpha_to_one"),
    ("\"steps_offset\": 0", "\"steps_offset\": 1", "steps_offset"),
    ("\"beta_start\": 0.0001", "\"beta_start\": 0.5", "beta_start"),
    ("\"beta_end\": 0.02", "\"beta_end\": 2", "beta_end"),
    ("\"sample_max_value\": 1.0", "\"sample_max_value\": 0.5", "sample_max_value"),
    (
      "\"dynamic_thresholding_ratio\": 0.995", "\"dynamic_thresholding_ratio\": 2",
      "dynamic_thresholding_ratio"
    ),
    (
      "\"rescale_betas_zero_snr\": false", "\"rescale_betas_zero_snr\": true",
      "rescale_betas_zero_snr"
    ),
    ("\"timestep_spacing\": \"leading\"", "\"timestep_spacing\": \"x\"", "timestep_spacing"),
  ])
  func refusesDDIMValuesByTheirKey(_ old: String, _ new: String, _ key: String) throws {
    let url = Golden.url("diffusion/ddim_epsilon.json")
    let text = try String(contentsOf: url, encoding: .utf8)
    #expect(text.contains(old))
    let changed = text.replacingOccurrences(of: old, with: new)
    let error = #expect(throws: ConfigError.self) { _ = try decode(changed) }
    #expect(error?.description.hasPrefix("scheduler_config.json: '\(key)' is ") == true)
  }

  @Test func refusesWhatIsNoConfiguration() {
    #expect(throws: ConfigError.self) { _ = try decode("[1]") }
    let missing = URL(fileURLWithPath: "/nowhere/scheduler_config.json")
    let error = #expect(throws: ConfigError.self) { _ = try SchedulerConfig.read(at: missing) }
    #expect(
      error?.description
        == "/nowhere/scheduler_config.json: cannot be read as a configuration: there is no such file or folder."
    )
  }
}
