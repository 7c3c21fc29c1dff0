import Files
public import Foundation
import Torch
import UnCLIP

extension Converter {
  /// Copies a model folder of diffusers, transformers or open_clip whose weights are pickles into
  /// a new folder with safetensors.
  ///
  /// Links are followed only inside the folder, and to the blobs beside the snapshots of the
  /// Hugging Face cache: a stranger's folder must not bring other files into a copy passed on.
  ///
  /// Keys, configurations and layout stay. Weights that are safetensors already are rewritten, in
  /// the options' element type. Weights in lower precision (`.fp16.bin`) are taken where the plain
  /// ones are not there; other copies (`.h5`, `.msgpack`) are not copied.
  ///
  /// - Returns: The weight files written, as paths in the folder, with what each came from.
  /// - Throws: `ArchiveError`, `ConversionError`, `CheckpointError`.
  @discardableResult
  public func convert(folder source: URL, to folder: URL) throws -> [(path: String, source: URL)] {
    let allowed = LinkBounds(of: source)
    return try writing(to: folder) { aside in
      var written: [(path: String, source: URL)] = []
      let folders = try names(in: source, allowed).filter {
        FileManager.default.isFolder(source.appending(path: $0))
      }
      for part in [""] + folders {
        let (from, to) = (source.appending(path: part), aside.appending(path: part))
        let listed = try names(in: from, allowed)
        let weights = PickledWeights.all.filter { $0.files(in: from).first != nil }
        if weights.isEmpty,
          let refusal = PickledWeights.all.lazy.compactMap({ $0.files(in: from).refusedVariant })
            .first
        {
          throw refusal
        }
        let files = listed.filter {
          isFile(from, $0) && !PickledWeights.isWeight($0) && $0 != ModelFolder.momentsName
        }
        guard !weights.isEmpty || !files.isEmpty else { continue }
        try copy(files, from: from, to: to)
        for kind in weights {
          let path = kind.stem + ".safetensors"
          let (state, origin) = try kind.read(in: from)
          try Safetensors.write(
            state.mapValues(inChosenType), metadata: ["format": "pt"], to: to.appending(path: path))
          written.append((part.isEmpty ? path : "\(part)/\(path)", origin))
        }
      }
      try ModelFolder(aside).copyMoments(from: ModelFolder(source))
      guard !written.isEmpty else {
        throw ConversionError.incomplete(
          file: source.path, needs: "neither it nor a folder in it holds a model's weights")
      }
      return written
    }
  }

  private func names(in folder: URL, _ allowed: LinkBounds) throws -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        .filter { !$0.hasPrefix(".") }
    } catch {
      throw CheckpointError.unreadable(file: folder.path, reason: reason(of: error))
    }
    for name in names { try allowed.check(folder.appending(path: name)) }
    return names
  }

  /// Whether it is a plain file; opening a pipe would wait.
  private func isFile(_ folder: URL, _ name: String) -> Bool {
    var status = stat()
    return stat(folder.appending(path: name).path, &status) == 0
      && status.st_mode & S_IFMT == S_IFREG
  }
}

/// The folders that the links of a model folder may lead to.
private struct LinkBounds {
  private let roots: [String]

  init(of folder: URL) {
    let real = folder.resolvingSymlinksInPath()
    var roots = [real]
    // MODEL/snapshots/REVISION, whose files are links to MODEL/blobs.
    let parent = real.deletingLastPathComponent()
    if parent.lastPathComponent == "snapshots" {
      roots.append(parent.deletingLastPathComponent().appending(path: "blobs"))
    }
    self.roots = roots.map { $0.path.hasSuffix("/") ? $0.path : $0.path + "/" }
  }

  /// - Throws: `ConversionError.outside`.
  func check(_ entry: URL) throws(ConversionError) {
    let target = entry.resolvingSymlinksInPath().path
    guard roots.contains(where: target.hasPrefix) else {
      throw .outside(link: entry.path, target: target)
    }
  }
}

/// The weights of one folder, under the file names of transformers, diffusers and open_clip.
private struct PickledWeights {
  /// The name of the safetensors file, without its extension.
  let stem: String
  /// The name of the pickles, before `.bin`, or `.bin.index.json` for several.
  let pickle: String

  static let all = [
    PickledWeights(stem: "model", pickle: "pytorch_model"),
    PickledWeights(stem: "diffusion_pytorch_model", pickle: "diffusion_pytorch_model"),
    PickledWeights(stem: "open_clip_model", pickle: "open_clip_pytorch_model"),
  ]

  /// Whether a file is weights, their index, or a copy of them for another program.
  static func isWeight(_ name: String) -> Bool {
    let endings = [
      ".bin", ".safetensors", ".index.json", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx",
      ".ot",
    ]
    let isIndex = name.hasSuffix(".json") && name.contains(".index.")
    return isIndex || endings.contains { name.hasSuffix($0) }
  }

  func files(in folder: URL) -> WeightFiles {
    WeightFiles(folder, stem: stem, pickles: [pickle])
  }

  /// The state dict, and the file or index it is from; safetensors come before pickles.
  func read(in folder: URL) throws -> (state: [String: Tensor], file: URL) {
    guard let file = files(in: folder).first else {
      throw CheckpointError.unreadable(file: folder.path, reason: "it holds no weights")
    }
    if file.lastPathComponent.contains(".safetensors") {
      return (try Safetensors.readModel(folder: folder, stem: stem), file)
    }
    guard WeightFiles.isIndex(file) else { return (try WeightFile(file).tensors, file) }
    let state = try WeightShard.all(of: file).reduce(into: [:]) { state, shard in
      state.merge(try shard.checked(WeightFile(shard.url).tensors)) { $1 }
    }
    return (state, file)
  }
}
