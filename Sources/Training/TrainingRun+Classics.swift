import CLIP
import Classics
import Config
import Datasets
import Files
import Foundation
import Torch
import TorchNN
import UnCLIP

extension TrainingRun {
  /// Trains a classic by its type.
  func train(
    classic type: any ClassicModel.Type, shouldStop: () -> Bool, observe: (TrainingEvent) -> Void
  ) throws {
    switch type {
    case let type as any ImageModel.Type:
      try train(image: type, shouldStop: shouldStop, observe: observe)
    case let type as any CodePrior.Type:
      try train(codePrior: type, shouldStop: shouldStop, observe: observe)
    case is GAN.Type: try train(try ganTask(), shouldStop: shouldStop, observe: observe)
    default: preconditionFailure("\(type) does not say how it is trained")
    }
  }

  private func train<Model: ImageModel>(
    image type: Model.Type, shouldStop: () -> Bool, observe: (TrainingEvent) -> Void
  ) throws {
    try train(try imageTask(type), shouldStop: shouldStop, observe: observe)
  }

  private func train<Prior: CodePrior>(
    codePrior type: Prior.Type, shouldStop: () -> Bool, observe: (TrainingEvent) -> Void
  ) throws {
    try train(try codePriorTask(type, observe), shouldStop: shouldStop, observe: observe)
  }

  private func imageTask<Model: ImageModel>(
    _ type: Model.Type
  ) throws -> Prepared<ImageTask<Model>> {
    let config = try TrainConfig<Model.Config, EvaluationObjective>.decode(
      configuration, file: configurationName)
    try config.model.validate(file: configurationName)
    try config.objective.validate(file: configurationName)
    let stream = try labeled(
      config.training, config.data, size: config.model.imageSize, channels: config.model.channels)
    let model = Model(config.model, using: weights(config.training))
    if let count = model.classCount {
      try requireEqual(
        "class_count", count, stream.classes.count, "the data has \(stream.classes.count) classes")
    }
    let task = try ImageTask(model, objective: config.objective, stream: stream)
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: ["data": try dataFingerprint(of: data)], heldOut: stream.heldOutCount,
      start: { if let initial { try task.start(from: initial) } })
  }

  private func ganTask() throws -> Prepared<GANTask> {
    let config = try TrainConfig<GANConfig, GANTask.Objective>.decode(
      configuration, file: configurationName)
    try config.model.validate(file: configurationName)
    try config.objective.validate(file: configurationName)
    if config.objective.gradientPenalty > 0, config.model.discriminatorNorm == .batch {
      throw ConfigError.invalid(
        file: configurationName, key: "model.discriminator_norm", value: "batch",
        expected: "the gradient penalty is computed image by image, so it needs none or spectral")
    }
    let stream = try labeled(
      config.training, config.data, size: config.model.imageSize, channels: config.model.channels)
    let task = try GANTask(
      config.model, objective: config.objective, stream: stream, ranks: ranks,
      using: weights(config.training))
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: ["data": try dataFingerprint(of: data)], heldOut: stream.heldOutCount,
      start: { if let initial { try task.start(from: initial) } })
  }

  private func codePriorTask<Prior: CodePrior>(
    _ type: Prior.Type, _ observe: (TrainingEvent) -> Void
  ) throws -> Prepared<CodePriorTask<Prior>> {
    let config = try TrainConfig<Prior.Config, CodePriorTask<Prior>.Objective>.decode(
      configuration, file: configurationName)
    try config.model.validate(file: configurationName)
    try config.objective.validate(file: configurationName)
    guard let model = models.last.map(Self.model) else {
      throw TrainingError.missingPart(folder: nil, part: "vqvae", stage: stage.rawValue)
    }
    let decoder = try ClassicFolder(model).load(.encodingCodes, on: device)
    let shape = decoder.config
    let codes = config.model.codes
    for (key, found, wanted) in [
      ("codebook_size", codes.codebookSize, decoder.codebookSize),
      ("height", codes.height, decoder.codeSide), ("width", codes.width, decoder.codeSide),
    ] {
      try requireEqual(
        "codes." + key, found, wanted, "the code model in \(model.path) has \(wanted)")
    }
    let stream = try labeled(
      config.training, config.data, size: shape.imageSize, channels: shape.channels)
    let condition = try self.condition(codes.condition, classes: stream.classes.count)
    var parts: [CodeSet] = []
    var done = 0
    try stream.forEachTrainingChunk(of: 250) { images, count in
      parts.append(CodeSet(encoding: images, with: decoder, condition: condition))
      done += images.captions.count
      observe(.embedding(done: done, count: count))
    }
    let heldOut = try stream.evaluation(limit: config.objective.evaluationCount).chunks(of: 250)
    let task = CodePriorTask<Prior>(
      config.model, objective: config.objective, decoder: decoder,
      training: CodeSet(joining: parts),
      heldOut: CodeSet(
        joining: heldOut.map { CodeSet(encoding: $0, with: decoder, condition: condition) }),
      classes: codes.condition.kind == .class ? stream.classes : nil,
      options: config.training, using: weights(config.training))
    var inputs = ["data": try dataFingerprint(of: data)]
    var codebook = Fingerprint()
    try codebook.add(filesIn: model)
    inputs["model"] = codebook.text
    if let clip {
      inputs["clip"] = try ModelFolder(clip).fingerprint(of: [.tokenizer, .textEncoder])
    }
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: inputs, heldOut: stream.heldOutCount,
      start: { if let initial { try task.start(from: initial) } })
  }

  /// What a prior over codes is conditioned on for each image.
  private func condition(
    _ condition: CodeCondition, classes: Int
  ) throws -> (LabeledImages) -> Tensor? {
    switch condition.kind {
    case .none: return { _ in nil }
    case .class:
      try requireEqual(
        "codes.condition.size", condition.size, classes, "the data has \(classes) classes")
      return { $0.labels }
    case .embedding:
      guard let clip else {
        throw ConfigError.invalid(
          file: configurationName, key: "model.codes.condition.kind", value: "embedding",
          expected: "captions are embedded by CLIP, so name a CLIP model folder with --clip")
      }
      let encoder = try CLIPTextEncoder(CLIPFolder(clip), device: device)
      let width = encoder.width
      try requireEqual(
        "codes.condition.size", condition.size, width,
        "CLIP's embeddings have \(width) dimensions")
      return { encoder.encode($0.captions).embedding }
    }
  }

  private func labeled(
    _ options: TrainingOptions, _ data: Mixture, size: Int, channels: Int
  ) throws -> LabeledStream {
    try requireBatchFits(options, data, size: size, channels: channels)
    if options.threads > 0 { setThreadCount(options.threads) }
    return try LabeledStream(
      directories: self.data, mixture: data, batchSize: options.batchSize, size: size,
      channels: channels, seed: StepSeed.seed(options.seed, .data, at: 0), strict: strict,
      device: device)
  }
}
