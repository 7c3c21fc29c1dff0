import Config
import Diffusion

extension ConfigCheck {
  /// Checks values of the section `objective`.
  init(objective file: String) { self.init(file: file, at: "objective") }

  /// Checks how many held-out images are evaluated.
  func evaluation(_ value: Int) throws(ConfigError) {
    try count("evaluation_count", value, in: 1...1_000_000)
  }
}

/// Checks a U-Net, its process and its channels.
func checkUNet(
  _ unet: UNetConfig, _ scheduler: SchedulerConfig, inputChannels: Int, file: String
) throws(ConfigError) {
  let check = ConfigCheck(file: file, at: "model")
  try unet.validate(file: file, at: check.section("unet").path)
  try scheduler.validate(file: file, at: check.section("scheduler").path)
  // Sampling would begin before the last step, which alone has no signal.
  try check.section("scheduler").require(
    !scheduler.zeroTerminalSignal || scheduler.spacing != .leading, "timestep_spacing",
    "\"leading\"",
    "with rescale_betas_zero_snr sampling begins at the last step: set trailing or linspace")
  let outputChannels = scheduler.variance == .learnedRange ? 6 : 3
  let patch = unet.patchSize * unet.patchSize
  for (key, found, wanted) in [
    ("in_channels", unet.inChannels, inputChannels * patch),
    ("out_channels", unet.outChannels, outputChannels * patch),
  ] {
    try check.section("unet").require(found == wanted, key, found, "it must be \(wanted)")
  }
}
