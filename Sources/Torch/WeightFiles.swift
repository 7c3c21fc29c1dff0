import Files
package import Foundation

/// Finds the weights of a model folder under the names of transformers and diffusers.
///
/// A folder may hold its weights in lower precision alone, as variants: `STEM.fp16.safetensors`.
/// These are the same model and are taken where the plain file is not there. Other variants, such
/// as `non_ema`, are other weights and are refused by name.
package struct WeightFiles {
  /// The folder.
  package let folder: URL
  /// The names of weights before their endings, with the format of each: `model` `safetensors`.
  package let kinds: [(stem: String, format: String)]

  /// Finds safetensors, and with `pickles` the files of PyTorch as well.
  package init(_ folder: URL, stem: String, pickles: [String] = []) {
    self.folder = folder
    kinds = [(stem, "safetensors")] + pickles.map { ($0, "bin") }
  }

  /// Variants that differ from the plain weights in precision alone, the most precise first.
  package static let precisions = ["fp32", "bf16", "fp16"]

  /// The names that weights or their index may have: the plain ones, then the variants.
  package var names: [String] {
    let variants = Self.precisions.flatMap { variant in
      kinds.flatMap { stem, format in
        [
          "\(stem).\(variant).\(format)", "\(stem).\(format).index.\(variant).json",
          "\(stem).\(format).\(variant).index.json",
        ]
      }
    }
    return kinds.flatMap { ["\($0).\($1)", "\($0).\($1).index.json"] } + variants
  }

  /// The weights or their index, the first of ``names`` that is there.
  package var first: URL? {
    names.lazy.map { folder.appendingPathComponent($0) }
      .first { FileManager.default.fileExists(atPath: $0.path) }
  }

  /// Whether a file is an index of several.
  package static func isIndex(_ url: URL) -> Bool { url.pathExtension == "json" }

  /// Why weights are not read that lie in the folder as a variant which may be another model; nil
  /// where there is no such variant either.
  package var refusedVariant: CheckpointError? {
    otherVariant.map { file, variant in
      .unreadable(
        file: folder.appendingPathComponent("\(kinds[0].stem).\(kinds[0].format)").path,
        reason: "only \(file) is there, the variant \"\(variant)\", which may be another model; "
          + "rename it to use it")
    }
  }

  /// A file of the weights in a variant that is not taken, with the variant's name.
  private var otherVariant: (file: String, variant: String)? {
    let files: [String]
    do {
      files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    } catch {
      return nil
    }
    for file in files.sorted() {
      for (stem, format) in kinds where file.hasPrefix(stem + ".") {
        let rest = file.dropFirst(stem.count + 1)
        guard rest.hasSuffix("." + format) else { continue }
        let name = rest.dropLast(format.count + 1)
        let variant = name.prefix { $0 != "-" && $0 != "." }
        if !variant.isEmpty { return (file, String(variant)) }
      }
    }
    return nil
  }
}
