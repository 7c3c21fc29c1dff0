import ArgumentParser
import CLIP
import Datasets
import Files
import Foundation
import Imaging
import Torch

/// `unclip embed`: CLIP embeddings of texts or images.
struct EmbedCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Write the CLIP embeddings of texts or images.",
    discussion: """
      One row each, in order, as float32 or float16: a NumPy file (.npy), whose names go beside it \
      into NAME.names.json, or a safetensors file with the tensor `embeddings` and the names as \
      JSON in its metadata. Rows are written as they are made, so a set need not fit in memory. \
      Images that cannot be read have no row, and are named at the end.

      With --shards any number of processes share the lines of a file or the images: each has a file \
      KEY.npy with its embedding and a KEY.json with its text or name. What cannot be read is listed \
      beside its shard. The same command again goes on where it was stopped.

      EXAMPLES:
        unclip embed "a red apple" "a green pear" --out texts.npy
        unclip embed --texts-file captions.txt --normalize --out captions.safetensors
        unclip embed --images photos cat.png --out images.npy --model CLIP-ViT-B-32
        unclip embed --data data/emoji --store float16 --out emoji.npy
        unclip embed --images photos --shards embeddings --part 0/8
      """)

  @Argument(help: ArgumentHelp("Texts to embed.", valueName: "text"))
  var texts: [String] = []

  @Option(
    help: ArgumentHelp(
      "Read texts from a file, one a line; - is standard input.", valueName: "file"))
  var textsFile: String?

  @OptionGroup var input: ImageSetOptions

  @Option(
    name: .out,
    help: ArgumentHelp("The file to write: .npy or .safetensors.", valueName: "file"))
  var out: String?

  @OptionGroup var files: OutputFiles

  @Flag(help: "Normalise every embedding to length 1.")
  var normalize = false

  @Option(help: ArgumentHelp("Element type in the file: float32 or float16.", valueName: "type"))
  var store = ElementType.float32

  private static let batchRange = OptionRange("--batch", 1...4096)

  @Option(help: batchRange.help("Batch size"))
  var batch = 16

  @OptionGroup var strictness: StrictOption
  @OptionGroup(title: "Shards") var work: ShardedWorkOptions
  @OptionGroup(title: "Model") var model: CLIPOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    var path: String
    /// The file with the names; nil if they are in the metadata.
    var names: String?
    /// `text` or `image`.
    var kind: String
    var count: Int
    var width: Int
    var dtype: String
    var normalized: Bool
    var seconds: Double
    /// The images that could not be read.
    var skipped: [ImportReport.Count]
  }

  private var format: MatrixFile.Format? {
    out.flatMap { MatrixFile.Format(rawValue: URL(fileURLWithPath: $0).pathExtension.lowercased()) }
  }

  func validate() throws {
    let kinds = [!texts.isEmpty, textsFile != nil, !input.images.isEmpty, input.data != nil]
    switch kinds.filter({ $0 }).count {
    case 0:
      throw ValidationError(
        "Missing what to embed: give texts, --texts-file, --images or --data.")
    case 1: break
    default:
      throw ValidationError("Give one of texts, --texts-file, --images and --data.")
    }
    if work.shards != nil, !texts.isEmpty {
      throw ValidationError(
        "--shards needs --texts-file, --images or --data; texts alone go to --out.")
    }
    try work.refuse(
      [("--out", out != nil), ("--force", files.force), ("--strict", strictness.strict)])
    if work.shards == nil {
      guard let out else {
        throw ValidationError("Missing where to write: give --out or --shards.")
      }
      if format == nil {
        throw ValidationError("--out is \(out), but its name must end in .npy or .safetensors.")
      }
    }
    if store == .bfloat16 {
      throw ValidationError("--store is bfloat16, but the file holds float32 or float16.")
    }
    try Self.batchRange.check(batch)
  }

  func run() throws {
    if let folder = work.folder { return try writeShards(to: folder) }
    guard let out else { return }
    let began = ContinuousClock.now
    let source = try source()
    let url = URL(fileURLWithPath: out)
    try files.check(
      [OutputFile(out)] + (format == .npy ? [OutputFile(Self.sidecar(of: url).path)] : []),
      inputs: input.images + (textsFile.map { [$0] } ?? []))
    let device = try machine.prepare()
    let folder = try model.folder()
    let rows: Rows
    var skipped = try SkippedImages([], strict: strictness.strict)
    switch source {
    case .texts(let texts):
      let embedder = try CLIPTextEncoder(folder, device: device, dtype: model.dtype.dtype)
      warn(texts.filter(embedder.isTooLong).count, embedder.model.config.maxPositionEmbeddings)
      rows = Rows(names: texts, width: embedder.width) { indices in
        (Array(indices), embedder(indices.map { texts[$0] }, normalized: normalize))
      }
    case .images(let images):
      skipped = try SkippedImages(images.faults, strict: strictness.strict)
      let embedder = try CLIPImageEncoder(folder, device: device, dtype: model.dtype.dtype)
      rows = Rows(names: images.names, width: embedder.width) { [skipped] indices in
        let (found, read) = try images.read(indices, skipped)
        return found.isEmpty ? nil : (found, embedder(read, normalized: normalize))
      }
    }
    let (sidecar, count) = try write(rows, to: url, skipped)
    let report = Report(
      path: url.path, names: sidecar?.path, kind: source.kind, count: count, width: rows.width,
      dtype: store.rawValue, normalized: normalize,
      seconds: (ContinuousClock.now - began).seconds, skipped: skipped.counts)
    if output.json {
      try Output.json(report)
    } else {
      try Output.line(url.path)
      if let sidecar { try Output.line(sidecar.path) }
    }
  }

  /// The rows to be, each with its name.
  private struct Rows {
    let names: [String]
    let width: Int
    /// Embeds some; returns those that could be read with their rows, nil for none.
    let embed: (Range<Int>) throws -> (indices: [Int], rows: Tensor)?
  }

  /// Writes all rows batch by batch, then the names; returns the file of the names, and how many
  /// there are.
  private func write(
    _ rows: Rows, to url: URL, _ skipped: SkippedImages
  ) throws -> (names: URL?, count: Int) {
    let isTable = format == .npy
    let all = rows.names.count
    let file = try MatrixFile(
      url, format: format ?? .npy, rows: all, columns: rows.width, dtype: store.dtype,
      metadata: try Self.metadata(rows.names))
    let progress = ProgressReporter()
    let interruption = Interruption("no file was written")
    defer { withExtendedLifetime(interruption) {} }
    var names: [String] = []
    for start in stride(from: 0, to: all, by: batch) {
      let end = min(start + batch, all)
      if let (indices, made) = try rows.embed(start..<end) {
        try file.append(made)
        names += indices.map { rows.names[$0] }
      }
      if all > batch { progress.update("embed", step: end, of: all) }
    }
    try skipped.finish(found: names.count)
    guard isTable else {
      try file.commit(metadata: Self.metadata(names), replacing: files.force)
      return (nil, names.count)
    }
    let sidecar = Self.sidecar(of: url)
    do {
      try AtomicFile.write(JSONEncoder().encode(names), to: sidecar, replacing: files.force)
    } catch let error as FileError {
      throw CommandError.cannotCreate(path: sidecar.path, reason: error.reason)
    }
    try file.commit(replacing: files.force)
    return (sidecar, names.count)
  }

  private static func metadata(_ names: [String]) throws -> [String: String] {
    ["names": String(decoding: try JSONEncoder().encode(names), as: UTF8.self)]
  }

  /// The file with the names, beside a NumPy file.
  private static func sidecar(of url: URL) -> URL {
    url.deletingPathExtension().appendingPathExtension("names.json")
  }

  private func warn(_ count: Int, _ context: Int) {
    guard count > 0 else { return }
    let which = count == 1 ? "1 text is" : "\(count) texts are"
    Output.warn("\(which) longer than the \(context) tokens the model reads; the rest is ignored.")
  }

  /// What is embedded.
  private enum Source {
    case texts([String])
    case images(ImageSet)

    var kind: String {
      if case .texts = self { "text" } else { "image" }
    }
  }

  private func source() throws -> Source {
    if let images = try input.source() { return .images(images) }
    guard let textsFile else { return .texts(texts) }
    return .texts(try TextFile.lines(of: textsFile, content: "text"))
  }
}
