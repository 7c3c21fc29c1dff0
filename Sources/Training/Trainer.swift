import Config
public import Distribution
import Files
public import Foundation
import Imaging
public import Torch
import TorchNN

/// The training loop: batch → loss → backward → clip → step → average → report.
public final class Trainer<Task: TrainingTask> {
  /// What is trained.
  public let task: Task
  /// The training options.
  public let options: TrainingOptions
  /// The run's checkpoints.
  public let store: CheckpointStore
  /// Where the run stands.
  public private(set) var state: TrainingState

  private let config: Data
  private let device: Device
  private let ranks: Ranks
  /// What of each batch this process has.
  private let rows: BatchRows
  private let optimized: [Optimized]
  private let schedule: LearningRateSchedule
  /// The first process's; nil in the others, which do not need it.
  private let average: ExponentialMovingAverage?
  private let further: [FurtherAverage]
  /// Keys of this process's samples, by the number of the batch in the step.
  private var shown: [Int: [String]] = [:]

  /// Prepares a run from the task's current weights.
  ///
  /// - Parameters:
  ///   - task: What is trained.
  ///   - options: The training options.
  ///   - config: The run's configuration as JSON, kept with every checkpoint.
  ///   - inputs: Fingerprints of what the run reads, kept with every checkpoint.
  ///   - folder: Where checkpoints, samples and the model go.
  ///   - device: Where to compute.
  ///   - ranks: The processes that share each batch. The first one evaluates, samples and writes.
  /// - Throws: `TrainingError.notWritten`; `DistributionError.tooMany` where a batch has fewer rows
  ///   than there are processes.
  public init(
    _ task: Task, options: TrainingOptions, config: Data, inputs: [String: String] = [:],
    folder: URL, device: Device = .cpu, ranks: Ranks = .one
  ) throws {
    self.task = task
    self.options = options
    self.config = config
    self.device = device
    self.ranks = ranks
    rows = try ranks.rows(of: task.batchSize(of: options))
    store = CheckpointStore(folder: folder, keep: options.keepCheckpoints)
    if ranks.isRoot { try store.prepare() }
    task.module.to(device: device)
    optimized = task.parts.enumerated().map { index, part in
      Optimized(part, index: index, options: options, ranks: ranks)
    }
    schedule = options.rateSchedule
    func average(_ decay: Double) -> ExponentialMovingAverage {
      ExponentialMovingAverage(
        of: task.module, decay: decay,
        warmUp: options.emaWarmUpPower > 0 ? .power(options.emaWarmUpPower) : .none)
    }
    self.average = ranks.isRoot ? average(options.emaDecay) : nil
    further =
      ranks.isRoot
      ? options.furtherDecays.map { FurtherAverage(decay: $0, average: average($0)) } : []
    state = TrainingState(
      stage: task.stage, step: 0, seed: options.seed, images: 0, seconds: 0, inputs: inputs)
    gatherBatches()
  }

  /// Trains until the last step, or until `shouldStop` returns true.
  ///  A checkpoint is written at the end, unless an error ends the run. A resumed run first exports
  /// the model again: the earlier process may have been killed between a checkpoint and its export.
  ///
  /// - Parameters:
  ///   - observe: Receives the report of each step before the step's checkpoint is written, so that
  ///     a log it keeps is never behind a checkpoint; in the first process alone.
  ///   - shouldStop: Called after each step; all processes stop where it is true in one.
  /// - Throws: `TrainingError`, and what the task throws; `RankFailure` in several processes.
  public func run(
    observe: (StepReport) throws -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws {
    let clock = ContinuousClock()
    var lastCheckpoint = clock.now
    task.module.train()
    if state.step > 0 { try ranks.onRoot { try export() } }
    while state.step < options.steps {
      let started = clock.now
      let rate = schedule.rate(at: state.step)
      var loss = 0.0
      var parts: [String: Double] = [:]
      var squaredNorm = 0.0
      for one in optimized where state.step % one.part.period == 0 {
        let done = try update(one, rate: rate)
        loss += done.loss
        parts.merge(done.parts) { _, new in new }
        squaredNorm += done.gradientNorm * done.gradientNorm
      }
      task.didStep()
      for average in averages { average.update(step: state.step + 1) }

      let seconds = Double((clock.now - started) / .seconds(1))
      let images = rows.total * options.gradientAccumulation
      state.step += 1
      state.images += images
      state.seconds += seconds
      var report = StepReport(
        step: state.step, steps: options.steps, loss: loss, parts: parts,
        learningRate: rate, gradientNorm: squaredNorm.squareRoot(), images: images,
        stepSeconds: seconds, seconds: state.seconds, metrics: [:])
      if options.logsSamples { report.shown = try gatherShown() }
      let isAsked = try ranks.any(shouldStop())
      let stopping = state.step == options.steps || isAsked
      let age = (clock.now - lastCheckpoint) / .seconds(1)
      let isOld = options.checkpointEverySeconds > 0 && age >= options.checkpointEverySeconds
      let saves =
        try stopping || isDue(every: options.checkpointEverySteps)
        || ranks.any(ranks.isRoot && isOld)
      if saves { try ranks.agreeing { try writeShards() } }
      try ranks.onRoot {
        if isDue(every: options.sampleEverySteps) || state.step == options.steps {
          report.metrics = try averaged { try task.evaluate() }
          report.samples = try drawSamples()
        }
        if saves { report.checkpoint = store.name(of: state.step) }
        try observe(report)
        if saves {
          try save()
          lastCheckpoint = clock.now
        }
      }
      if stopping { break }
    }
  }

  /// Restarts the averages of the weights at the current weights.
  public func restartAverage() throws(CheckpointError) {
    for average in averages { try average.load(task.module.stateDict()) }
  }

  /// Gives every process the weights and buffers of the first.
  func share() throws(DistributionError) {
    try ranks.broadcast(task.module.stateDict().sorted { $0.key < $1.key }.map(\.value))
  }

  private var averages: [ExponentialMovingAverage] {
    [average].compactMap(\.self) + further.map(\.average)
  }

  /// The bytes of the optimisers' moments that this process keeps, and of all.
  var optimizerBytes: (own: Int, all: Int) {
    let each = optimized.map(\.optimizer.momentBytes)
    return (each.reduce(0) { $0 + $1.own }, each.reduce(0) { $0 + $1.all })
  }

  /// Resumes from the newest undamaged checkpoint, if there is one.
  ///
  /// - Parameter allowingChanges: Whether settings and inputs may differ from those of the
  ///   checkpoint. The model's shape and the seed may not.
  /// - Returns: The checkpoint with what has changed; nil if there is none.
  /// - Throws: `TrainingError` when it is of another run or when all checkpoints are damaged,
  ///   `CheckpointError` when its tensors do not fit.
  public func resume(allowingChanges: Bool = false) throws -> Resumption? {
    guard let (checkpoint, damage) = try store.newestSound() else { return nil }
    let found = try store.state(of: checkpoint)
    guard found.stage == task.stage else {
      throw TrainingError.differentRun(path: checkpoint.path, key: "stage")
    }
    guard found.seed == options.seed else {
      throw TrainingError.differentRun(path: checkpoint.path, key: "training.seed")
    }
    guard found.step <= options.steps else {
      throw TrainingError.beyondLastStep(
        path: checkpoint.path, step: found.step, of: options.steps)
    }
    let changes = try changes(since: checkpoint, found)
    guard allowingChanges || changes.isEmpty else {
      throw TrainingError.changed(path: checkpoint.path, changes: changes)
    }
    func load(_ name: String, _ take: ([String: Tensor], URL) throws -> Void) throws {
      let url = checkpoint.appending(path: name)
      try take(Safetensors.read(url).tensors, url)
    }
    if let average { try load("ema.safetensors") { try average.load($0, file: $1) } }
    for one in further {
      // An average that the checkpoint lacks is new: it begins at the one that it has.
      let has = FileManager.default.fileExists(
        atPath: checkpoint.appending(path: one.file).path)
      try load(has ? one.file : "ema.safetensors") { try one.average.load($0, file: $1) }
    }
    try load("model.safetensors") { try task.module.load($0, file: $1) }
    for one in optimized {
      try load(one.file) { try one.optimizer.load($0, file: $1) }
    }
    let inputs = state.inputs
    state = found
    state.format = TrainingState.currentFormat
    state.inputs = inputs
    return Resumption(checkpoint: checkpoint, damage: damage, changes: changes)
  }

  /// Writes a checkpoint and the model's parts with the averaged weights.
  @discardableResult
  public func save() throws -> URL {
    let checkpoint = try store.write(state, config: config) { folder in
      try Safetensors.write(
        task.module.stateDict(), to: folder.appending(path: "model.safetensors"))
      if let average {
        try Safetensors.write(average.stateDict(), to: folder.appending(path: "ema.safetensors"))
      }
      for one in further {
        try Safetensors.write(one.average.stateDict(), to: folder.appending(path: one.file))
      }
      for one in optimized {
        let file = folder.appending(path: one.file)
        if one.optimizer.isSharded {
          try FileManager.default.moveItem(at: shards(of: one), to: file)
        } else {
          try one.optimizer.write(to: file)
        }
      }
    }
    try export()
    return checkpoint
  }

  /// Writes the optimisers' states that the processes share, from which ``save()`` takes them.
  private func writeShards() throws {
    for one in optimized where one.optimizer.isSharded {
      try one.optimizer.write(to: shards(of: one))
    }
  }

  /// A file that is removed with those of interrupted checkpoints.
  private func shards(of one: Optimized) -> URL {
    store.folder.appending(path: ".\(one.file).partial")
  }

  // MARK: - Parts of the loop

  /// Updates one part: gradients over all batches of the step, then its optimiser.
  ///
  /// The others' parameters are frozen meanwhile; what the task froze itself stays frozen.
  private func update(
    _ one: Optimized, rate: Double
  ) throws -> (loss: Double, parts: [String: Double], gradientNorm: Double) {
    let others = optimized.filter { $0.index != one.index }.flatMap(\.optimizer.parameters)
    for parameter in others { parameter.setFrozen(true) }
    defer { for parameter in others { parameter.setFrozen(false) } }
    let optimizer = one.optimizer
    // The mean over a batch is that over each process's rows, by their number.
    let weight = rows.fraction / Double(options.gradientAccumulation)
    var loss = 0.0
    var parts: [String: Double] = [:]
    for part in 0..<options.gradientAccumulation {
      let index = state.step * options.gradientAccumulation + part
      let batch = try ranks.agreeing { try task.batch(at: index, rows: rows) }
      if options.logsSamples { shown[part] = task.sampleKeys(at: index, rows: rows) }
      let random = RandomSource(
        seed: StepSeed.seed(options.seed, .loss, at: index * optimized.count + one.index),
        rows: rows)
      task.module.seedDropout(StepSeed.seed(options.seed, .dropout, at: index), rows: rows)
      let losses = inPrecision { task.loss(batch, of: one.index, using: random) }
      optimizer.backward(
        losses.total * weight, completing: part == options.gradientAccumulation - 1)
      loss += losses.total.item() * weight
      for (name, value) in losses.parts { parts[name, default: 0] += value.item() * weight }
    }
    let gradientNorm = try optimizer.finishGradients(maximum: options.maxGradientNorm)
    (loss, parts) = try ranks.sum(loss, parts)
    try requireFinite(loss, "loss")
    try requireFinite(gradientNorm, "gradient")
    try optimizer.step(learningRate: rate * one.part.rateScale)
    return (loss, parts, gradientNorm)
  }

  /// The keys of all processes' samples, in the order of the batches of the step.
  private func gatherShown() throws -> [String] {
    let own = (0..<options.gradientAccumulation).map { shown[$0] ?? [] }
    let all = try ranks.gathered(JSONEncoder().encode(own)).map {
      try JSONDecoder().decode([[String]].self, from: $0)
    }
    return (0..<options.gradientAccumulation).flatMap { part in all.flatMap { $0[part] } }
  }

  private func gatherBatches() {
    let gather = { [ranks] (rows: Tensor) in ranks.concatenated(rows) }
    task.module.gatherBatches(by: ranks.count > 1 ? gather : nil)
  }

  private func inPrecision(_ body: () -> Losses) -> Losses {
    switch options.precision {
    case .float32: body()
    case .bfloat16: autocast(to: .bfloat16, device: device) { body() }
    }
  }

  /// Runs `body` with averaged weights in the module, in evaluation mode, without gradients.
  private func averaged<Result>(
    by average: ExponentialMovingAverage? = nil, _ body: () throws -> Result
  ) throws -> Result {
    task.module.eval()
    task.module.gatherBatches(by: nil)  // The other processes wait.
    defer {
      task.module.train()
      gatherBatches()
    }
    guard let average = average ?? self.average else { return try noGrad { try body() } }
    return try average.withAveragedWeights { try noGrad { try body() } }
  }

  /// Replaces the model folders as a whole, and removes those of averages that are no longer kept.
  private func export() throws {
    do {
      let models =
        [("model", average)] + further.map { ($0.model.name, Optional($0.average)) }
      for (name, average) in models {
        try averaged(by: average) {
          try DurableFolder.create(name, in: store.folder, replacing: true) {
            try task.export(to: $0)
          }
        }
      }
      let kept = Set(models.map(\.0))
      for old in AveragedModel.all(of: store.folder) where !kept.contains(old.name) {
        try DurableFolder.remove(store.folder.appending(path: old.name))
      }
    } catch let error as FileError {
      throw TrainingError.notWritten(path: error.path, reason: error.reason)
    }
  }

  private func drawSamples() throws -> String? {
    let random = RandomSource(seed: StepSeed.seed(options.seed, .samples, at: 0))
    guard let sheet = try averaged({ try task.sample(using: random) }) else { return nil }
    let folder = store.folder.appending(path: "samples")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let url = folder.appending(path: "step-\(state.step).png")
    try sheet.write(to: url, text: [])
    return url.path
  }

  private func isDue(every steps: Int) -> Bool { steps > 0 && state.step % steps == 0 }

  private func requireFinite(_ value: Double, _ what: String) throws {
    guard !value.isFinite else { return }
    throw TrainingError.notFinite(
      what: what, step: state.step + 1, kept: try store.latest()?.lastPathComponent)
  }

  /// Lists what has changed since a checkpoint.
  /// - Throws: `TrainingError.differentRun` if it is the model's shape.
  private func changes(since checkpoint: URL, _ found: TrainingState) throws -> [String] {
    let url = checkpoint.appending(path: "config.json")
    var before = try ConfigFile.read([String: JSONValue].self, at: url)
    var now = try JSONDecoder().decode([String: JSONValue].self, from: config)
    guard before.removeValue(forKey: "model") == now.removeValue(forKey: "model") else {
      throw TrainingError.differentRun(path: checkpoint.path, key: "model")
    }
    return RunChanges(
      from: before, found.inputs, to: now, state.inputs ?? [:], schedule: options.schedule
    ).lines
  }
}

/// An average beside the one that is sampled from.
private struct FurtherAverage {
  let decay: Double
  let average: ExponentialMovingAverage

  /// Its model in the run's folder.
  var model: AveragedModel { AveragedModel(decay: decay) }
  /// Its file in a checkpoint.
  var file: String { "ema-\(decay).safetensors" }
}

/// A part with its optimiser.
private struct Optimized {
  let part: TrainedPart
  /// Its index among the parts.
  let index: Int
  let optimizer: PartOptimizer
  /// Its optimiser's file in a checkpoint.
  let file: String

  init(_ part: TrainedPart, index: Int, options: TrainingOptions, ranks: Ranks) {
    self.part = part
    self.index = index
    file = part.name.isEmpty ? "optimizer.safetensors" : "optimizer-\(part.name).safetensors"
    optimizer = PartOptimizer(
      ParameterGroup.split(part.module, weightDecay: options.weightDecay),
      betas: (options.betas[0], options.betas[1]), epsilon: options.epsilon, ranks: ranks,
      isSharded: options.shardsOptimizer)
  }
}
