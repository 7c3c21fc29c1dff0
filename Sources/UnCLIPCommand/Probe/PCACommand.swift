import ArgumentParser
import CLIP
import Files
import Foundation
import Imaging
import Torch
import UnCLIP

/// `unclip pca`: principal components of a model's image embeddings.
struct PCACommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pca",
    abstract: "Fit the principal components of image embeddings.",
    discussion: """
      Embeds all images of a data set and writes the mean, the components and their variances to a \
      safetensors file, which `unclip probe` finds as \(ModelFolder.pcaName) in the model's folder. \
      Images are read batch by batch, so a set need not fit in memory.

      EXAMPLES:
        unclip pca --data data/emoji --out pca.safetensors
        unclip pca --images photos --model karlo --out karlo/\(ModelFolder.pcaName)
      """)

  @OptionGroup var input: ImageSetOptions

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp("The file to write: .safetensors.", valueName: "file"))
  var out: String

  @OptionGroup var files: OutputFiles

  private static let countRange = OptionRange("--components", 1...65_536)
  private static let batchRange = OptionRange("--batch", 1...4096)

  @Option(
    help: countRange.help("Components to keep at most", note: "all there are if not given"))
  var components: Int?

  @Option(help: ArgumentHelp("Element type in the file: float32 or float16.", valueName: "type"))
  var store = ElementType.float32

  @Option(help: batchRange.help("Batch size"))
  var batch = 16

  @OptionGroup var strictness: StrictOption
  @OptionGroup(title: "Model") var model: CLIPOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  /// What `--json` prints.
  struct Report: Encodable {
    var path: String
    var images: Int
    var width: Int
    var components: Int
    /// The fraction of the variance that the first components hold, by their number.
    var explained: [String: Double]
    var seconds: Double
  }

  func validate() throws {
    switch (input.images.isEmpty, input.data) {
    case (true, nil): throw ValidationError("Missing what to embed: give --data or --images.")
    case (false, .some): throw ValidationError("Give one of --data and --images.")
    default: break
    }
    if URL(fileURLWithPath: out).pathExtension.lowercased() != "safetensors" {
      throw ValidationError("--out is \(out), but its name must end in .safetensors.")
    }
    if store == .bfloat16 {
      throw ValidationError("--store is bfloat16, but the file holds float32 or float16.")
    }
    try Self.countRange.check(components)
    try Self.batchRange.check(batch)
  }

  func run() throws {
    let began = ContinuousClock.now
    guard let source = try input.source() else { return }
    let url = URL(fileURLWithPath: out)
    try files.check([OutputFile(out)], inputs: input.images)
    let device = try machine.prepare()
    let encoder = try CLIPImageEncoder(model.folder(), device: device, dtype: model.dtype.dtype)
    let progress = ProgressReporter()
    let interruption = Interruption("no file was written")
    defer { withExtendedLifetime(interruption) {} }
    var fit = EmbeddingPCA.Fit()
    let skipped = try SkippedImages(source.faults, strict: strictness.strict)
    let all = source.names.count
    var count = 0
    for start in stride(from: 0, to: all, by: batch) {
      let end = min(start + batch, all)
      let (found, images) = try source.read(start..<end, skipped)
      if !found.isEmpty { try fit.add(encoder(images)) }
      count += found.count
      progress.update("embed", step: end, of: all)
    }
    try skipped.finish(found: count)
    let pca = try fit.pca(components: components)
    try pca.write(to: url, dtype: store.dtype, metadata: ["images": "\(count)"])
    let explained = try ComponentList.powers(upTo: pca.count).filter { $0 > 0 }.map {
      (count: $0, fraction: try pca.explainedVariance(components: $0))
    }
    if output.json {
      return try Output.json(
        Report(
          path: url.path, images: count, width: pca.width, components: pca.count,
          explained: Dictionary(uniqueKeysWithValues: explained.map { ("\($0)", $1) }),
          seconds: (ContinuousClock.now - began).seconds))
    }
    try Output.line(url.path)
    for (count, fraction) in explained {
      try Output.line(
        "\(count) component\(count == 1 ? "" : "s"): \((100 * fraction).formatted(places: 1)) % of "
          + "the variance")
    }
  }
}
