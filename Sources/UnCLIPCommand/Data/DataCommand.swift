import ArgumentParser
import Datasets
import Files
import Foundation

/// `unclip data`: fetches image data sets, writes them as shards, and inspects them.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "Write training data as WebDataset shards, or inspect them.",
    discussion: """
      Sources are Debian packages, downloaded into a cache and unpacked without being installed.

      EXAMPLES:
        unclip data emoji --out data/emoji
        unclip data inspect data/emoji --sheet emoji.png
      """,
    subcommands: [
      EmojiCommand.self, ClipArtCommand.self, FashionMNISTCommand.self, FolderCommand.self,
      InspectCommand.self,
    ])
}

/// Where and how a data set is written.
struct ShardOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The folder of the data set to write.", valueName: "folder"))
  var out: String

  private static let shardRange = OptionRange("--samples-per-shard", 1...1_000_000)

  @Option(help: shardRange.help("Images in one tar file"))
  var samplesPerShard = 1000

  @Option(
    help: ArgumentHelp(
      "Where packages are kept; ~/.cache/swift-unclip if not given.", valueName: "folder"))
  var cache: String?

  @OptionGroup var output: OutputOptions

  func validate() throws { try Self.shardRange.check(samplesPerShard) }

  /// Refuses a folder with a finished data set, before any work.
  /// - Throws: `DataError`; `CommandError.cannotCreate`.
  func check() throws {
    let folder = URL(fileURLWithPath: out, isDirectory: true)
    if out == "-" || OutputFile.exists(folder) && !FileManager.default.isFolder(folder) {
      throw CommandError.cannotCreate(path: out, reason: "a data set is a folder")
    }
    if OutputFile.exists(folder.appending(path: "manifest.json")) {
      throw DataError.unwritable(
        file: folder.path,
        reason: "a finished data set lies there; remove it or choose another folder")
    }
  }

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
    if done < source.estimatedCount { progress.update(name, step: done, of: done) }
    let manifest = try writer.finish()
    if output.json {
      try Output.json(manifest)
    } else {
      try Output.line(
        "\(manifest.samples) images in \(manifest.shards.count) shards in \(folder.path)")
    }
  }
}

/// `unclip data emoji`.
struct EmojiCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emoji",
    abstract: "Noto Color Emoji with their Unicode names and keywords.",
    discussion: """
      Skin tones, country flags and keycaps are left out. Training varies the captions with words \
      of WordNet, which are written to words.json.

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

  @Flag(help: "Write no words.json: captions are the names in a few phrases.")
  var plainCaptions = false

  @OptionGroup var shards: ShardOptions

  func validate() throws {
    let given = [font != nil, list != nil, !annotations.isEmpty]
    guard given.allSatisfy({ $0 }) || !given.contains(true) else {
      throw ValidationError("Give all of --font, --list and --annotations, or none.")
    }
  }

  func run() throws {
    try shards.check()
    let files =
      if let font, let list {
        EmojiSource.Files(
          font: URL(fileURLWithPath: font), list: URL(fileURLWithPath: list),
          annotations: annotations.map { URL(fileURLWithPath: $0) })
      } else {
        try EmojiSource.Files(from: shards.packages)
      }
    let source = try EmojiSource(files, coreOnly: core)
    try shards.write(source, name: "noto-emoji")
    if !plainCaptions {
      try source.captionWords(from: WordNet(.init(from: shards.packages)))
        .write(to: URL(fileURLWithPath: shards.out, isDirectory: true))
    }
  }
}

/// `unclip data clipart`.
struct ClipArtCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clipart",
    abstract: "Openclipart's drawings of things, with English titles and keywords.",
    discussion: """
      Patterns, signs, flags, maps and drawings without an English title are left out, as are \
      near-duplicates.

      EXAMPLES:
        unclip data clipart --out data/clipart
      """)

  @OptionGroup var shards: ShardOptions

  func run() throws {
    try shards.check()
    try shards.write(ClipArtSource(.init(from: shards.packages)), name: "openclipart")
  }
}

/// `unclip data fashion-mnist`.
struct FashionMNISTCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fashion-mnist",
    abstract: "Fashion-MNIST: grey images of clothes, 28 px.",
    discussion: """
      EXAMPLES:
        unclip data fashion-mnist --out data/fashion
        unclip data fashion-mnist --test --out data/fashion-test
      """)

  @Flag(help: "Write the 10,000 images of the test set instead of the 60,000 of the training set.")
  var test = false

  @Option(help: ArgumentHelp("Write at most this many images, 1 or more.", valueName: "n"))
  var limit: Int?

  @OptionGroup var shards: ShardOptions

  func validate() throws {
    if let limit, limit < 1 {
      throw ValidationError("--limit is \(limit), but it must be at least 1.")
    }
  }

  func run() throws {
    try shards.check()
    let files = try FashionMNISTSource.Files(from: shards.packages, training: !test)
    let source = try FashionMNISTSource(files, limit: limit ?? .max)
    try shards.write(source, name: test ? "fashion-mnist-test" : "fashion-mnist")
  }
}

/// `unclip data folder`.
struct FolderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "folder",
    abstract: "A folder of your own images, each with its caption in a .txt file.",
    discussion: """
      cat.png goes with cat.txt; an image without a text file has its file name as caption.

      EXAMPLES:
        unclip data folder photos --licence CC0 --out data/photos
      """)

  @Argument(help: ArgumentHelp("A folder of PNG, JPEG or WebP files.", valueName: "folder"))
  var folder: String

  @Option(
    help: ArgumentHelp("The licence of the images, written beside each.", valueName: "name"))
  var licence = "unknown"

  @OptionGroup var shards: ShardOptions

  func run() throws {
    try shards.check()
    let source = try FolderSource(
      directory: URL(fileURLWithPath: folder, isDirectory: true), licence: licence)
    try shards.write(source, name: "folder")
  }
}
