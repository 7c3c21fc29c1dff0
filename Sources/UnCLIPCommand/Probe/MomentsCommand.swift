import ArgumentParser
import Datasets
import Files
import Foundation
import Torch
import Training
import UnCLIP

/// `unclip moments`: the second moments that the analytic sampler needs.
struct MomentsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "moments",
    abstract: "Measure a model's errors on data, for --sampler analytic.",
    discussion: """
      The analytic sampler (Analytic-DPM) adds at each step the noise that is best for the errors \
      the network makes there. This measures them on images of a data set, such as those the model \
      was trained on, and writes them into the model's folder, as \(ModelFolder.momentsName) beside \
      each stage's scheduler. They belong to the weights: after training, measure again.

      EXAMPLES:
        unclip moments --data data/emoji --model runs/model
        unclip moments --data data/own --model karlo --stage decoder --images 64 --timesteps 25
      """)

  private static let imageRange = OptionRange("--images", 1...1_000_000)
  private static let timestepRange = OptionRange("--timesteps", 2...1000)

  /// The stages that denoise.
  enum Stage: String, ExpressibleByArgument, CaseIterable {
    case prior, decoder, upsampler
    case secondUpsampler = "second-upsampler"

    var stage: GenerationProgress.Stage {
      switch self {
      case .prior: .prior
      case .decoder: .decoder
      case .upsampler: .upsampler
      case .secondUpsampler: .secondUpsampler
      }
    }
  }

  @Option(help: ArgumentHelp("A data set folder; may be given several times.", valueName: "folder"))
  var data: [String]

  @Option(
    help: ArgumentHelp(
      "Only this stage: prior, decoder, upsampler or second-upsampler; may be given several times.",
      valueName: "stage"))
  var stage: [Stage] = []

  @Option(help: imageRange.help("Images, taken evenly from the data"))
  var images = 256

  @Option(help: timestepRange.help("Timesteps of the process to measure at"))
  var timesteps = 50

  @Option(help: ArgumentHelp("Seed of the noise, \(SeedChoice.range).", valueName: "n"))
  var seed: UInt64 = 0

  @OptionGroup var files: OutputFiles

  @Option(name: [.customShort("m"), .long], help: ModelSearch.option, completion: .model)
  var model: String?

  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// What `--json` prints of a stage.
  struct Report: Encodable {
    var stage: String
    var path: String
    var images: Int
    var timesteps: Int
    var seconds: Double
  }

  func validate() throws {
    try Self.imageRange.check(images)
    try Self.timestepRange.check(timesteps)
  }

  func run() throws {
    let device = try machine.prepare()
    let folder = ModelFolder(try ModelSearch.current.folder(of: model))
    let progress = ProgressReporter()
    let estimation = try MomentEstimation(
      folder, data: data.map { URL(fileURLWithPath: $0, isDirectory: true) }, device: device)
    let stages =
      stage.isEmpty
      ? estimation.stages : Stage.allCases.filter(stage.contains).map(\.stage)
    try check(stages, of: folder, having: estimation.stages)
    let interruption = Interruption("stages that were finished are kept")
    defer { withExtendedLifetime(interruption) {} }
    var reports: [Report] = []
    for stage in stages {
      let began = ContinuousClock.now
      do {
        let moments = try progress.watching {
          try estimation.moments(of: stage, images: images, timesteps: timesteps, seed: seed) {
            progress.update(stage.name, step: $0, of: $1)
          }
        }
        try folder.write(moments, of: stage)
        reports.append(
          Report(
            stage: stage.rawValue, path: folder.moments(of: stage).path, images: moments.samples,
            timesteps: moments.timesteps.count, seconds: (ContinuousClock.now - began).seconds))
      } catch DataError.empty where stage != .prior && stage != .decoder && self.stage.isEmpty {
        Output.warn(
          "the data hold no image as large as the \(stage.name)'s, so the \(stage.name) was left out."
        )
      }
      if !output.json, let report = reports.last, report.stage == stage.rawValue {
        try Output.line(report.path)
      }
    }
    if output.json { try Output.json(reports) }
  }

  /// Refuses before any work what could not be measured or written.
  private func check(
    _ stages: [GenerationProgress.Stage], of folder: ModelFolder,
    having own: [GenerationProgress.Stage]
  ) throws {
    for stage in stages {
      guard own.contains(stage) else {
        throw ModelFolderError.missing(
          folder: folder.url.path,
          part: Self.part(of: stage).rawValue)
      }
      let url = folder.moments(of: stage)
      if !files.force, OutputFile.exists(url) {
        throw CommandError.exists(path: url.path, option: nil)
      }
      let directory = url.deletingLastPathComponent().path
      guard FileManager.default.isWritableFile(atPath: directory) else {
        throw CommandError.cannotCreate(
          path: url.path, reason: "\(directory) cannot be written to", option: "--model")
      }
    }
  }
}

extension MomentsCommand {
  /// The part that a model without the stage lacks.
  private static func part(of stage: GenerationProgress.Stage) -> ModelFolder.Part {
    switch stage {
    case .prior: .prior
    case .secondUpsampler: .secondUpsampler
    default: .upsampler
    }
  }
}

extension ModelFolder {
  /// Warns of second moments that this folder, made of others, lacks.
  func warn(ofMomentsIn sources: [ModelFolder]) {
    for stage in GenerationProgress.Stage.denoising
    where !hasMoments(of: stage) && sources.contains(where: { $0.hasMoments(of: stage) }) {
      Output.warn(
        "the second moments of the \(stage.name) were not copied, as not all it is made of comes "
          + "from the folder they were measured in; 'unclip moments --data DATA --model "
          + "\(url.path)' measures them again.")
    }
  }
}
