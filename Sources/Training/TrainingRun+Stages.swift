import CLIP
import Config
import Datasets
import Diffusion
import Distribution
import Files
package import Foundation
import Torch
import TorchNN
import UnCLIP

extension TrainingRun {
  func trainTokenizer(observe: (TrainingEvent) -> Void) throws {
    let config = try TokenizerTrainConfig.decode(configuration, file: configurationName)
    try record(try ConfigFile.encode(config))
    let stream = try TrainingStream(
      directories: data,
      configuration: StreamConfiguration(
        config.data, batchSize: 1, imageSize: 16, seed: config.seed, strict: strict))
    let captions = try stream.captions(count: config.captions)
    let tokenizer = CLIPTokenizer.train(
      on: captions, vocabularySize: config.vocabularySize, contextLength: config.contextLength,
      minimumCount: config.minimumCount)
    // A rare word is in none of these captions, but in those of a longer training.
    let words = KnownWords.text(
      of: stream.infos.values.map(\.caption) + captions + (stream.words?.all ?? []))
    let file = out.appending(path: KnownWords.fileName)
    do {
      try AtomicFile.write(Data(words.utf8), to: file)
    } catch {
      throw TrainingError.notWritten(path: file.path, reason: error.reason)
    }
    try DurableFolder.create("model", in: out, replacing: true) { url in
      let folder = ModelFolder(url)
      try tokenizer.write(to: folder.folder(of: .tokenizer))
      try folder.writeIndex()
    }
    let longest = captions.map { tokenizer.tokenIDs(of: $0).count + 2 }.max() ?? 0
    observe(
      .note(
        "tokenizer: \(tokenizer.tokens.count) tokens from \(captions.count) captions, the longest "
          + "\(longest) tokens"))
    if tokenizer.tokens.count != config.vocabularySize {
      observe(
        .note(
          "the captions have no more pairs for \(config.vocabularySize) tokens: CLIP needs --set "
            + "model.text.vocab_size=\(tokenizer.tokens.count)"))
    }
  }

  func clipTask() throws -> Prepared<CLIPTask> {
    let config = try TrainConfig<CLIPConfig, CLIPTask.Objective>.checked(
      configuration, file: configurationName)
    let batch = config.training.batchSize
    let folder = try modelFolder(with: [.tokenizer])
    let stream = try images(config.training, config.data, size: config.model.vision.imageSize)
    let tokenizer = try CLIPTokenizer(folder: folder.folder(of: .tokenizer))
    try requireEqual(
      "text.vocab_size", config.model.text.vocabSize, tokenizer.tokens.count,
      "the tokenizer has \(tokenizer.tokens.count) tokens")
    var notes: [String] = []
    if batch > stream.trainingCount, !config.objective.locksImages {
      notes.append(
        "a batch of \(batch) shows some of the \(stream.trainingCount) images twice, and CLIP learns "
          + "to tell an image from itself; add --set training.batch_size=\(max(2, stream.trainingCount / 2))"
      )
    }
    let task = CLIPTask(
      config.model, objective: config.objective, stream: stream, tokenizer: tokenizer,
      ranks: ranks, using: weights(config.training))
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: try inputs([[.tokenizer]], stream), heldOut: stream.heldOutCount, notes: notes,
      start: { if let initial { try task.start(from: ModelFolder(initial)) } })
  }

  /// Refuses a prior whose embeddings or texts are not CLIP's.
  func requireFit(_ embeddingDim: Int, texts numEmbeddings: Int, _ clip: FrozenCLIP) throws {
    try requireEqual(
      "transformer.embedding_dim", embeddingDim, clip.embeddingWidth,
      "CLIP's embeddings have \(clip.embeddingWidth) dimensions")
    try requireEqual(
      "transformer.num_embeddings", numEmbeddings, clip.contextLength,
      "CLIP's texts have \(clip.contextLength) tokens")
  }

  func priorTask(
    _ observe: (TrainingEvent) -> Void
  ) throws -> Prepared<PriorTask> {
    let config = try TrainConfig<PriorTask.Model, PriorTask.Objective>.checked(
      configuration, file: configurationName)
    let clip = try frozenCLIP()
    try requireFit(
      config.model.transformer.embeddingDim, texts: config.model.transformer.numEmbeddings, clip)
    let stream = try images(config.training, config.data, size: clip.imageSize)
    let embedded = try embeddings(
      of: stream, clip, prior: nil, batches: config.objective.embeddingBatches, observe)
    let task = PriorTask(
      config.model, objective: config.objective, data: embedded, clip: clip,
      using: weights(config.training))
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: try inputs([FrozenCLIP.parts], stream), heldOut: stream.heldOutCount,
      start: {
        try task.measureStatistics()
        if let initial { try task.start(from: ModelFolder(initial)) }
      })
  }

  func hintTask(
    _ observe: (TrainingEvent) -> Void
  ) throws -> Prepared<HintTask> {
    let config = try TrainConfig<HintTask.Model, HintTask.Objective>.checked(
      configuration, file: configurationName)
    let clip = try frozenCLIP()
    try requireEqual(
      "hint.clip_embeddings_dim", config.model.hint.clipEmbeddingsDim, clip.embeddingWidth,
      "CLIP's embeddings have \(clip.embeddingWidth) dimensions")
    let stream = try images(
      config.training, config.data, size: max(config.model.hint.sampleSize, clip.imageSize))
    let embedded = try embeddings(
      of: stream, clip, prior: (config.objective.drawnEmbeddings, config.training.seed),
      batches: config.objective.embeddingBatches, observe)
    let task = HintTask(
      config.model, objective: config.objective, data: embedded, clip: clip,
      using: weights(config.training))
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: try inputs([FrozenCLIP.parts] + config.objective.drawnEmbeddings.parts, stream),
      heldOut: stream.heldOutCount,
      start: {
        try task.measureStatistics()
        if let initial { try task.start(from: ModelFolder(initial)) }
      })
  }

  func decoderTask(
    _ observe: (TrainingEvent) -> Void
  ) throws -> Prepared<DecoderTask> {
    let config = try TrainConfig<DecoderTask.Model, DecoderTask.Objective>.checked(
      configuration, file: configurationName)
    let clip = try frozenCLIP()
    let size = config.model.unet.sampleSize ?? 64
    let stream = try images(config.training, config.data, size: max(size, clip.imageSize))
    let embedded = try embeddings(
      of: stream, clip, prior: (config.objective.drawnEmbeddings, config.training.seed),
      batches: config.objective.embeddingBatches, observe)
    let hint =
      config.model.isHinted ? try modelFolder(with: [.imageHint]).loadImageHint() : nil
    hint?.to(device: device)
    let task = DecoderTask(
      config.model, objective: config.objective, data: embedded, clip: clip, hint: hint,
      size: size, using: weights(config.training))
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: try inputs(
        [FrozenCLIP.parts] + config.objective.drawnEmbeddings.parts
          + (config.model.isHinted ? [[.imageHint]] : []), stream),
      heldOut: stream.heldOutCount,
      start: { if let initial { try task.start(from: ModelFolder(initial)) } })
  }

  func upsamplerTask(_ level: Upsampler.Level) throws -> Prepared<UpsamplerTask> {
    let config = try TrainConfig<UpsamplerTask.Model, UpsamplerTask.Objective>.checked(
      configuration, file: configurationName)
    let stream = try images(
      config.training, config.data, size: config.objective.imageSize)
    let task = UpsamplerTask(
      config.model, as: level, objective: config.objective, stream: stream,
      using: weights(config.training))
    return Prepared(
      task: task, options: config.training, config: try ConfigFile.encode(config),
      inputs: try inputs([], stream), heldOut: stream.heldOutCount,
      start: { if let initial { try task.start(from: ModelFolder(initial)) } })
  }

  // MARK: - Shared by the stages

  /// The last model folder that has all of the parts.
  func modelFolder(with parts: [ModelFolder.Part]) throws(TrainingError) -> ModelFolder {
    let folders = models.map { ModelFolder(Self.model(of: $0)) }
    if let folder = folders.last(where: { parts.allSatisfy($0.has) }) { return folder }
    let missing = parts.first { part in !folders.contains { $0.has(part) } } ?? parts[0]
    throw TrainingError.missingPart(
      folder: models.last?.path, part: missing.rawValue, stage: stage.rawValue)
  }

  /// The model of a run, where the run's folder is named in its place.
  package static func model(of folder: URL) -> URL {
    func isModel(_ url: URL) -> Bool {
      ["model_index.json", "config.json"].contains {
        FileManager.default.fileExists(atPath: url.appending(path: $0).path)
      }
    }
    let inner = folder.appending(path: "model")
    return !isModel(folder) && isModel(inner) ? inner : folder
  }

  func frozenCLIP() throws -> FrozenCLIP {
    try FrozenCLIP(
      modelFolder(with: [.tokenizer, .textEncoder, .imageEncoder]), device: device)
  }

  func images(
    _ options: TrainingOptions, _ data: Mixture, size: Int
  ) throws -> ImageStream {
    try requireBatchFits(options, data, size: size)
    if options.threads > 0 { setThreadCount(options.threads) }
    return try ImageStream(
      directories: self.data, mixture: data, batchSize: options.batchSize, size: size,
      seed: StepSeed.seed(options.seed, .data, at: 0), strict: strict, device: device)
  }

  func embeddings(
    of stream: ImageStream, _ clip: FrozenCLIP, prior: (DrawnEmbeddings, seed: UInt64)?,
    batches: Int, _ observe: (TrainingEvent) -> Void
  ) throws -> EmbeddedImages {
    var frozenPrior: FrozenPrior?
    var fingerprint = try modelFolder(with: [.tokenizer, .textEncoder, .imageEncoder])
      .fingerprint(of: FrozenCLIP.parts)
    fingerprint += stream.fingerprint
    if let (options, seed) = prior, options.fraction > 0 {
      let folder = try modelFolder(with: [.prior, .priorScheduler])
      frozenPrior = try FrozenPrior(
        folder, clip: clip, options: options, seed: seed, device: device)
      fingerprint += try FrozenPrior.fingerprint(of: folder, options)
    }
    let direct = EmbeddedImages(stream: stream, clip: clip, prior: frozenPrior)
    guard batches > 0 else { return direct }
    // What another run has computed of the same images need not be computed again.
    let others = models.flatMap { [$0, $0.deletingLastPathComponent()] }
    func open() throws -> EmbeddingCache {
      try EmbeddingCache(
        folder: out.appending(path: Self.embeddingFolder), batchCount: batches,
        fingerprint: fingerprint, others: others.map { $0.appending(path: Self.embeddingFolder) },
        device: device, compute: { try direct.embedded(stream.batch(at: $0), at: $0) },
        progress: { observe(.embedding(done: $0, count: batches)) })
    }
    // The others read what the first process has written.
    let cache = try ranks.onRoot(open) ?? open()
    return EmbeddedImages(stream: stream, clip: clip, prior: frozenPrior, cache: cache)
  }

  /// The folder of the embedding cache in a run's.
  private static let embeddingFolder = "embeddings"

  /// Fingerprints of the data and of the parts of models that a stage builds on. Each set of parts
  /// lies in one folder.
  func inputs(
    _ sets: [[ModelFolder.Part]], _ stream: ImageStream
  ) throws -> [String: String] {
    var inputs = ["data": stream.dataFingerprint]
    let models = try sets.map { parts in
      // The feature extractor's file is optional.
      try modelFolder(with: parts.filter { $0 != .featureExtractor }).fingerprint(of: parts)
    }
    if !models.isEmpty { inputs["model"] = models.joined(separator: "-") }
    return inputs
  }

  func weights(_ options: TrainingOptions) -> RandomSource {
    RandomSource(seed: StepSeed.seed(options.seed, .weights, at: 0))
  }

  /// Requires that a size of the model fits the parts and the data of its training.
  func require(
    _ holds: Bool, _ key: String, _ value: Int, _ expected: String
  ) throws(ConfigError) {
    try ConfigCheck(file: configurationName, at: "model").require(holds, key, value, expected)
  }

  /// Requires that a size of the model is `wanted`, and says how to set it.
  func requireEqual(
    _ key: String, _ value: Int, _ wanted: Int, _ reason: String
  ) throws(ConfigError) {
    try require(
      value == wanted, key, value,
      "\(reason): set it to \(wanted), as with --set model.\(key)=\(wanted)")
  }

  /// Requires that a batch and those prepared ahead fit into memory.
  func requireBatchFits(
    _ options: TrainingOptions, _ data: Mixture, size: Int, channels: Int = 3
  ) throws(ConfigError) {
    let batch = 4.0 * Double(options.batchSize) * Double(size * size * channels)
    let bytes = batch * Double(1 + max(data.prefetch, data.workers))
    try ConfigCheck(file: configurationName, at: "training").require(
      bytes <= Double(ConfigLimit.batchBytes), "batch_size", options.batchSize,
      "batches of \(size)x\(size) images with \(data.prefetch) prepared ahead would take "
        + "\(Int(bytes / 0x1p30)) GiB, and at most \(ConfigLimit.batchBytes >> 30) are allowed")
  }
}
