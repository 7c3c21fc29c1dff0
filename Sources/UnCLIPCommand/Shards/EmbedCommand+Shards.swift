import CLIP
import Datasets
import Foundation
import Imaging
import Torch
import UnCLIP

extension EmbedCommand {
  /// Embeds the lines of a file, or images, into shards.
  func writeShards(to folder: URL) throws {
    let part = try work.resolvedPart()
    let progress = ProgressReporter()
    let images = try input.source()
    let source: any WorkSource
    if let textsFile {
      source = try LineSource(
        textsFile, content: "text", option: "--texts-file", comments: false)
    } else {
      source = NamedItems(names: images?.names ?? [])
    }
    let surveyed = try source.survey()
    guard surveyed.items > 0 else {
      throw CommandError.data("\(textsFile ?? "The input") holds no text; write one a line.")
    }
    let recorded = try ShardPlan.read(in: folder)?.settings ?? [:]
    let device = try machine.prepare(recorded: SharedMachine.threads(recorded))
    let clip = try model.folder()
    let dtype = model.dtype.dtype
    let embed: Embedder.Embed
    if let images {
      let encoder = try CLIPImageEncoder(clip, device: device, dtype: dtype)
      embed = { items in
        let read = items.map { item in
          Result { () throws(SampleFault) in try images.image(at: item.number - 1) }
        }
        let found = read.compactMap { result -> Image? in
          if case .success(let image) = result { image } else { nil }
        }
        let rows = found.isEmpty ? nil : encoder(found, normalized: normalize)
        return (
          rows, read.map { if case .failure(let fault) = $0 { "\(fault.error)" } else { nil } }
        )
      }
    } else {
      let encoder = try CLIPTextEncoder(clip, device: device, dtype: dtype)
      embed = { items in
        (encoder(items.map(\.text), normalized: normalize), items.map { _ in nil })
      }
    }
    let plan = try ShardPlan(
      command: "embed", shards: work.shardCount ?? ShardPlan.shardCount(of: surveyed.items),
      input: surveyed,
      settings: [
        "kind": images == nil ? "text" : "image", "batch": "\(batch)",
        "normalize": "\(normalize)", "store": store.rawValue, "dtype": model.dtype.rawValue,
        "threads": "\(threadCount)", "device": device.kind == .cpu ? "cpu" : "cuda",
        "model_fingerprint": try ModelFolder.fingerprint(ofAllIn: clip.url),
        "software": "unclip \(Version.current)",
      ]
    ).agreed(in: folder, open: SharedMachine.open(machine), shardCount: work.shardCount)
    SharedMachine.use(plan.settings)
    let embedding = ShardedWork(
      folder: folder, plan: plan, part: part, source: source, samplesPerItem: 1,
      unit: "embeddings")
    let report = try embedding.run(
      Embedder(batch: batch, isText: images == nil, store: store.dtype, embed: embed),
      progress: part.isFirst ? progress : nil)
    if let images, part.isFirst {
      try SkippedImages(images.faults, strict: strictness.strict).finish(found: images.names.count)
    }
    if part.isFirst { try embedding.close(report, output: output, progress: progress) }
  }
}

/// Embeds items in batches: a NumPy file, and the text or the name of each as JSON.
private final class Embedder: ShardMaker {
  struct Item {
    let number: Int
    let text: String
  }

  /// Embeds some items: returns the rows of those that can be read, in order, and why the others
  /// cannot.
  typealias Embed = (_ items: [Item]) throws -> (rows: Tensor?, faults: [String?])

  private struct Embedded: Encodable {
    var number: Int
    var text: String?
    var name: String?
  }

  private let batch: Int
  private let isText: Bool
  private let store: DType
  private let embed: Embed
  private var waiting: [Item] = []

  init(batch: Int, isText: Bool, store: DType, embed: @escaping Embed) {
    (self.batch, self.isText, self.store, self.embed) = (batch, isText, store, embed)
  }

  func add(_ number: Int, _ text: UnsafeRawBufferPointer, to shard: ShardFile) throws {
    guard isText else {
      waiting.append(Item(number: number, text: String(decoding: text, as: UTF8.self)))
      return try embedIfFull(shard)
    }
    do throws(LineSource.NotText) {
      waiting.append(Item(number: number, text: try LineSource.text(text)))
    } catch {
      return try shard.fail(.init(item: number, text: nil, error: error.reason, samples: 1))
    }
    try embedIfFull(shard)
  }

  func finish(_ shard: ShardFile) throws {
    guard !waiting.isEmpty else { return }
    let items = waiting
    waiting = []
    let (rows, faults) = try embed(items)
    var row = 0
    for (item, fault) in zip(items, faults) {
      guard fault == nil, let rows else {
        try shard.fail(
          .init(item: item.number, text: item.text, error: fault ?? "", samples: 1))
        continue
      }
      let json = Embedded(
        number: item.number, text: isText ? item.text : nil, name: isText ? nil : item.text)
      try shard.append(
        ShardFile.key(item.number),
        [("json", try ShardFile.json(json)), ("npy", ShardFile.npy(rows[row], store))])
      row += 1
    }
  }

  private func embedIfFull(_ shard: ShardFile) throws {
    if waiting.count == batch { try finish(shard) }
  }
}
