import ArgumentParser
import CLIP
import Foundation
import Imaging
import Torch
import UnCLIP

/// Numbers of components: `0,1,2,8,all`.
struct ComponentList: Equatable {
  /// The numbers in their order; nil is all.
  let counts: [Int?]

  /// Range: how many numbers there are, each of which makes an image.
  static let countRange = 1...1000

  /// Reads a list.
  /// - Throws: `ValidationError` that says what one is.
  init(parsing text: String) throws {
    guard let list = ComponentList(text) else {
      throw ValidationError(
        "a list is numbers of 0 or more, or all, separated by commas, at most "
          + "\(Self.countRange.upperBound) of them")
    }
    self = list
  }

  /// Reads a list; nil for what is none.
  init?(_ text: String) {
    var counts: [Int?] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = word.trimmingCharacters(in: .whitespaces)
      guard word != "all" else {
        counts.append(nil)
        continue
      }
      guard let count = Int(word), count >= 0 else { return nil }
      counts.append(count)
    }
    guard Self.countRange.contains(counts.count) else { return nil }
    self.counts = counts
  }

  /// The numbers for a PCA of `count` components.
  func resolved(_ count: Int) -> [Int] { counts.map { $0 ?? count } }

  /// 0, the powers of two below `count`, and `count`.
  static func powers(upTo count: Int) -> [Int] {
    let powers = sequence(first: 1) { $0 <= count / 2 ? $0 * 2 : nil }.filter { $0 < count }
    return [0] + powers + (count > 0 ? [count] : [])
  }
}

/// `unclip probe`: an image as far as its embedding's first components tell.
struct ProbeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Show what an image's embedding says first.",
    discussion: """
      Writes a strip of images: the original, then what the decoder makes of its embedding's first \
      components, fewer to more, all from the same noise. The components are those of \
      \(ModelFolder.pcaName) in the model's folder, which `unclip pca` fits, or of --pca.

      EXAMPLES:
        unclip probe apple.png
        unclip probe apple.png --components 0,4,16,64,all --seed 7 --out strip.png
      """)

  @Argument(help: ArgumentHelp("The image to probe.", valueName: "image"))
  var image: String

  @Option(
    help: ArgumentHelp(
      "Numbers of components, 0 or more, separated by commas, at most 1000 of them; all is as many "
        + "as there are; 0, 1, 2, 4 and so on if not given.", valueName: "list"),
    transform: ComponentList.init(parsing:))
  var components: ComponentList?

  @Option(
    help: ArgumentHelp(
      "A file of principal components; the model's own if not given.",
      valueName: "file"))
  var pca: String?

  @OptionGroup var seed: SeedOption

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "The strip: a .png, .jpg or .webp file; IMAGE-probe.png in the working folder if not given.",
      valueName: "file"))
  var out: String?

  static let columnRange = OptionRange("--columns", 1...1000)

  @Option(help: columnRange.help("Images in a row", note: "all if not given"))
  var columns: Int?

  @OptionGroup var files: OutputFiles
  @OptionGroup(title: "Sampling") var size: ImageSizeOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    /// One image of the strip.
    struct Entry: Encodable {
      var components: Int
      /// The fraction of the data's variance that so many components hold.
      var explained: Double
      /// The cosine of the angle to the whole embedding.
      var similarity: Double
    }

    var path: String
    var seed: UInt64
    /// The images after the original, in order.
    var images: [Entry]
  }

  private var target: String {
    out ?? URL(fileURLWithPath: image).deletingPathExtension().lastPathComponent + "-probe.png"
  }

  func validate() throws {
    try Self.columnRange.check(columns)
    if ImageFormat(pathExtension: URL(fileURLWithPath: target).pathExtension) == nil {
      throw ValidationError("--out is \(target), but its name must end in .png, .jpg or .webp.")
    }
  }

  func run() throws {
    let original = try SourceFile<Image>(image)
    let own = try pca.map { try SourceFile<EmbeddingPCA>($0) }
    let url = URL(fileURLWithPath: target)
    try files.check([OutputFile(target)], inputs: [image] + (pca.map { [$0] } ?? []))
    let first = try seed.resolve()
    let pipeline = try model.open(on: machine, requiring: [.imageEncoder])
    let pca = try own?.content ?? pipeline.folder.loadPCA()
    var record = EditRecord(.probe, of: original.recorded)
    record.pca = own?.recorded
    let counts = components?.resolved(pca.count) ?? ComponentList.powers(upTo: pca.count)
    for count in counts { try pca.check(count) }
    record.components = counts
    record.columns = columns
    var settings = try pipeline.settings(size, sampling)
    settings.seed = first
    seed.announce(first)
    let generator = ImageGenerator(pipeline: pipeline, progress: ProgressReporter())
    generator.warnIfTooLong([settings.negative])
    generator.warnOfForeignImages([image])
    let interruption = Interruption("no file was written")
    defer { withExtendedLifetime(interruption) {} }
    let edit = try Edit(record, image: original.content, pca: pca)
    let (strip, made) = try generator.image(
      settings, edit: edit.prepared(with: pipeline, settings))
    let isPNG = ImageFormat(pathExtension: url.pathExtension) == .png
    try strip.write(to: url, text: isPNG ? made.chunks() : [], replacing: files.force)
    try report(counts, pca, pipeline.embedding(of: original.content), seed: first, url)
  }

  private func report(
    _ counts: [Int], _ pca: EmbeddingPCA, _ embedding: Tensor, seed: UInt64, _ url: URL
  ) throws {
    let pca = pca.to(embedding.device)
    let entries = try counts.map { count in
      let part = try pca.reconstruction(of: embedding, components: count)
      return Report.Entry(
        components: count, explained: try pca.explainedVariance(components: count),
        similarity: (part.normalized() * embedding.normalized()).sum().item())
    }
    guard !output.json else {
      return try Output.json(Report(path: url.path, seed: seed, images: entries))
    }
    try Output.line(url.path)
    for entry in entries {
      try Output.line(
        "\(entry.components) component\(entry.components == 1 ? "" : "s"): "
          + "\((100 * entry.explained).formatted(places: 1)) % of the variance, cosine "
          + "\(entry.similarity.formatted(places: 3)) to the whole embedding")
    }
  }
}
