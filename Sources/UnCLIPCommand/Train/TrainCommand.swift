public import ArgumentParser
import Datasets
import Distribution
import Foundation
import Torch
public import Training

extension TrainingStage: ExpressibleByArgument {}

/// `unclip train STAGE`: trains a part of the model.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a part of the model.",
    discussion: """
      The folder given by --out receives checkpoints, a log (log.jsonl, log.csv and TensorBoard's \
      events), sample sheets, the whole configuration in training.json, and the trained parts in \
      model; the tokenizer's run, the words of the captions in vocabulary.txt too, for assemble. \
      What of the data cannot be read is skipped with a warning. Interrupt with Ctrl-C: a checkpoint is written, and --resume goes on from it. \
      Started by mpirun or srun in a build with MPI, the processes share each batch, and the first one \
      writes: what is learned does not depend on their number, up to rounding.

      EXAMPLES:
        unclip train tokenizer --config Configs/small-tokenizer.yaml --data data/emoji --out runs/tok
        unclip train clip --config Configs/small-clip.yaml --data data/emoji \
      --model runs/tok/model --out runs/clip
        unclip train clip --config Configs/small-clip.yaml --data data/emoji \
      --model runs/tok/model --out runs/clip --resume
        unclip train clip --config Configs/small-clip.yaml --data data/emoji \
      --model runs/tok/model --out runs/short --set training.steps=200 --set data.shift=0
        mpirun -np 4 unclip train clip --config Configs/small-clip.yaml --data data/emoji \
      --model runs/tok/model --out runs/clip
      """)

  @Argument(
    help: "What to train: \(TrainingStage.allCases.map(\.rawValue).joined(separator: ", ")).")
  var stage: TrainingStage

  @Option(help: ArgumentHelp("The training configuration, YAML or JSON.", valueName: "file"))
  var config: String

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "A value instead of the configuration's, such as training.steps=200; may be given several "
        + "times. 'unclip config explain' lists the keys.", valueName: "key=value"))
  var overrides: [String] = []

  @Option(help: ArgumentHelp("A data set folder; may be given several times.", valueName: "folder"))
  var data: [String]

  @Option(name: .out, help: ArgumentHelp("The folder of the run.", valueName: "folder"))
  var out: String

  @Option(
    help: ArgumentHelp(
      "A folder of a model or a run with parts this stage needs: the tokenizer for clip, all of CLIP for prior, "
        + "ar-prior, hint and decoder, the prior and the hint too where their configuration uses them, the "
        + "VQ-VAE for pixelcnn, transformer and rnn; may be given several times; a part "
        + "that several have is taken from the last.", valueName: "folder"))
  var model: [String] = []

  @Option(
    help: ArgumentHelp(
      "The CLIP model that embeds captions for pixelcnn, transformer and rnn, where their "
        + "configuration asks for embeddings.", valueName: "folder"))
  var clip: String?

  @Option(
    help: ArgumentHelp(
      "A folder of a model or a run with initial weights of this stage; random if not given.",
      valueName: "folder"))
  var initial: String?

  @Flag(help: "Resume from the newest checkpoint in --out.")
  var resume = false

  @Flag(help: "With --resume: accept changed settings and data, and list the changes.")
  var allowChanges = false

  private static let timeoutRange = OptionRange("--rank-timeout", 5.0...86_400)

  @Option(
    help: timeoutRange.help(
      "Seconds without a sign of life after which a process of several is lost, and the run ends",
      note: "a long step is no fault", valueName: "seconds"))
  var rankTimeout = RankWatch.defaultTimeout

  @OptionGroup var strictness: StrictOption

  @Option(help: ArgumentHelp("Where to compute: cpu, cuda or cuda:INDEX.", valueName: "name"))
  var device = "cpu"

  func validate() throws { try Self.timeoutRange.check(rankTimeout) }

  func run() throws {
    let ranks = try Processes.join()
    try Processes.ending(ranks) { try run(by: ranks) }
  }

  private func run(by ranks: Ranks) throws {
    try ranks.requireSame([("version", Version.current)])
    let device = try Device(parsing: device)
    try device.require()
    let file = URL(fileURLWithPath: config)
    var run = TrainingRun(
      stage: stage,
      configuration: try ConfigOverride.apply(
        overrides.map { try ConfigOverride(parsing: $0) }, to: ConfigDocument.json(at: file),
        file: file.path),
      configurationName: file.path,
      data: data.map { URL(fileURLWithPath: $0, isDirectory: true) },
      out: URL(fileURLWithPath: out, isDirectory: true),
      models: model.map { URL(fileURLWithPath: $0, isDirectory: true) },
      clip: clip.map { URL(fileURLWithPath: $0, isDirectory: true) },
      initial: initial.map { URL(fileURLWithPath: $0, isDirectory: true) }, resume: resume,
      allowsChanges: allowChanges, strict: strictness.strict, device: device, ranks: ranks)
    run.rankTimeout = rankTimeout
    run.whenProcessIsLost = { error in
      if let error { Output.fail(CommandEntry.sentence(for: error)) }
      // The other thread waits for MPI, and would wait at an orderly exit too.
      _exit(error.map { ExitStatus(of: $0).rawValue } ?? ExitStatus.inputOutput.rawValue)
    }
    let progress =
      ranks.isRoot ? ProgressReporter() : ProgressReporter(isTerminal: false) { _ in }
    let stop = StopSignal()
    let name = stage.rawValue
    var note = ""
    try progress.watching {
      try run.run(
        observe: { event in
          switch event {
          case .note(let text): progress.line(text)
          case .embedding(let done, let count):
            progress.update("embeddings", step: done, of: count)
          case .summary(let summary):
            note = summary.brief
            progress.line(summary.line)
          case .step(let report):
            progress.update(name, step: report.step, of: report.steps, note: note)
          }
        }, shouldStop: { stop.isRequested })
    }
    guard ranks.isRoot else { return }
    progress.line(
      "\(name): done; the model is in \(run.out.appending(path: "model").path); next: "
        + NextCommand(self).text)
  }
}
