import ArgumentParser
import Datasets
import Foundation

/// `unclip data`: fetches picture sets, writes them as shards, and looks into them.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Write training data as WebDataset shards, or look into them.",
    discussion: """
      Sources are Debian packages, downloaded into a cache and unpacked without being installed.

      EXAMPLES:
        unclip data emoji --out data/emoji
        unclip data inspect data/emoji --sheet emoji.png
      """,
    subcommands: [
      EmojiCommand.self, InspectCommand.self,
    ])
}

/// Where a data set is written.
struct ShardOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The folder of the data set, which is made.", valueName: "folder"))
  var out: String

  @Option(help: ArgumentHelp("Pictures in one tar file.", valueName: "n"))
  var samplesPerShard = 1000

  @Option(
    help: ArgumentHelp(
      "Where packages are kept; ~/.cache/swift-unclip if not given.", valueName: "folder"))
  var cache: String?

  @OptionGroup var output: OutputOptions

  /// The store of downloaded packages.
  var packages: PackageStore { PackageStore(directory: cache.map { URL(fileURLWithPath: $0) }) }

  /// Writes all samples of a source and prints what was written.
  func write(_ source: some SampleSource, name: String) throws {
    let folder = URL(fileURLWithPath: out, isDirectory: true)
    var writer = try ShardWriter(
      directory: folder, name: name, samplesPerShard: samplesPerShard)
    let progress = ProgressReporter()
    var done = 0
    try source.forEachSample { (sample) throws(DataError) in
      try writer.append(sample)
      done += 1
      progress.update(name, step: done, of: source.estimatedCount)
    }
    let manifest = try writer.finish()
    if output.json {
      try Output.json(manifest)
    } else {
      print("\(manifest.samples) pictures in \(manifest.shards.count) shards in \(folder.path)")
    }
  }
}

/// `unclip data emoji`.
struct EmojiCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emoji",
    abstract: "Noto Color Emoji with their Unicode names and keywords.",
    discussion: """
      Skin tones, country flags and keycaps are left out.

      EXAMPLES:
        unclip data emoji --out data/emoji
        unclip data emoji --core --out data/emoji-core
      """)

  @Flag(help: "Leave out letters, clock faces, arrows and other signs too.")
  var core = false

  @Option(help: ArgumentHelp("NotoColorEmoji.ttf, if not from its package.", valueName: "file"))
  var font: String?

  @Option(help: ArgumentHelp("emoji-test.txt, if not from its package.", valueName: "file"))
  var list: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("CLDR annotation files, if not from their package.", valueName: "file"))
  var annotations: [String] = []

  @OptionGroup var shards: ShardOptions

  func validate() throws {
    let given = [font != nil, list != nil, !annotations.isEmpty]
    guard given.allSatisfy({ $0 }) || !given.contains(true) else {
      throw ValidationError("Give all of --font, --list and --annotations, or none.")
    }
  }

  func run() throws {
    let files =
      if let font, let list {
        EmojiSource.Files(
          font: URL(fileURLWithPath: font), list: URL(fileURLWithPath: list),
          annotations: annotations.map { URL(fileURLWithPath: $0) })
      } else {
        try EmojiSource.Files(from: shards.packages)
      }
    try shards.write(EmojiSource(files, coreOnly: core), name: "noto-emoji")
  }
}
