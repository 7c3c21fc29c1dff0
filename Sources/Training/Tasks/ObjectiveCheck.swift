import Config
import Diffusion

/// Checks the values of an objective.
struct ObjectiveCheck {
  let file: String

  func rate(_ value: Double, _ key: some CodingKey) throws(ConfigError) {
    guard (0...1).contains(value) else { throw invalid(key, value, "it must be 0 to 1") }
  }

  func positive(_ value: Int, _ key: some CodingKey) throws(ConfigError) {
    guard value >= 1 else { throw invalid(key, value, "it must be 1 or more") }
  }

  func atLeastZero(_ value: Double, _ key: some CodingKey) throws(ConfigError) {
    guard value >= 0, value.isFinite else { throw invalid(key, value, "it must be 0 or more") }
  }

  func steps(_ value: Int, _ key: some CodingKey) throws(ConfigError) {
    guard (1...1000).contains(value) else { throw invalid(key, value, "it must be 1 to 1000") }
  }

  func invalid(_ key: some CodingKey, _ value: some Any, _ expected: String) -> ConfigError {
    ConfigError.invalid(
      file: file, key: "objective." + key.stringValue, value: "\(value)", expected: expected)
  }
}

/// Checks a U-Net, its process, and the channels that follow from what it is for.
func checkUNet(
  _ unet: UNetConfig, _ scheduler: SchedulerConfig, inputChannels: Int, file: String
) throws(ConfigError) {
  try unet.validate(file: file)
  try scheduler.validate(file: file)
  let outputChannels = scheduler.variance == .learnedRange ? 6 : 3
  let patch = unet.patchSize * unet.patchSize
  for (key, found, wanted) in [
    ("in_channels", unet.inChannels, inputChannels * patch),
    ("out_channels", unet.outChannels, outputChannels * patch),
  ] where found != wanted {
    throw ConfigError.invalid(
      file: file, key: "model.unet." + key, value: "\(found)", expected: "it must be \(wanted)")
  }
}
