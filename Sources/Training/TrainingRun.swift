import Classics
import Config
public import Distribution
import Files
public import Foundation
public import Torch
import TorchNN
import UnCLIP

/// What happens during a run, in order.
public enum TrainingEvent: Sendable {
  /// A line about what was found or done before the first step.
  case note(String)
  /// Embeddings of `done` of `count` batches were computed ahead.
  case embedding(done: Int, count: Int)
  /// A step was done.
  case step(StepReport)
  /// A line was written to the log.
  case summary(TrainingSummary)
}

/// A run of `unclip train STAGE`: from a configuration and data to a folder with checkpoints, a
/// log, sample sheets and the trained parts of a model.
public struct TrainingRun {
  /// What is trained.
  public var stage: TrainingStage
  /// The configuration as JSON.
  public var configuration: Data
  /// Its file, for errors.
  public var configurationName: String
  /// Data set folders.
  public var data: [URL]
  /// The output folder; the trained parts go into `model` in it.
  public var out: URL
  /// Model folders with the parts that this stage needs: the tokenizer for CLIP; all of CLIP for
  /// the priors, with the prior for hint and decoder, and the hint for the decoder; the VQ-VAE for
  /// priors over its codes. A part that several folders have is taken from the last.
  public var models: [URL]
  /// The folder of the CLIP model that embeds captions for a prior over codes conditioned on them.
  public var clip: URL?
  /// A model folder with the initial weights of this stage; nil for random weights.
  public var initial: URL?
  /// Whether to resume from the newest checkpoint in `out`.
  public var resume: Bool
  /// Whether a resumed run may differ from its checkpoint in settings and data.
  public var allowsChanges: Bool
  /// Whether a sample that cannot be read ends the run; else it is skipped with a warning.
  public var strict: Bool
  /// The device that computes.
  public var device: Device
  /// The processes that share each batch. They read the same files, and the first one writes.
  public var ranks: Ranks
  /// Seconds without a sign of life after which a process of several is lost.
  public var rankTimeout = RankWatch.defaultTimeout
  /// Called on a thread when a process of several is lost: with `TrainingError.lostProcess` in the one
  /// that reports it, with nil in the others. It must end the process, since MPI cannot go on.
  public var whenProcessIsLost: @Sendable (TrainingError?) -> Void = { error in
    if let error { FileHandle.standardError.write(Data("\(error)\n".utf8)) }
    _exit(EX_IOERR)
  }

  /// A run from random weights on the CPU unless given otherwise.
  public init(
    stage: TrainingStage, configuration: Data, configurationName: String, data: [URL], out: URL,
    models: [URL] = [], clip: URL? = nil, initial: URL? = nil, resume: Bool = false,
    allowsChanges: Bool = false, strict: Bool = false, device: Device = .cpu, ranks: Ranks = .one
  ) {
    self.ranks = ranks
    self.stage = stage
    self.configuration = configuration
    self.configurationName = configurationName
    self.data = data
    self.out = out
    self.models = models
    self.clip = clip
    self.initial = initial.map(Self.model)
    self.resume = resume
    self.allowsChanges = allowsChanges
    self.strict = strict
    self.device = device
  }

  /// Trains to the end, or until `shouldStop` returns true after a step; then a checkpoint is
  /// written and `TrainingError.stopped` thrown.
  ///
  /// - Parameters:
  ///   - observe: Receives what happens, in the first process alone.
  ///   - shouldStop: Called after each step; all processes stop where it is true in one.
  /// - Throws: `ConfigError`, `DataError`, `TokenizerError`, `CheckpointError`,
  ///   `ModelFolderError`, `TrainingError`; `RankFailure` in several processes.
  public func run(
    observe: (TrainingEvent) -> Void = { _ in }, shouldStop: () -> Bool = { false }
  ) throws {
    func observed(_ event: TrainingEvent) { if ranks.isRoot { observe(event) } }
    try ranks.agreeing {
      try ranks.requireSame([
        ("stage", stage.rawValue),
        ("configuration", String(decoding: configuration, as: UTF8.self)),
      ])
      try runLocked(observe: observed, shouldStop: shouldStop)
    }
  }

  private func runLocked(
    observe: (TrainingEvent) -> Void, shouldStop: () -> Bool
  ) throws {
    let lock = try ranks.onRoot { try requireStartable() }
    defer { withExtendedLifetime(lock) {} }
    // Each weight has a gradient and two moments, of four bytes each.
    let fitting = Double(ProcessInfo.processInfo.physicalMemory) / 16
    let most = device == .cpu ? min(ConfigLimit.weights, fitting) : ConfigLimit.weights
    let watch = try startWatch(observe: observe)
    defer { watch?.stop() }
    do {
      try ConfigLimit.$weights.withValue(most) {
        try train(observe: observe, shouldStop: shouldStop)
      }
    } catch DistributionError.lost(let reason) {
      watch?.settle()
      throw DistributionError.lost(reason: reason)
    }
  }

  private func train(
    observe: (TrainingEvent) -> Void, shouldStop: () -> Bool
  ) throws {
    switch stage {
    case .tokenizer: try ranks.onRoot { try trainTokenizer(observe: observe) }
    case .clip: try train(try clipTask(), shouldStop: shouldStop, observe: observe)
    case .prior: try train(try priorTask(observe), shouldStop: shouldStop, observe: observe)
    case .autoregressivePrior:
      try train(try autoregressivePriorTask(observe), shouldStop: shouldStop, observe: observe)
    case .hint: try train(try hintTask(observe), shouldStop: shouldStop, observe: observe)
    case .decoder: try train(try decoderTask(observe), shouldStop: shouldStop, observe: observe)
    case .upsampler:
      try train(try upsamplerTask(.first), shouldStop: shouldStop, observe: observe)
    case .secondUpsampler:
      try train(try upsamplerTask(.second), shouldStop: shouldStop, observe: observe)
    case .classic(let kind):
      try train(classic: kind.type, shouldStop: shouldStop, observe: observe)
    }
  }

  /// A task with its options and the configuration to keep.
  struct Prepared<Task: TrainingTask> {
    let task: Task
    let options: TrainingOptions
    let config: Data
    /// Fingerprints of what it reads, by the option that gives it.
    let inputs: [String: String]
    /// How many held-out images its metrics are of.
    let heldOut: Int
    /// What else a person should know before the first step.
    var notes: [String] = []
    /// Loads the initial weights; not called when a run is resumed.
    let start: () throws -> Void
  }

  /// The file of a run's folder that holds its whole configuration.
  public static let configurationFile = "training.json"

  /// Writes the configuration that the run has, with what the command line changed.
  func record(_ configuration: Data) throws(TrainingError) {
    let url = out.appending(path: Self.configurationFile)
    do {
      try AtomicFile.write(configuration, to: url)
    } catch {
      throw TrainingError.notWritten(path: url.path, reason: reason(of: error))
    }
  }

  /// What a person should know of metrics of few held-out images; nil where there are enough.
  static func warning(heldOut count: Int) -> String? {
    // Of 20 images, one more or less is 5 %.
    guard count < 20 else { return nil }
    let hold = "--set data.held_out_fraction=0.1 holds out a tenth of the concepts"
    if count == 0 {
      return "no image is held out, so metrics are of images that training shows; \(hold)"
    }
    return
      "only \(count) image\(count == 1 ? " is" : "s are") held out: held_out metrics of so few "
      + "mean next to nothing; \(hold), or take more images"
  }

  /// Requires that no other process trains into the folder, and that a run which is not resumed
  /// finds no checkpoints.
  ///
  /// - Returns: The lock that keeps others out.
  private func requireStartable() throws(TrainingError) -> FolderLock {
    let lock: FolderLock?
    do {
      try FileManager.default.createDirectory(at: out, withIntermediateDirectories: true)
      lock = try FolderLock(out)
    } catch {
      throw TrainingError.notWritten(path: out.path, reason: reason(of: error))
    }
    guard let lock else {
      throw TrainingError.busy(folder: out.path, owner: FolderLock.owner(of: out))
    }
    let store = CheckpointStore(folder: out, keep: 1)
    if !resume, let checkpoint = try store.latest() {
      throw TrainingError.alreadyStarted(
        folder: out.path, checkpoint: checkpoint.lastPathComponent)
    }
    try store.prepare()
    return lock
  }

  func train<Task: TrainingTask>(
    _ prepare: @autoclosure () throws -> Prepared<Task>, shouldStop: () -> Bool,
    observe: (TrainingEvent) -> Void
  ) throws {
    let prepared = try ranks.agreeing(prepare)
    try ranks.requireSame(
      prepared.inputs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    let trainer = try ranks.agreeing {
      try Trainer(
        prepared.task, options: prepared.options, config: prepared.config,
        inputs: prepared.inputs, folder: out, device: device, ranks: ranks)
    }
    let found =
      resume ? try ranks.agreeing { try trainer.resume(allowingChanges: allowsChanges) } : nil
    try ranks.requireSame([("checkpoint", "\(trainer.state.step)")])
    if let found {
      for damage in found.damage { observe(.note("\(damage) The checkpoint before it is used.")) }
      observe(.note("resumed from \(found.checkpoint.path) at step \(trainer.state.step)"))
      for change in found.changes { observe(.note("changed: \(change)")) }
      if trainer.state.step >= prepared.options.steps {
        observe(
          .note(
            "nothing is left to do: \(trainer.state.step) of \(prepared.options.steps) steps are done;"
              + " to train on, add --set training.steps=\(2 * trainer.state.step) --allow-changes"))
      }
    } else {
      try ranks.agreeing { try prepared.start() }
      try trainer.share()
      try trainer.restartAverage()
    }
    let count = prepared.task.module.parameterCount
    observe(.note("\(stage.rawValue): \(count) weights, \(prepared.options.steps) steps"))
    for note in prepared.notes + [Self.warning(heldOut: prepared.heldOut)].compactMap(\.self) {
      observe(.note(note))
    }
    if ranks.count > 1 {
      observe(
        .note("\(ranks.count) processes share each batch of \(prepared.options.batchSize)"))
      if prepared.options.shardsOptimizer {
        let (own, all) = trainer.optimizerBytes
        observe(
          .note(
            String(
              format: "each keeps its share of the optimiser's state, %.1f of %.1f MB",
              Double(own) / 1e6, Double(all) / 1e6)))
      }
    }
    let log = try ranks.onRoot {
      try record(prepared.config)
      return try TrainingLog(folder: out, resumingAt: trainer.state.step)
    }
    let samples: SampleLog? =
      try ranks.onRoot {
        prepared.options.logsSamples
          ? try SampleLog(folder: out, resumingAt: trainer.state.step) : nil
      } ?? nil
    var reports: [StepReport] = []
    let observeStep = { (report: StepReport) throws in
      reports.append(report)
      if let shown = report.shown { try samples?.append(shown, step: report.step) }
      if report.checkpoint != nil { try samples?.synchronize() }
      observe(.step(report))
      let isLast = report.step == report.steps || report.checkpoint != nil
      guard isLast || report.step % prepared.options.logEverySteps == 0 || !report.metrics.isEmpty,
        let summary = TrainingSummary(reports)
      else { return }
      reports = []
      try log?.append(summary)
      observe(.summary(summary))
    }
    try trainer.run(observe: observeStep, shouldStop: shouldStop)
    guard trainer.state.step >= prepared.options.steps else {
      throw TrainingError.stopped(
        step: trainer.state.step, of: prepared.options.steps,
        kept: try trainer.store.latest()?.lastPathComponent)
    }
  }
}
