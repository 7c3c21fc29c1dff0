import ArgumentParser
import CLIP
import Config
import Foundation
import Training
import UnCLIP

extension ConfigCommand {
  /// `unclip config cost`.
  struct CostCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "cost",
      abstract: "Count what a preset or a training configuration costs.",
      discussion: """
        Weights are exact, and no network is made. Operations (FLOP) are those of matrix products, \
        convolutions and attention, as PyTorch's counter counts them, for texts of the whole context. \
        A training step is a forward and a backward pass of its batch, and CLIP's where it embeds at \
        each step. Memory of weights, gradients, Adam's two moments and averages is exact, that of \
        activations an estimate. With --machines and --flops: days of training, images an hour. \
        With --ranks and --flops: the step that so many processes share, with the sums of the \
        gradients between them. \
        Configurations of CLIP, prior, decoder and upsampler together are a system, whose images are \
        counted with the steps of their sample sheets.

        EXAMPLES:
          unclip config cost paper
          unclip config cost paper --machines 256 --flops 312T --utilisation 0.4
          unclip config cost paper --ranks 8 --ranks 64 --flops 312T --bandwidth 25 --latency 2
          unclip config cost karlo --decoder-steps 50 --json
          unclip config cost Configs/small-decoder.yaml --clip small
          unclip config cost Configs/small-clip.yaml Configs/small-decoder.yaml
        """)

    private static let machineRange = OptionRange("--machines", 1...1_000_000)
    private static let rankRange = OptionRange("--ranks", 1...1_000_000)
    private static let bandwidthRange = OptionRange("--bandwidth", 0.001...100_000.0)
    private static let latencyRange = OptionRange("--latency", 0...1_000_000.0)
    private static let memoryRange = OptionRange("--memory-bandwidth", 0.001...100_000.0)
    private static let utilisationRange = OptionRange("--utilisation", 0.001...1.0)

    @Argument(
      help: ArgumentHelp(
        "A preset (\(UnCLIPPreset.all.map(\.name).joined(separator: ", "))), or training "
          + "configurations of stages of unCLIP, YAML or JSON, or folders of runs.",
        valueName: "preset|file"))
    var subjects: [String]

    @Option(
      help: ArgumentHelp(
        "The CLIP that a stage is trained with: a preset or CLIP's training configuration.",
        valueName: "preset|file"))
    var clip: String?

    @Option(
      name: .customLong("set"),
      help: ArgumentHelp(
        "A value instead of the configuration's, such as training.batch_size=64; may be given "
          + "several times.", valueName: "key=value"))
    var overrides: [String] = []

    @Option(
      help: machineRange.help("Machines that train or draw side by side", note: "with --flops"))
    var machines: Int?

    @Option(
      help: ArgumentHelp(
        "Operations that one machine could do in a second, more than 0, such as 312T (T is 1e12, P "
          + "is 1e15).",
        valueName: "flop/s"))
    var flops: OperationRate?

    @Option(
      help: utilisationRange.help(
        "The fraction of them that is reached", valueName: "fraction"))
    var utilisation = 0.4

    @Option(
      help: rankRange.help(
        "Processes that share each step of training under mpirun",
        note: "with --flops, which are then those of one process; may be given several times"))
    var ranks: [Int] = []

    @Option(
      help: bandwidthRange.help(
        "With --ranks: what a process can send and receive, in gigabytes a second",
        valueName: "GB/s"))
    var bandwidth = 12.5

    @Option(
      help: latencyRange.help(
        "With --ranks: what a message takes, in microseconds", valueName: "µs"))
    var latency = 5.0

    @Option(
      help: memoryRange.help(
        "With --ranks: what a process can read or write in memory, in gigabytes a second",
        valueName: "GB/s"))
    var memoryBandwidth = 50.0

    @OptionGroup(title: "Sampling of a preset") var sampling: SamplingOptions
    @OptionGroup(title: "Sampling of a preset") var prior: PriorOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
      try Self.machineRange.check(machines)
      if let flops, flops.value <= 0 || flops.value > 1e24 {
        throw ValidationError(
          "--flops is \(flops.value), but it must be more than 0 and at most 1e24.")
      }
      try Self.utilisationRange.check(utilisation)
      for count in ranks { try Self.rankRange.check(count) }
      try Self.bandwidthRange.check(bandwidth)
      try Self.latencyRange.check(latency)
      try Self.memoryRange.check(memoryBandwidth)
      if !ranks.isEmpty, flops == nil {
        throw ValidationError(
          "--ranks needs --flops, the operations of one process in a second, such as 312T.")
      }
      if !ranks.isEmpty, machines != nil {
        throw ValidationError(
          "--machines counts without what joins them, --ranks with it; give one of the two.")
      }
      if machines != nil, flops == nil {
        throw ValidationError(
          "--machines needs --flops, the operations of one machine in a second, such as 312T.")
      }
    }

    func run() throws {
      let speed = flops.map { Double(machines ?? 1) * $0.value * utilisation }
      var report: CostReport
      if let preset = UnCLIPPreset.all.first(where: { subjects.contains($0.name) }) {
        let name = preset.name
        try require(subjects.count == 1, "\(name) is a preset, which is counted alone.")
        try require(
          overrides.isEmpty, "--set changes a training configuration, and \(name) is a preset.")
        try require(
          clip == nil, "--clip is for a training configuration, and \(name) is a preset.")
        report = CostReport(
          name: name, drawing: drawing(preset), training: preset.trainingCosts, speed: speed)
      } else {
        do {
          report = try ownReport(speed: speed)
        } catch let error as CostError {
          switch error {
          case .needsCLIP, .repeated: throw CommandError.usage(error.description)
          case .notCounted, .needsComponents: throw CommandError.data(error.description)
          }
        }
      }
      if let flops {
        let machine = SharedCost.Machine(
          speed: flops.value * utilisation, bandwidth: bandwidth * 1e9, latency: latency / 1e6,
          memoryBandwidth: memoryBandwidth * 1e9)
        report.shared = ranks.map { SharedReport(report.training, ranks: $0, machine: machine) }
      }
      if output.json { return try Output.json(report.entry) }
      for line in report.lines { try Output.line(line) }
    }

    private func drawing(_ preset: UnCLIPPreset) -> SystemCost {
      var settings = preset.sampling
      sampling.apply(to: &settings)
      prior.apply(to: &settings)
      return preset.cost(sampling: settings)
    }

    /// What configurations cost, and where they are a whole system, what it costs to draw.
    private func ownReport(speed: Double?) throws -> CostReport {
      try require(
        overrides.isEmpty || subjects.count == 1, "--set changes one configuration; give it alone.")
      let own = try subjects.map { subject in
        let (content, file) = try Self.document(subject, overrides)
        return (configuration: try StageConfiguration(content, file: file), file: file)
      }
      let clips = own.compactMap { one -> CLIPConfig? in
        if case .clip(let config) = one.configuration { config.model } else { nil }
      }
      let clip = try self.clip.map(Self.clipConfig) ?? clips.first
      let system = try UnCLIPPreset.system(of: own)
      var unused = SamplingSettings()
      sampling.apply(to: &unused)
      prior.apply(to: &unused)
      try require(
        system != nil || unused == SamplingSettings(),
        "Sampling options are for a preset or the configurations of a whole system: clip, prior, "
          + "decoder (with its hint, if it has one) and upsampler.")
      return CostReport(
        name: subjects.joined(separator: " "), drawing: system.map(drawing),
        training: try own.map {
          try TrainingCost(of: $0.configuration, file: $0.file, clip: clip)
        }, speed: speed)
    }

    /// The sizes of CLIP in a preset or in a training configuration.
    private static func clipConfig(_ name: String) throws -> CLIPConfig {
      if let preset = UnCLIPPreset.all.first(where: { $0.name == name }) { return preset.clip }
      let (content, file) = try document(name, [])
      return try TrainConfig<CLIPConfig, CLIPTask.Objective>.checked(content, file: file).model
    }

    /// The configuration in a file or in the folder of a run.
    private static func document(
      _ name: String, _ overrides: [String]
    ) throws -> (content: Data, file: String) {
      var url = URL(fileURLWithPath: name)
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
      if !exists, !name.contains("/"), !name.contains(".") {
        let known = UnCLIPPreset.all.map(\.name).joined(separator: ", ")
        throw CommandError.usage(
          "There is no preset \(name), and no file of that name; the presets are \(known).")
      }
      if isFolder.boolValue { url.append(path: TrainingRun.configurationFile) }
      return (
        try ConfigOverride.apply(
          overrides.map { try ConfigOverride(parsing: $0) }, to: ConfigDocument.json(at: url),
          file: url.path), url.path
      )
    }

    private func require(_ holds: Bool, _ sentence: String) throws(CommandError) {
      guard holds else { throw .usage(sentence) }
    }
  }
}

/// Operations in a second: `312T`, `3.12e14`.
struct OperationRate: ExpressibleByArgument {
  let value: Double

  private static let units: [Character: Double] = [
    "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
  ]

  init?(argument: String) {
    let unit = argument.last.flatMap { Self.units[$0] }
    guard let number = Double(unit == nil ? argument : String(argument.dropLast())),
      number.isFinite
    else { return nil }
    value = number * (unit ?? 1)
  }
}
