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
      JSON in its metadata. Rows are written as they are made, so a set need not fit in memory.

      EXAMPLES:
        unclip embed "a red apple" "a green pear" --out texts.npy
        unclip embed --texts-file captions.txt --normalize --out captions.safetensors
        unclip embed --images photos cat.png --out images.npy --model CLIP-ViT-B-32
        unclip embed --data data/emoji --store float16 --out emoji.npy
      """)

  @Argument(help: ArgumentHelp("Texts to embed.", valueName: "text"))
  var texts: [String] = []

  @Option(
    help: ArgumentHelp(
      "Read texts from a file, one a line; - is standard input.", valueName: "file"))
  var textsFile: String?

  @OptionGroup var input: ImageSourceOptions

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp("The file to write: .npy or .safetensors.", valueName: "file"))
  var out: String

  @OptionGroup var files: OutputFiles

  @Flag(help: "Normalise every embedding to length 1.")
  var normalize = false

  @Option(help: ArgumentHelp("Element type in the file: float32 or float16.", valueName: "type"))
  var store = ElementType.float32

  private static let batchRange = OptionRange("--batch", 1...4096)

  @Option(help: batchRange.help("Batch size"))
  var batch = 16

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
  }

  private var format: MatrixFile.Format? {
    MatrixFile.Format(rawValue: URL(fileURLWithPath: out).pathExtension.lowercased())
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
    if format == nil {
      throw ValidationError("--out is \(out), but its name must end in .npy or .safetensors.")
    }
    if store == .bfloat16 {
      throw ValidationError("--store is bfloat16, but the file holds float32 or float16.")
    }
    try Self.batchRange.check(batch)
  }

  func run() throws {
    let began = ContinuousClock.now
    let source = try source()
    let url = URL(fileURLWithPath: out)
    try files.check(
      [OutputFile(out)] + (format == .npy ? [OutputFile(Self.sidecar(of: url).path)] : []),
      inputs: input.images + (textsFile.map { [$0] } ?? []))
    let device = try machine.prepare()
    let folder = try model.folder()
    let embed: ([Int]) throws -> Tensor
    let width: Int
    switch source {
    case .texts(let texts):
      let embedder = try CLIPTextEncoder(folder, device: device, dtype: model.dtype.dtype)
      warn(texts.filter(embedder.isTooLong).count, embedder.model.config.maxPositionEmbeddings)
      width = embedder.width
      embed = { embedder($0.map { texts[$0] }, normalized: normalize) }
    case .images(let images):
      let embedder = try CLIPImageEncoder(folder, device: device, dtype: model.dtype.dtype)
      width = embedder.width
      embed = { try embedder($0.map(images.image), normalized: normalize) }
    }
    let names = source.names
    let sidecar = try write(names, width: width, to: url, embed)
    let report = Report(
      path: url.path, names: sidecar?.path, kind: source.kind, count: names.count, width: width,
      dtype: store.rawValue, normalized: normalize,
      seconds: (ContinuousClock.now - began).seconds)
    if output.json {
      try Output.json(report)
    } else {
      try Output.line(url.path)
      if let sidecar { try Output.line(sidecar.path) }
    }
  }

  /// Writes all rows batch by batch, then the names; returns the file of the names.
  private func write(
    _ names: [String], width: Int, to url: URL, _ embed: ([Int]) throws -> Tensor
  ) throws -> URL? {
    let list = try JSONEncoder().encode(names)
    let isTable = format == .npy
    let file = try MatrixFile(
      url, format: format ?? .npy, rows: names.count, columns: width, dtype: store.dtype,
      metadata: ["names": String(decoding: list, as: UTF8.self)])
    let progress = ProgressReporter()
    let interruption = Interruption("no file was written")
    defer { withExtendedLifetime(interruption) {} }
    for start in stride(from: 0, to: names.count, by: batch) {
      let end = min(start + batch, names.count)
      try file.append(embed(Array(start..<end)))
      if names.count > batch { progress.update("embed", step: end, of: names.count) }
    }
    guard isTable else {
      try file.commit(replacing: files.force)
      return nil
    }
    let sidecar = Self.sidecar(of: url)
    do {
      try AtomicFile.write(list, to: sidecar, replacing: files.force)
    } catch {
      throw CommandError.cannotCreate(path: sidecar.path, reason: error.reason)
    }
    try file.commit(replacing: files.force)
    return sidecar
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
    case images(ImageSource)

    var kind: String {
      if case .texts = self { "text" } else { "image" }
    }

    var names: [String] {
      switch self {
      case .texts(let texts): texts
      case .images(let images): images.names
      }
    }
  }

  private func source() throws -> Source {
    if let images = try input.source() { return .images(images) }
    guard let textsFile else { return .texts(texts) }
    return .texts(try TextFile.lines(of: textsFile, content: "text"))
  }
}
