import CLIP
import Config
import Diffusion
import Foundation
import Imaging
import Torch
import UnCLIP

extension GenerateCommand {
  /// Draws the prompts of a file into shards.
  func writeShards(to folder: URL, promptsFile: String) throws {
    let part = try work.resolvedPart()
    let progress = ProgressReporter()
    let source = try LineSource(
      promptsFile, content: "prompt", option: "--prompts-file", comments: true)
    let input = try source.survey()
    guard input.items > 0 else {
      throw CommandError.data("\(promptsFile) holds no prompt; write one a line.")
    }
    let recorded = try ShardPlan.read(in: folder)?.settings ?? [:]
    let device = try machine.prepare(recorded: SharedMachine.threads(recorded))
    let type = SharedMachine.dtype(recorded, asked: model.dtype, on: device)
    let pipeline = try UnCLIPPipeline(
      ModelFolder(ModelSearch.current.folder(of: model.model)), device: device, dtype: type.dtype,
      residency: model.memory.residency)
    var settings = try pipeline.settings(size, sampling, prior: prior)
    try pipeline.folder.require(settings.sampling.priorKind.parts)
    let seed = try images.destination.seed.resolve()
    settings.seed = recorded["seed"].flatMap(UInt64.init) ?? seed
    if case .exact(let seed) = images.destination.seed.seed { settings.seed = seed }
    let generator = ImageGenerator(pipeline: pipeline, progress: progress)
    let plan = try ShardPlan(
      command: "generate", shards: work.shardCount ?? ShardPlan.shardCount(of: input.items),
      input: input, settings: planned(generator, settings)
    ).agreed(
      in: folder, open: SharedMachine.open(machine, seed: images.destination.seed.seed),
      shardCount: work.shardCount)
    SharedMachine.use(plan.settings)
    // Another process may have chosen the random seed.
    if let seed = plan.settings["seed"].flatMap(UInt64.init) { settings.seed = seed }
    if part.isFirst { images.destination.seed.announce(settings.seed) }
    let drawing = ShardedWork(
      folder: folder, plan: plan, part: part, source: source, samplesPerItem: images.count,
      unit: "images")
    let report = try drawing.run(
      PromptDrawer(generator: generator, settings: settings, count: images.count),
      progress: part.isFirst ? progress : nil)
    if part.isFirst { try drawing.close(report, output: output, progress: progress) }
  }

  /// Everything but the prompts on which the shards depend.
  private func planned(
    _ generator: ImageGenerator, _ settings: GenerationSettings
  ) throws -> [String: String] {
    let record = generator.record(settings)
    var planned = Dictionary(uniqueKeysWithValues: try record.chunks().map { ($0.key, $0.value) })
    planned["prompt"] = nil
    planned["count"] = "\(images.count)"
    planned["device"] = generator.pipeline.device.kind == .cpu ? "cpu" : "cuda"
    planned["model_fingerprint"] = try generator.pipeline.folder.wholeFingerprint()
    return planned
  }
}

/// Draws prompts: a PNG file, its settings and scores as JSON, and its CLIP embedding, where the model
/// has an image encoder.
private struct PromptDrawer: ShardMaker {
  let generator: ImageGenerator
  let settings: GenerationSettings
  let count: Int

  /// What lies beside an image as JSON.
  private struct Drawn: Encodable {
    let record: ImageRecord
    let line: Int
    let clipScore: Double?
    let isTruncated: Bool

    func encode(to encoder: any Encoder) throws {
      try record.encode(to: encoder)
      var values = encoder.container(keyedBy: JSONKey.self)
      try values.encode(line, forKey: JSONKey("line"))
      try values.encodeIfPresent(clipScore, forKey: JSONKey("clip_score"))
      if isTruncated { try values.encode(true, forKey: JSONKey("truncated")) }
    }
  }

  func add(_ number: Int, _ text: UnsafeRawBufferPointer, to shard: ShardFile) throws {
    let prompt: String
    do throws(LineSource.NotText) {
      prompt = try LineSource.text(text)
    } catch {
      return try shard.fail(
        .init(item: number, text: nil, error: error.reason, samples: count))
    }
    for index in 0..<count {
      do {
        try draw(prompt, number, index, shard)
      } catch ModelFolderError.overflow(_, let stage, let dtype) {
        let error = "the \(stage) gives numbers that are not finite in \(dtype)"
        try shard.fail(.init(item: number, text: prompt, error: error, samples: 1))
      }
    }
  }

  func finish(_ shard: ShardFile) throws {}

  private func draw(_ prompt: String, _ line: Int, _ index: Int, _ shard: ShardFile) throws {
    let pipeline = generator.pipeline
    var settings = settings
    settings.prompt = prompt
    settings.seed = settings.seed &+ UInt64(line - 1) &* UInt64(count) &+ UInt64(index)
    let (image, record) = try generator.image(settings, edit: nil, frame: 0) { _ in }
    var files: [(kind: String, bytes: [UInt8])] = [
      ("png", try PNGEncoder.encode(image, text: record.chunks()))
    ]
    var score: Double?
    if pipeline.folder.has(.imageEncoder) {
      let embedding = try pipeline.embedding(of: image).to(.float32)
      let value = pipeline.clipScore(ofEmbedding: embedding, for: prompt)
      // JSON has no other numbers.
      score = value.isFinite ? value : nil
      files.append(("npy", ShardFile.npy(embedding.flattened())))
    }
    let drawn = Drawn(
      record: record, line: line, clipScore: score,
      isTruncated: pipeline.textEncoder.isTooLong(prompt))
    files.insert(("json", try ShardFile.json(drawn)), at: 1)
    try shard.append(ShardFile.key(line, index, of: count), files)
  }
}
