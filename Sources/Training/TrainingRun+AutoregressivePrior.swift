import Config
import Foundation
import UnCLIP

extension TrainingRun {
  func autoregressivePriorTask(
    _ observe: (TrainingEvent) -> Void
  ) throws -> Prepared<AutoregressivePriorTask> {
    var config = try TrainConfig<
      AutoregressivePriorTask.Model, AutoregressivePriorTask.Objective
    >.checked(configuration, file: configurationName)
    let (clip, folder) = (
      try frozenCLIP(), try modelFolder(with: [.tokenizer, .textEncoder, .imageEncoder])
    )
    try requireFit(
      config.model.transformer.embeddingDim, texts: config.model.transformer.numEmbeddings, clip)
    let stream = try images(config.training, config.data, size: clip.imageSize)
    let embedded = try embeddings(
      of: stream, clip, prior: nil, batches: config.objective.embeddingBatches, observe)
    let notes = try countComponents(&config.model, config.objective, of: embedded)
    let examples = config.objective.statisticsBatches * config.training.batchSize
    try require(
      config.model.transformer.numComponents < examples, "transformer.num_components",
      config.model.transformer.numComponents,
      "they are measured on \(examples) embeddings, which must be more: raise "
        + "objective.statistics_batches")
    let task = AutoregressivePriorTask(
      config.model, objective: config.objective, data: embedded, clip: clip,
      fingerprint: try folder.clipFingerprint(), using: weights(config.training))
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: try inputs([FrozenCLIP.parts], stream), heldOut: stream.heldOutCount, notes: notes,
      start: {
        if let initial {
          try task.start(from: ModelFolder(initial))
        } else {
          try task.measureStatistics()
        }
      })
  }

  /// Sets how many components are kept where the configuration leaves it to the data; returns what
  /// a person should know of it.
  private func countComponents(
    _ model: inout AutoregressivePriorTask.Model, _ objective: AutoregressivePriorTask.Objective,
    of data: EmbeddedImages
  ) throws -> [String] {
    guard model.transformer.numComponents == 0 else { return [] }
    if let initial {
      let file = ModelFolder(initial).configuration(of: .autoregressivePrior)
      model.transformer.numComponents = try AutoregressivePriorConfig.read(at: file).numComponents
      return []
    }
    let pca = try AutoregressivePriorTask.components(objective, of: data)
    let count = pca.count(forError: objective.reconstructionError)
    model.transformer.numComponents = count
    let lost = try 1 - pca.explainedVariance(components: count)
    return [
      "\(count) of \(pca.width) components are kept, without which "
        + "\(String(format: "%.2f", lost * 100)) % of the variance is lost"
    ]
  }
}
