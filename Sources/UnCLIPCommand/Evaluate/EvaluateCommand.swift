public import ArgumentParser
import Distribution
import Foundation
import ImageMetrics
import Torch
public import Training
import UnCLIP

/// `unclip evaluate`: metrics of a trained model, stage by stage, or of a folder of images.
struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measure a trained model, stage by stage, or compare two folders of images.",
    discussion: """
      Prints one line of JSON, and with --page writes a page to read in a browser: which stage is at \
      fault, metrics with their confidence intervals and what they mean, curves over guidance, and \
      rows of images.

      Of a model: how often images of everyday names and of prompts are recognised among all training \
      images by a classifier of colours and edges (true_recall_1 from the images' own embeddings, \
      text_recall_1 from captions); how often the text tower and the prior find the right image; by how \
      many decibels the upsamplers beat bicubic; noise in flat areas (grain). Images of the data's own \
      captions are compared with all other images as sets (captions_frechet, captions_kid, precision \
      and recall), and with their captions (CLIP score, R-precision); the same of the true images \
      stands beside each. The classifier is lenient: look at the page.

      With --images: a folder of any images, compared as a set with --data: FID, KID, precision and \
      recall. --features inception takes the features of published values, else they are the model's \
      CLIP's. Started by mpirun or srun, several processes share the images of both.

      EXAMPLES:
        unclip evaluate --data data/emoji --prompts Examples/concepts.txt
        unclip evaluate --model runs/model --data data/emoji --page report.html --run runs/decoder
        unclip evaluate --data data/emoji --only captions --sampler dpm++ --decoder-steps 8
        unclip evaluate --data data/emoji --only guidance --guidance 1,2,4,8 --captions 128
        unclip evaluate --images drawn --data photos --statistics photos.safetensors
        mpirun -np 4 unclip evaluate --images shards --data photos
        unclip evaluate --images drawn --data photos --features inception \
      --feature-weights pt_inception-2015-12-05-6726825d.pth
      """)

  @Option(
    help: ArgumentHelp(
      "A data set folder, or with --images a folder of images; may be given several times.",
      valueName: "folder"))
  var data: [String] = []

  @Option(
    help: ArgumentHelp(
      "A folder of images to compare with --data, whatever made them; may be given several times.",
      valueName: "folder"))
  var images: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file for the features of --data: written if it is not there, else read.",
      valueName: "file"))
  var statistics: String?

  @Option(
    help: ArgumentHelp(
      "Prompts, one a line, each with its accepted concepts: a cat = cat | cat face.",
      valueName: "file"))
  var prompts: String?

  private static let captionRange = OptionRange("--captions", 2...1_000_000)

  @Option(help: captionRange.help("Captions of the data to generate images of, taken evenly"))
  var captions = 256

  @Option(
    help: ArgumentHelp(
      "Only this group of metrics: "
        + ModelEvaluation.Measurement.allCases.map(\.rawValue).joined(separator: ", ")
        + "; may be given several times.", valueName: "name"))
  var only: [ModelEvaluation.Measurement] = []

  private static let guidanceRange = OptionRange("--guidance", SamplingSettings.guidanceRange)

  @Option(
    help: guidanceRange.help(
      "Scales of guidance to measure at, as in 1,2,4, of the decoder and then of the prior",
      note: "1,2,4 with --page", valueName: "scales"))
  var guidance: GuidanceScales?

  @Option(
    help: ArgumentHelp(
      "A run with training.ema_decays: the metrics of captions with the weights of each of its "
        + "averages in the model's place too.", valueName: "folder"))
  var ema: String?

  @Option(help: ArgumentHelp("Write a page with the results here, as HTML.", valueName: "file"))
  var page: String?

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp(
      "A run whose training curves the page shows; may be given several times.",
      valueName: "folder"))
  var runs: [String] = []

  @Option(help: ArgumentHelp("Write the generated images here, as PNG.", valueName: "file"))
  var sheet: String?

  @OptionGroup var files: OutputFiles
  @OptionGroup var strictness: StrictOption
  @OptionGroup(title: "Features") var features: FeatureOptions

  @Option(help: ArgumentHelp("Seed of the generated images, \(SeedChoice.range).", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: ModelSearch.option, completion: .model)
  var model: String?

  @Option(help: MachineOptions.threadRange.help("Threads", note: "all cores if not given"))
  var threads: Int?

  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Sampling") var prior: PriorOptions

  func validate() throws {
    try MachineOptions.threadRange.check(threads)
    try Self.captionRange.check(captions)
    for scale in guidance?.values ?? [] { try Self.guidanceRange.check(scale) }
    if images.isEmpty {
      if data.isEmpty { throw ValidationError("Missing what to compare with: give --data.") }
      if statistics != nil {
        throw ValidationError("--statistics keeps the features of --data for --images; give both.")
      }
      if strictness.strict { throw ValidationError("--strict is for --images.") }
    } else {
      if data.isEmpty, statistics == nil {
        throw ValidationError(
          "Missing what to compare with: give --data, or --statistics with a file of its features.")
      }
      let given = [
        ("--prompts", prompts != nil), ("--only", !only.isEmpty), ("--guidance", guidance != nil),
        ("--ema", ema != nil), ("--run", !runs.isEmpty), ("--sheet", sheet != nil),
      ]
      if let (option, _) = given.first(where: \.1) {
        throw ValidationError("\(option) is for a model's own images; leave --images out.")
      }
      var unused = SamplingSettings()
      sampling.apply(to: &unused)
      prior.apply(to: &unused)
      guard unused == SamplingSettings() else {
        throw ValidationError(
          "Sampling options are for a model's own images; leave --images or them out.")
      }
    }
    if !runs.isEmpty, page == nil {
      throw ValidationError("--run shows its curves on the page; give --page.")
    }
    if guidance != nil, !only.isEmpty, !only.contains(.guidance) {
      throw ValidationError(
        "--guidance is measured, but --only leaves it out; add --only guidance.")
    }
    if guidance == nil, page == nil, only.contains(.guidance) {
      throw ValidationError("--only guidance needs its scales; give --guidance, such as 1,2,4.")
    }
    if ema != nil, !only.isEmpty, !only.contains(.captions) {
      throw ValidationError("--ema compares the metrics of captions; add --only captions.")
    }
    let shown: Set<ModelEvaluation.Measurement> = [.names, .prompts, .shapes, .captions]
    if sheet != nil, !only.isEmpty, shown.isDisjoint(with: only) {
      throw ValidationError(
        "--sheet shows images of names, prompts, shapes or captions, but --only measures none of them."
      )
    }
  }

  func run() throws {
    let ranks = try Processes.join()
    try Processes.ending(ranks) {
      guard !images.isEmpty || ranks.count == 1 else {
        throw CommandError.usage(
          "A model is measured by one process; start evaluate without mpirun or srun, or draw images "
            + "with generate --shards and give their folder with --images.")
      }
      let outputs = [sheet.map { OutputFile($0, option: "--sheet") }, pageFile].compactMap(\.self)
      try ranks.onRoot {
        try files.check(outputs, inputs: [prompts, features.featureWeights].compactMap(\.self))
      }
      if let threads { setThreadCount(threads) }
      if images.isEmpty { try measureModel() } else { try compareFolders(ranks) }
    }
  }

  private var pageFile: OutputFile? { page.map { OutputFile($0, option: "--page") } }

  /// Says that a Fréchet distance is of too few images.
  func warnIfBiased(_ isBiased: Bool?, _ key: String) {
    guard isBiased == true else { return }
    Output.warn(
      "the Fréchet distance of fewer than \(FrechetDistance.fewestImages) images is too large: compare "
        + "it only with that of as many, or compare the kernel distance (\(key)), which is unbiased."
    )
  }

  // MARK: Folders

  private func compareFolders(_ ranks: Ranks) throws {
    let cache = statistics.map { URL(fileURLWithPath: $0) }
    try ranks.onRoot {
      guard let statistics, let cache, !OutputFile.exists(cache) else { return }
      guard !data.isEmpty else {
        throw CommandError.noInput("There is no file \(statistics); give --data to make it.")
      }
      try files.check([OutputFile(statistics, option: "--statistics")])
    }
    let comparison = try ranks.agreeing {
      FolderComparison(
        features: try features.load(model: model), strictness: strictness,
        progress: ProgressReporter(), ranks: ranks)
    }
    let real = try comparison.gather(data, name: "data", cachedIn: cache)
    guard let generated = try comparison.gather(images, name: "images"), let real else { return }
    let found = SetComparison(
      generated: generated.set, real: real.set, bootstrap: Bootstrap(seed: seed))
    let report = ComparisonReport(
      comparison: found, features: comparison.features.source, images: generated.set.count,
      references: real.set.count, skipped: generated.skipped + real.skipped)
    warnIfBiased(found.isFrechetBiased, "kid")
    if let page {
      try EvaluationPage(
        report, images: (images.joined(separator: ", "), generated.shown),
        data: (data.isEmpty ? statistics ?? "" : data.joined(separator: ", "), real.shown)
      ).write(to: URL(fileURLWithPath: page), replacing: files.force)
    }
    try Output.jsonLine(report)
  }
}

/// Scales of guidance: `1,2,4`.
struct GuidanceScales: ExpressibleByArgument {
  let values: [Double]

  /// Takes scales.
  init(_ values: [Double]) { self.values = values }

  /// Reads scales between commas; nil for one that is no scale, or is given twice.
  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.compactMap { Double($0.trimmingCharacters(in: .whitespaces)) }
    guard values.count == parts.count, Set(values).count == values.count
    else { return nil }
    self.values = values.sorted()
  }
}

extension ModelEvaluation.Measurement: ExpressibleByArgument {}
