import Foundation

@testable import CLIP
@testable import Datasets
@testable import Diffusion
@testable import ImageMetrics
@testable import Imaging
@testable import ModelHub
@testable import Torch
@testable import TorchArchive
@testable import UnCLIP
@testable import UnCLIPCommand
@testable import UnCLIPServer

/// One parser, given any bytes: it may read them or throw, and nothing else.
struct Target: Sendable {
  /// Reads the bytes; what it throws is right.
  let body: @Sendable ([UInt8]) throws -> Void

  /// Reads the bytes.
  func parse(_ bytes: [UInt8]) {
    do { try body(bytes) } catch { precondition(!"\(error)".isEmpty, "an error without words") }
  }

  /// All parsers, by name.
  static let all: [String: Target] = [
    "safetensors": Target { bytes in
      _ = try bytes.withUnsafeBytes {
        try SafetensorsHeader(parsing: $0, fileSize: bytes.count, file: "x")
      }
      try file("x.safetensors", bytes) { _ = try Safetensors.read($0) }
    },
    "latent": Target { bytes in
      try file("x.safetensors", bytes) { _ = try ImageLatent(contentsOf: $0) }
    },
    "edit": Target { bytes in
      let record = try EditRecord(
        chunks: ["edit": String(decoding: bytes, as: UTF8.self)], file: "x")
      _ = try record?.text()
    },
    "archive": Target { bytes in
      try file("x.pt", bytes) { _ = try TorchArchive($0) }
    },
    // Without the zip file around it, whose checksum would stop all changes.
    "pickle": Target { bytes in
      let budget = ReadingBudget(file: "x", fileSize: bytes.count)
      try bytes.withUnsafeBytes { buffer in
        try PickleReader.read(
          buffer, file: "x", isScript: bytes.count.isMultiple(of: 2), budget: budget
        ) { value in
          _ = try TensorCollector.tensors(in: value, file: "x", budget: budget)
        }
      }
    },
    "image": Target { bytes in
      let image = try ImageDecoder.decode(
        bytes, name: "x", limits: ImageLimits(pixels: 1 << 18, bytes: 1 << 20))
      precondition(image.pixels.count == image.width * image.height * image.channels)
    },
    "texts": Target { bytes in
      _ = try PNGText.read(
        bytes, name: "x", limits: ImageLimits(pixels: 1 << 18, bytes: 1 << 20))
    },
    "notes": Target { bytes in
      _ = try ImageMetadata.read(
        bytes, name: "x", limits: ImageLimits(pixels: 1 << 18, bytes: 1 << 20))
    },
    // What other programs write into images; the first byte chooses where.
    "stated": Target { bytes in
      let keys = ["parameters", "prompt", "invokeai_metadata", "sd-metadata", "Dream"]
      let key = keys[Int(bytes.first ?? 0) % keys.count]
      let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
      guard let settings = StatedSettings([key: text]) else { return }
      _ = GenerateLine(settings)?.text
    },
    "pca": Target { bytes in
      try file("x.safetensors", bytes) { _ = try EmbeddingPCA(contentsOf: $0) }
    },
    "features": Target { bytes in
      let source = FeatureSource(
        network: "clip", fingerprint: "0", filter: "f", size: 8, width: 2)
      try file("x.safetensors", bytes) { url in
        let set = try FeatureSet(contentsOf: url, source: source)
        _ = SetComparison(generated: set, real: set, bootstrap: Bootstrap(replicates: 2))
      }
    },
    "tar": Target { bytes in
      try file("x.tar", bytes) { url in
        let shard = try Shard(contentsOf: url)
        for record in shard.records {
          _ = try shard.info(record)
          _ = try shard.side(record)
        }
      }
    },
    // Two files, one behind the other, with a zero byte between them.
    "captions": Target { bytes in
      try folder(["metadata.csv", "metadata.jsonl"], bytes) { url in
        _ = CaptionTable(["metadata.csv", "metadata.jsonl"], in: url)
      }
    },
    "vocabulary": Target { bytes in _ = VocabularyFile.parse(Data(bytes)) },
    "tokenizer": Target { bytes in
      try folder(["tokenizer.json", "tokenizer_config.json"], bytes) { url in
        let tokenizer = try CLIPTokenizer(folder: url)
        _ = tokenizer.encode("a Cat, don't!", contextLength: 16)
      }
    },
    // Two files, one behind the other, with a zero byte between them.
    "merges": Target { bytes in
      try folder(["vocab.json", "merges.txt", "tokenizer_config.json"], bytes) { url in
        let tokenizer = try CLIPTokenizer(folder: url)
        _ = tokenizer.encode("a Cat, don't!", contextLength: 16)
      }
    },
    "caption": Target { bytes in
      _ = OpenCLIPText.cleaned(String(decoding: bytes, as: UTF8.self))
    },
    "config": Target { bytes in
      try file("config.json", bytes) { url in
        for read in configs { do { try read(url) } catch {} }
      }
    },
    "yaml": Target { bytes in
      _ = try ConfigDocument.json(
        yaml: String(decoding: bytes, as: UTF8.self), file: "x.yaml")
    },
    "font": Target { bytes in
      let font = try EmojiFont(bytes: bytes, file: "x.ttf")
      _ = font.codePointCount
      for sequence: [Unicode.Scalar] in [["\u{1F7E5}"], ["\u{1F7E5}", "\u{200D}", "\u{1F7E2}"]] {
        _ = font.png(for: sequence)
      }
    },
    "markup": Target { bytes in
      do { _ = try EmojiAnnotations(bytes: bytes, file: "x.xml") } catch {}
      _ = try ClipArtMetadata(svg: bytes, file: "x.svg")
    },
    "gzip": Target { bytes in _ = try Gzip.unpacked(bytes, file: "x.gz") },
    "prompts": Target { bytes in
      _ = try TextFile.text(of: Data(bytes), file: "x.txt")
    },
    // The first byte says where the body is cut; every cut must give the same.
    "form": Target { bytes in
      let (cut, body) = (Int(bytes.first ?? 0), bytes.dropFirst())
      let whole = Result { try form(body, cut: body.count) }
      let pieces = Result { try form(body, cut: cut + 1) }
      switch (whole, pieces) {
      case (.success(let a), .success(let b)): precondition(a == b, "a cut changes the parts")
      case (.failure(let error), .failure): throw error
      default: preconditionFailure("a cut changes whether a form is read")
      }
      do { _ = try ImageForm(whole.get()) } catch {}
      _ = try JobForm(whole.get())
    },
    "header": Target { bytes in
      _ = HeaderValue(String(decoding: bytes, as: UTF8.self))
      _ = ImageFileName(String(decoding: bytes, as: UTF8.self))
    },
    "frames": Target { bytes in
      var reader = WorkerFrameReader()
      reader.append(bytes)
      while let packet = try reader.next() { _ = try packet.event() }
      try reader.end()
    },
    "job": Target { bytes in
      let job = try JobRequest.read(Data(bytes))
      try job.check(for: model)
      let again = try JobRequest.read(JSONEncoder().encode(job))
      precondition(job == again, "a job changes when it is written and read")
    },
    // A hub's list of files; none may lead out of the cache.
    "hub": Target { bytes in
      let files = try HubFile.list(Data(bytes), url: "x")
      for file in files {
        let parts = file.path.split(separator: "/", omittingEmptySubsequences: false)
        precondition(!parts.contains("..") && !parts.contains(""), "a path leads elsewhere")
      }
      let tree = HubTree(commit: String(repeating: "0", count: 40), files: files)
      let record = try JSONDecoder().decode(
        TreeRecord.self, from: JSONEncoder().encode(TreeRecord(tree)))
      precondition(record.tree(commit: tree.commit) != nil, "a list is not read back")
      _ = try HubSelection(of: tree, variant: "fp16", repository: HubRepository("a/b"))
    },
    "call": Target { bytes in
      let members = try GenerationRequest.fields(of: Data(bytes))
      for route in [GenerationRequest.Route.generations, .edits, .variations] {
        do { _ = try GenerationRequest(members, route).job(for: model).check(for: model) } catch {}
      }
      _ = try ImageForm(members)
    },
  ]

  /// The parts of a form that comes in pieces of a size.
  private static func form(_ body: ArraySlice<UInt8>, cut: Int) throws -> [FormPart] {
    var parser = try MultipartParser(
      contentType: "multipart/form-data; boundary=b",
      limits: .init(size: 1 << 14, partSize: 1 << 12, partCount: 4))
    var rest = body
    while !rest.isEmpty {
      try parser.append(rest.prefix(cut))
      rest = rest.dropFirst(cut)
    }
    return try parser.end()
  }

  /// A model that can do everything.
  private static let model = ModelDescription(
    name: "m", version: "1", fingerprint: "", sizes: [64], defaultSize: 64,
    operations: JobRequest.Operation.allCases, parts: ModelFolder.Part.allCases.map(\.rawValue),
    defaults: {
      do { return try JSONEncoder().encode(SamplingSettings()) } catch { fatalError("\(error)") }
    }())

  /// The configurations of a model folder that are read from a file of their own.
  private static let configs: [@Sendable (URL) throws -> Void] = [
    { _ = try CLIPImagePreprocessor(contentsOf: $0) }, { _ = try CLIPTextConfig.read(at: $0) },
    { _ = try CLIPVisionConfig.read(at: $0) }, { _ = try UNetConfig.read(at: $0) },
    { _ = try SchedulerConfig.read(at: $0) }, { _ = try PriorConfig.read(at: $0) },
    { _ = try TextProjectionConfig.read(at: $0) },
    { _ = try AutoregressivePriorConfig.read(at: $0) },
    { _ = try SecondMomentsFile.read(at: $0, stepCount: 1000) },
  ]

  // MARK: Files

  /// A place in memory for what is read from files, one for each process.
  private static let scratch: URL = {
    let memory = URL(fileURLWithPath: "/dev/shm")
    let parent =
      FileManager.default.isWritableFile(atPath: memory.path)
      ? memory : FileManager.default.temporaryDirectory
    let folder = parent.appendingPathComponent("unclip-fuzz-\(getpid())")
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      fatalError("no scratch folder: \(error)")
    }
    atexit { unlinkScratch() }
    return folder
  }()

  static func removeScratch() {
    do { try FileManager.default.removeItem(at: scratch) } catch {}
  }

  private static func file(
    _ name: String, _ bytes: [UInt8], _ body: (URL) throws -> Void
  ) throws {
    let url = scratch.appendingPathComponent(name)
    try Data(bytes).write(to: url)
    try body(url)
  }

  /// A folder whose files are the parts between zero bytes.
  private static func folder(
    _ names: [String], _ bytes: [UInt8], _ body: (URL) throws -> Void
  ) throws {
    let parts = bytes.split(
      separator: 0, maxSplits: names.count - 1, omittingEmptySubsequences: false)
    for (index, name) in names.enumerated() {
      let part = index < parts.count ? Data(parts[index]) : Data("{}".utf8)
      try part.write(to: scratch.appendingPathComponent(name))
    }
    try body(scratch)
  }
}

/// A C function, as `atexit` needs.
private func unlinkScratch() { Target.removeScratch() }
