import Classics
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import Training

@Suite struct ClassicRunTests {
  private static let metrics: [(TrainingStage, [String])] = [
    (.classifier, ["accuracy", "loss"]), (.ae, ["psnr"]), (.dae, ["gain", "noisy_psnr"]),
    (.vae, ["elbo", "iwae_16"]), (.vqvae, ["perplexity", "psnr"]), (.gan, ["diversity"]),
    (.pixelcnn, ["bits_per_code", "unigram_bits"]), (.transformer, ["bits_per_code"]),
    (.rnn, ["bits_per_code"]),
  ]

  @Test func everyRegisteredModelIsTrainedHere() {
    #expect(
      Set(Self.metrics.map(\.0)) == Set(ClassicKind.allCases.map { TrainingStage.classic($0) }))
  }

  private func last(_ events: [TrainingEvent]) -> TrainingSummary? {
    events.compactMap { if case .summary(let summary) = $0 { summary } else { nil } }.last
  }

  @Test func trainsEveryClassicIntoAFolderThatLoads() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      for (stage, names) in Self.metrics {
        var events: [TrainingEvent] = []
        try tiny.run(stage).run(observe: { events.append($0) })
        let metrics = try #require(last(events)).metrics
        for name in names {
          #expect(metrics[name]?.isFinite == true, "\(stage) \(name): \(metrics)")
        }
        let model = ClassicFolder(tiny.out(stage).appending(path: "model"))
        #expect(try model.kind().rawValue == stage.rawValue)
        let sheet = tiny.out(stage).appending(path: "samples/step-8.png")
        #expect(FileManager.default.fileExists(atPath: sheet.path) == (stage != .classifier))
      }
      let classifier = ClassicFolder(tiny.out(.classifier).appending(path: "model"))
      #expect(try classifier.classes() == ["bar", "disc", "ring", "square"])
      let prior = ClassicFolder(tiny.out(.rnn).appending(path: "model"))
      #expect(try prior.classes() == classifier.classes())
      let decoder = ClassicFolder(tiny.out(.vqvae).appending(path: "model"))
      let model = try decoder.load(VQVAE.self)
      try prior.requireCodebook(model.codebookFingerprint, of: decoder.url)
      #expect(throws: ClassicError.otherCodebook(prior: prior.url.path, model: decoder.url.path)) {
        try prior.requireCodebook("another", of: decoder.url)
      }
      #expect(
        throws: ClassicError.otherKind(
          folder: prior.url.path, found: CodeRNN.kind, wanted: PixelCNN.kind)
      ) { try prior.load(PixelCNN.self) }
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      func refusal(_ old: String, _ new: String, _ stage: TrainingStage) throws -> String {
        var run = try tiny.run(stage)
        let text = String(decoding: run.configuration, as: UTF8.self)
        #expect(text.contains(old), "\(old) is not in \(text)")
        run.configuration = Data(text.replacing(old, with: new).utf8)
        return sentence { try run.run() }
      }
      let latent = try refusal("\"latent_dim\" : 6", "\"latent_dim\" : 769", .ae)
      #expect(latent.contains("'model.latent_dim' is 769"), "\(latent)")
      #expect(latent.contains("768"), "\(latent)")
      let size = try refusal("\"image_size\" : 16", "\"image_size\" : 18", .vae)
      #expect(size.contains("'model.image_size' is 18"), "\(size)")
      let book = try refusal("\"codebook_size\" : 8", "\"codebook_size\" : 0", .vqvae)
      #expect(book.contains("'model.quantizer.codebook_size' is 0"), "\(book)")
      let classes = try refusal("\"class_count\" : 4", "\"class_count\" : 5", .classifier)
      #expect(classes.contains("'model.class_count' is 5, but"), "\(classes)")
      let slope = try refusal("\"hinge\"", "\"wasserstein\"", .gan)
      #expect(slope.contains("'objective.gradient_penalty' is 0.0, but"), "\(slope)")
      let none = sentence { try tiny.run(.rnn).run() }
      #expect(none.contains("config.json that names a kind of model"), "\(none)")
      try tiny.run(.vqvae).run()
      let grid = try refusal("\"height\" : 4", "\"height\" : 5", .transformer)
      #expect(grid.contains("'model.codes.height' is 5, but"), "\(grid)")
      let unconditional = try refusal("\"class\"", "\"embedding\"", .transformer)
      #expect(unconditional.contains("with --clip"), "\(unconditional)")
      var other = try tiny.run(.rnn)
      other.models = [tiny.data]
      #expect(sentence { try other.run() }.contains("config.json"))
    }
  }
}
