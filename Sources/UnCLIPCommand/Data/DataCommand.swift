public import ArgumentParser
public import Datasets
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
    try write(name: name, of: name, count: source.estimatedCount) { (body) throws(DataError) in
      try source.forEachSample(body)
      return nil
    }
  }

  /// Writes the samples that `source` gives, and prints what was written and its report.
  func write(
    name: String, of origin: String, count: Int,
    _ source: ((Sample) throws(DataError) -> Void) throws(DataError) -> ImportReport?
  ) throws {
    let folder = URL(fileURLWithPath: out, isDirectory: true)
    var writer = try ShardWriter(
      directory: folder, name: name, samplesPerShard: samplesPerShard)
    let progress = ProgressReporter()
    var done = 0
    let report: ImportReport?
    do {
      report = try source { (sample) throws(DataError) in
        try writer.append(sample)
        done += 1
        progress.update(name, step: done, of: count)
      }
    } catch {
      rmdir(folder.path)  // which removes only an empty folder
      throw error
    }
    if done < count, done > 0 { progress.update(name, step: done, of: done) }
    report?.print()
    guard writer.count > 0 else {
      rmdir(folder.path)
      throw DataError.empty(directory: origin, reason: "all images were skipped")
    }
    let manifest = try writer.finish()
    if output.json {
      try Output.json(Result(manifest: manifest, report: report))
    } else {
      try Output.line(
        "\(manifest.samples) images in \(manifest.shards.count) shards in \(folder.path)")
    }
  }

  /// The manifest with the report of an import.
  private struct Result: Encodable {
    let manifest: Manifest
    let report: ImportReport?

    private enum CodingKeys: CodingKey {
      case captions, skipped, unused
    }

    func encode(to encoder: any Encoder) throws {
      try manifest.encode(to: encoder)
      guard let report else { return }
      var keys = encoder.container(keyedBy: CodingKeys.self)
      try keys.encode(report.captions, forKey: .captions)
      try keys.encode(report.skipped, forKey: .skipped)
      try keys.encode(report.unused, forKey: .unused)
    }
  }
}

extension ImportReport {
  /// Prints on standard error where the captions came from, and warns of what has none or was skipped.
  fileprivate func print() {
    let found = captions.filter { !withoutCaption.contains($0) }
    if !found.isEmpty {
      let list = found.map { "\($0.count) from \($0.kind)" }.joined(separator: ", ")
      Output.say("captions: \(list)\n")
    }
    for count in withoutCaption {
      Output.warn(
        "no caption was found for \(count.summary); the \(count.kind) is used instead.")
    }
    for line in warnings { Output.warn("\(line).") }
    for count in unused { Output.warn("not used, \(count.kind): \(count.summary).") }
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
    abstract: "A folder of your own images with their captions, or of WebDataset tar files.",
    discussion: """
      Captions are read from cat.txt, cat.caption or cat.json (its caption, text or prompt) beside \
      cat.png, from metadata.jsonl and metadata.csv (file_name and caption, text or prompt), and \
      from the tar files of img2dataset and others. Text is UTF-8, or UTF-16 with a byte-order mark.

      An image without a caption takes its name as one, or that of its folder if its name says \
      nothing, as IMG_1234 does. Files that cannot be read are skipped and counted. Subfolders and \
      linked folders are read too, hidden files are not.

      EXAMPLES:
        unclip data folder photos --licence CC0 --out data/photos
        unclip data folder classes --without-caption folder --out data/classes
      """)

  @Argument(help: ArgumentHelp("A folder of PNG, JPEG or WebP files.", valueName: "folder"))
  var folder: String

  @Option(
    help: ArgumentHelp("The licence of the images, written beside each.", valueName: "name"))
  var licence = "unknown"

  @Option(
    help: ArgumentHelp(
      "Larger images are reduced to this many pixels on their longer side.", valueName: "n"))
  var maxSide = 512

  @Option(
    help: ArgumentHelp(
      "What an image without a caption takes: its name, its folder's, the better of the two (auto), "
        + "or skip to leave it out.", valueName: "way"))
  var withoutCaption = FolderSource.Fallback.auto

  @Flag(help: "Stop at the first file that cannot be read instead of skipping it.")
  var strict = false

  @OptionGroup var shards: ShardOptions

  func validate() throws {
    if !(1...65536).contains(maxSide) {
      throw ValidationError("--max-side is \(maxSide), but it must be 1 to 65536.")
    }
  }

  func run() throws {
    try shards.check()
    let source = try FolderSource(
      directory: URL(fileURLWithPath: folder, isDirectory: true), licence: licence,
      largestSide: maxSide, fallback: withoutCaption)
    try shards.write(name: "folder", of: folder, count: source.count) { (body) throws(DataError) in
      try source.forEachSample(strict: strict, body)
    }
  }
}

extension FolderSource.Fallback: ExpressibleByArgument {}
