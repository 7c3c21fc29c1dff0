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
    try shards.check(inputs: [font, list].compactMap { $0 } + annotations)
    let files =
      if let font, let list {
        EmojiSource.Files(
          font: URL(fileURLWithPath: font), list: URL(fileURLWithPath: list),
          annotations: annotations.map { URL(fileURLWithPath: $0) })
      } else {
        try EmojiSource.Files(from: shards.packages)
      }
    let source = try EmojiSource(files, coreOnly: core)
    let words =
      plainCaptions ? nil : try source.captionWords(from: WordNet(.init(from: shards.packages)))
    let given = [font, list].compactMap { $0 } + annotations
    try shards.write(
      source, name: "noto-emoji", origin: ["emoji", core ? "core" : "all"] + given
    ) { (folder) throws(DataError) in
      try words?.write(to: folder)
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
      near-duplicates. Of the package's images a twelfth have 1024 pixels or more; --render makes \
      all as large as --max-side says.

      EXAMPLES:
        unclip data clipart --out data/clipart
        unclip data clipart --render --max-side 1024 --out data/large
      """)

  @Flag(help: "Render the drawings anew, as large as --max-side says; this needs rsvg-convert.")
  var render = false

  @OptionGroup var side: LargestSideOption
  @OptionGroup var shards: ShardOptions

  func run() throws {
    try shards.check(inputs: [])
    try shards.write(
      ClipArtSource(
        .init(from: shards.packages, rendered: !render), largestSide: side.maxSide),
      name: "openclipart",
      origin: ["clipart"] + (side.maxSide == 512 ? [] : ["\(side.maxSide)"])
        + (render ? ["rendered"] : []))
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
    try shards.check(inputs: [])
    let files = try FashionMNISTSource.Files(from: shards.packages, training: !test)
    let source = try FashionMNISTSource(files, limit: limit ?? .max)
    let name = test ? "fashion-mnist-test" : "fashion-mnist"
    try shards.write(source, name: name, origin: [name, "\(limit ?? 0)"])
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
      from the tar files of img2dataset and others. Text is UTF-8, or UTF-16 with a byte-order \
      mark. Parquet tables are not read: write metadata.csv.

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

  @OptionGroup var side: LargestSideOption

  @Option(
    help: ArgumentHelp(
      "What an image without a caption takes: its name, its folder's, the better of the two (auto), "
        + "or skip to leave it out.", valueName: "way"))
  var withoutCaption = FolderSource.Fallback.auto

  @OptionGroup var strictness: StrictOption

  @OptionGroup var shards: ShardOptions

  func run() throws {
    try shards.check(inputs: [folder])
    let directory = URL(fileURLWithPath: folder, isDirectory: true)
    let source = try FolderSource(
      directory: directory, licence: licence, largestSide: side.maxSide, fallback: withoutCaption)
    let path = directory.resolvingSymlinksInPath().path
    try shards.write(
      name: "folder", of: folder, count: source.count,
      origin: ["folder", path, licence, "\(side.maxSide)", withoutCaption.rawValue]
    ) { (body) throws(DataError) in
      try source.forEachSample(strict: strictness.strict, body)
    }
  }
}

extension FolderSource.Fallback: ExpressibleByArgument {}

/// How large imported images may be.
struct LargestSideOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Larger images are reduced to this many pixels on their longer side.", valueName: "n"))
  var maxSide = 512

  func validate() throws {
    if !(1...65536).contains(maxSide) {
      throw ValidationError("--max-side is \(maxSide), but it must be 1 to 65536.")
    }
  }
}
