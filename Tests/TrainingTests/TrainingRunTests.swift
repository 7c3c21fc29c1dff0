import Config
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import TorchNN
import Training
import UnCLIP

@Suite struct TrainingRunTests {
  /// Trains every stage in `folder` and returns the events by stage.
  private func trainAll(in folder: URL) throws -> (TinyRun, [TrainingStage: [TrainingEvent]]) {
    let tiny = try TinyRun(in: folder)
    var events: [TrainingStage: [TrainingEvent]] = [:]
    for stage in TrainingStage.unCLIP {
      try tiny.run(stage).run(observe: { events[stage, default: []].append($0) })
    }
    return (tiny, events)
  }

  private func summaries(_ events: [TrainingEvent]?) -> [TrainingSummary] {
    (events ?? []).compactMap { if case .summary(let summary) = $0 { summary } else { nil } }
  }

  @Test func trainsEveryStageIntoAModelThatGenerates() throws {
    try withTemporaryFolder { folder in
      let (tiny, events) = try trainAll(in: folder)
      let metrics = try #require(summaries(events[.clip]).last?.metrics)
      for way in ["image_to_text", "text_to_image"] {
        for k in [1, 5] {
          #expect(metrics["held_out_\(way)_\(k)"] != nil && metrics["seen_\(way)_\(k)"] != nil)
        }
      }
      for stage in [TrainingStage.prior, .autoregressivePrior] {
        #expect(summaries(events[stage]).last?.metrics["seen_cosine"] != nil)
      }
      try expectAutoregressivePrior(tiny, events[.autoregressivePrior] ?? [])
      for stage in [TrainingStage.decoder, .upsampler, .secondUpsampler] {
        let sheet = tiny.out(stage).appending(path: "samples/step-8.png")
        #expect(FileManager.default.fileExists(atPath: sheet.path))
        #expect(summaries(events[stage]).allSatisfy { $0.parts["squared_error"] != nil })
      }
      #expect(summaries(events[.decoder]).last?.parts["bound"] != nil)

      let whole = ModelFolder(folder.appending(path: "whole"))
      // This decoder has no hint, so the folder may not have one either.
      let parts = TrainingStage.unCLIP.filter { $0 != .hint }.map { stage in
        ModelFolder(tiny.out(stage).appending(path: "model"))
      }
      try whole.assemble(from: parts, dtype: .float16, defaults: ModelDefaults(name: "tiny"))
      let pipeline = try UnCLIPPipeline(whole)
      var sampling = pipeline.defaults.sampling
      sampling.priorSteps = 2
      sampling.decoderSteps = 2
      sampling.upsamplerSteps = 2
      sampling.secondUpsamplerSteps = 2
      let request = ImageRequest(prompt: "red disc", sampling: sampling)
      let image = try pipeline.images(for: request).first
      #expect(image?.width == 256)
      sampling.priorKind = .autoregressive
      let other = try pipeline.images(for: ImageRequest(prompt: "red disc", sampling: sampling))
      #expect(other.first?.width == 256 && other.first != image)
    }
  }

  /// What a run of the autoregressive prior says, keeps and measures.
  private func expectAutoregressivePrior(_ tiny: TinyRun, _ events: [TrainingEvent]) throws {
    let folder = ModelFolder(tiny.out(.autoregressivePrior).appending(path: "model"))
    let clip = ModelFolder(tiny.out(.clip).appending(path: "model"))
    let prior = try folder.loadAutoregressivePrior()
    #expect(prior.clip == (try clip.clipFingerprint()))
    let count = prior.transformer.config.numComponents
    #expect((1..<16).contains(count))
    let notes = events.compactMap { if case .note(let note) = $0 { note } else { nil } }
    #expect(
      notes.contains { $0.hasPrefix("\(count) of 16 components are kept, without which ") },
      "\(notes)")
    let recorded = try Data(
      contentsOf: tiny.out(.autoregressivePrior).appending(path: TrainingRun.configurationFile))
    #expect(String(decoding: recorded, as: UTF8.self).contains("\"num_components\" : \(count)"))
    let last = try #require(summaries(events).last)
    for name in ["seen_nats", "held_out_cosine_tokens", "held_out_cosine_text"] {
      #expect(last.metrics[name] != nil, "\(name) is missing")
    }
    #expect((last.metrics["seen_cosine_tokens"] ?? 0) > 0.8 && last.parts["dot_product"] != nil)
  }

  @Test func refusesAnAutoregressivePriorThatCannotBe() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      for stage in [TrainingStage.tokenizer, .clip] { try tiny.run(stage).run() }
      func refusal(_ changes: [String: Int]) throws -> String {
        var run = try tiny.run(.autoregressivePrior)
        var text = String(decoding: run.configuration, as: UTF8.self)
        for (key, value) in changes {
          #expect(text.contains("\"\(key)\" : "))
          text.replace(try Regex("\"\(key)\" : \\d+"), with: "\"\(key)\" : \(value)")
        }
        run.configuration = Data(text.utf8)
        return sentence { try run.run() }
      }
      let buckets = try refusal(["num_buckets": 1])
      #expect(
        buckets.contains("'model.transformer.num_buckets' is 1, but it must be 2 to 65536"))
      let many = try refusal(["num_components": 17])
      #expect(
        many.contains(
          "'model.transformer.num_components' is 17, but it must be 0 to embedding_dim, which is 16"
        ))
      let few = try refusal(["num_components": 5, "statistics_batches": 1])
      #expect(
        few.contains(
          "'model.transformer.num_components' is 5, but they are measured on 4 embeddings"),
        "\(few)")

      // A prior of another CLIP is no start.
      try tiny.run(.autoregressivePrior).run()
      var options = TrainingOptions.tiny
      options.seed = 7
      let other = folder.appending(path: "other")
      try tiny.run(.clip, training: options, into: other).run()
      var run = try tiny.run(
        .autoregressivePrior, into: folder.appending(path: "more"),
        initial: tiny.out(.autoregressivePrior))
      run.models = [other]
      let text = sentence { try run.run() }
      #expect(
        text.contains("'clip_fingerprint.image_encoder' of prior_ar is "), "\(text)")
    }
  }

  @Test func trainsADecoderThatStartsFromAHint() throws {
    try withTemporaryFolder { folder in
      var tiny = try TinyRun(in: folder)
      tiny.isHinted = true
      var hintEvents: [TrainingEvent] = []
      for stage in [TrainingStage.tokenizer, .clip, .prior] { try tiny.run(stage).run() }
      try tiny.run(.hint).run(observe: { hintEvents.append($0) })
      for name in ["seen_true_error", "seen_drawn_error", "held_out_drawn_error"] {
        #expect(summaries(hintEvents).last?.metrics[name] != nil, "\(name) is missing")
      }
      try tiny.run(.decoder).run()

      let whole = ModelFolder(folder.appending(path: "whole"))
      let parts = [TrainingStage.clip, .prior, .decoder].map { stage in
        ModelFolder(tiny.out(stage).appending(path: "model"))
      }
      try whole.assemble(from: parts, dtype: .float32, defaults: ModelDefaults(name: "tiny"))
      #expect(try whole.loadDecoder().hint?.config.sampleSize == 8)
      try FileManager.default.removeItem(at: whole.folder(of: .imageHint))
      #expect(throws: ConfigError.self) { try whole.loadDecoder() }
    }
  }

  @Test func startsFromTheWeightsOfAModel() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      try tiny.run(.upsampler).run()
      let trained = tiny.out(.upsampler).appending(path: "model")
      var options = TrainingOptions.tiny
      (options.steps, options.warmUpSteps, options.learningRate) = (1, 0, 0)
      (options.finalLearningRate, options.weightDecay) = (0, 0)
      let out = folder.appending(path: "more")
      try tiny.run(.upsampler, training: options, into: out, initial: trained).run()
      let part = "super_res_first/diffusion_pytorch_model.safetensors"
      #expect(
        try Data(contentsOf: trained.appending(path: part))
          == Data(contentsOf: out.appending(path: "model").appending(path: part)))
    }
  }

  /// A run's folder stands for the model in it, and a few held-out images are said.
  @Test func takesTheFolderOfARunForItsModel() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      try tiny.run(.tokenizer).run()
      var run = try tiny.run(.clip)
      run.models = [tiny.out(.tokenizer)]
      var notes: [String] = []
      try run.run { if case .note(let note) = $0 { notes.append(note) } }
      #expect(notes.contains { $0.hasPrefix("only ") && $0.contains("held out") }, "\(notes)")
      let recorded = try Data(contentsOf: run.out.appending(path: TrainingRun.configurationFile))
      let checkpoint = run.out.appending(path: "checkpoint-00000008/config.json")
      #expect(try recorded == Data(contentsOf: checkpoint))

      var large = TrainingOptions.tiny
      large.batchSize = 64
      run = try tiny.run(.clip, training: large, into: folder.appending(path: "large"))
      notes = []
      try run.run { if case .note(let note) = $0 { notes.append(note) } }
      #expect(notes.contains { $0.hasPrefix("a batch of 64 shows some of the") }, "\(notes)")
    }
  }

  @Test func refusesWhatCannotStart() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      let none = sentence { try tiny.run(.clip).run() }
      #expect(none.contains("training the clip needs the part 'tokenizer'"), "\(none)")
      try tiny.run(.upsampler).run()
      let twice = sentence { try tiny.run(.upsampler).run() }
      #expect(twice.contains("holds a run already (checkpoint-00000008); add --resume"), "\(twice)")
      var lost = try tiny.run(.upsampler, into: folder.appending(path: "other"))
      lost.data = [folder.appending(path: "nowhere")]
      let data = sentence { try lost.run() }
      #expect(data.contains("nowhere"), "\(data)")
      lost.configuration = Data("{}".utf8)
      let config = sentence { try lost.run() }
      #expect(config == "upsampler.yaml: the key 'model' is missing; add it.")
    }
  }

  @Test func refusesAModelThatDoesNotFitItsObjective() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      func refusal(_ old: String, _ new: String, _ stage: TrainingStage) throws -> String {
        var run = try tiny.run(stage)
        let text = String(decoding: run.configuration, as: UTF8.self)
        #expect(text.contains(old), "\(old) is not in \(text)")
        run.configuration = Data(text.replacing(old, with: new).utf8)
        return sentence { try run.run() }
      }
      let crop = try refusal("\"crop_size\" : 16", "\"crop_size\" : 128", .upsampler)
      #expect(
        crop.contains("'objective.crop_size' is 128, but it must be at most image_size, 64"))
      let odd = try refusal("\"crop_size\" : 16", "\"crop_size\" : 18", .upsampler)
      #expect(odd.contains("'objective.crop_size' is 18, but it must be a multiple of 4"))
      let channels = try refusal("\"in_channels\" : 6", "\"in_channels\" : 3", .upsampler)
      #expect(channels.contains("'model.unet.in_channels' is 3, but it must be 6"))
      let rate = try refusal(
        "\"image_drop_rate\" : 0.1", "\"image_drop_rate\" : 2", .decoder)
      #expect(rate.contains("'objective.image_drop_rate' is 2.0, but it must be 0 to 1"))
      let batches = try refusal(
        "\"statistics_batches\" : 2", "\"statistics_batches\" : 0", .prior)
      #expect(batches.contains("'objective.statistics_batches' is 0, but it must be 1 to 100000"))
      try tiny.run(.tokenizer).run()
      let words = try refusal("\"vocab_size\" : 600", "\"vocab_size\" : 601", .clip)
      #expect(words.contains("'model.text.vocab_size' is 601, but the tokenizer has"), "\(words)")
      let pairs = try refusal("\"batch_size\" : 4", "\"batch_size\" : 1", .clip)
      #expect(pairs.contains("'training.batch_size' is 1, but CLIP contrasts"), "\(pairs)")
    }
  }
}
