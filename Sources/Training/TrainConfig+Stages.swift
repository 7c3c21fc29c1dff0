public import CLIP
public import Config
import Diffusion
public import Foundation
import UnCLIP

// What `unclip train` requires of a stage's configuration before it looks at data and models.

extension TrainConfig where Model == CLIPConfig, Objective == CLIPTask.Objective {
  /// Reads and checks a configuration of CLIP.
  /// - Throws: `ConfigError`, with `file` as the name.
  public static func checked(_ json: Data, file: String) throws(ConfigError) -> Self {
    let config = try decode(json, file: file)
    try config.model.validate(file: file, at: "model")
    try config.objective.validate(file: file)
    let batch = config.training.batchSize
    try ConfigCheck(file: file, at: "training").require(
      batch > 1 || config.objective.locksImages, "batch_size", batch,
      "CLIP contrasts the pairs of a batch, so it must be 2 or more")
    return config
  }
}

extension TrainConfig where Model == PriorTask.Model, Objective == PriorTask.Objective {
  /// Reads and checks a configuration of the prior.
  /// - Throws: `ConfigError`, with `file` as the name.
  public static func checked(_ json: Data, file: String) throws(ConfigError) -> Self {
    let config = try decode(json, file: file)
    try config.model.transformer.validate(file: file, at: "model.transformer")
    try config.model.scheduler.validate(file: file, at: "model.scheduler")
    try config.objective.validate(file: file)
    return config
  }
}

extension TrainConfig
where Model == AutoregressivePriorTask.Model, Objective == AutoregressivePriorTask.Objective {
  /// Reads and checks a configuration of the autoregressive prior.
  /// - Throws: `ConfigError`, with `file` as the name.
  public static func checked(_ json: Data, file: String) throws(ConfigError) -> Self {
    let config = try decode(json, file: file)
    try config.model.transformer.validate(file: file, at: "model.transformer", mayCount: true)
    try config.objective.validate(file: file)
    return config
  }
}

extension TrainConfig where Model == HintTask.Model, Objective == HintTask.Objective {
  /// Reads and checks a configuration of the hint.
  /// - Throws: `ConfigError`, with `file` as the name.
  public static func checked(_ json: Data, file: String) throws(ConfigError) -> Self {
    let config = try decode(json, file: file)
    try config.model.hint.validate(file: file, at: "model.hint")
    try config.objective.validate(file: file)
    return config
  }
}

extension TrainConfig where Model == DecoderTask.Model, Objective == DecoderTask.Objective {
  /// Reads and checks a configuration of the decoder.
  /// - Throws: `ConfigError`, with `file` as the name.
  public static func checked(_ json: Data, file: String) throws(ConfigError) -> Self {
    let config = try decode(json, file: file)
    try config.model.validate(file: file)
    try config.objective.validate(file: file)
    return config
  }
}

extension TrainConfig where Model == UpsamplerTask.Model, Objective == UpsamplerTask.Objective {
  /// Reads and checks a configuration of the upsampler.
  /// - Throws: `ConfigError`, with `file` as the name.
  public static func checked(_ json: Data, file: String) throws(ConfigError) -> Self {
    let config = try decode(json, file: file)
    try config.model.validate(file: file)
    try config.objective.validate(file: file, downsampling: config.model.unet.downsampling)
    return config
  }
}
