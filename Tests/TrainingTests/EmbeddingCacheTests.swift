import CLIP
import Foundation
import TestSupport
import Testing
import Torch
import Training
import UnCLIP

@Suite struct EmbeddingCacheTests {
  private func embeddings(_ index: Int) -> Embeddings {
    let random = RandomSource(seed: UInt64(index))
    return Embeddings(
      image: random.normal([2, 3]),
      text: TextConditioning(
        embedding: random.normal([2, 3]), encodings: random.normal([2, 4, 3]),
        mask: random.bernoulli(0.5, [2, 4], dtype: .bool)))
  }

  private func cache(
    in folder: URL, batches: Int, fingerprint: String, computed: (Int) -> Void = { _ in }
  ) throws -> EmbeddingCache {
    try EmbeddingCache(
      folder: folder, batchCount: batches, fingerprint: fingerprint,
      compute: {
        computed($0)
        return embeddings($0)
      })
  }

  @Test func returnsWhatWasComputedAndCycles() throws {
    try withTemporaryFolder { folder in
      let cache = try cache(in: folder, batches: 18, fingerprint: "a")
      for index in [0, 5, 16, 17, 18, 40] {
        let (found, truth) = (try cache.embeddings(at: index), embeddings(index % 18))
        #expect(found.image.bytes() == truth.image.bytes())
        #expect(found.text.embedding.bytes() == truth.text.embedding.bytes())
        #expect(found.text.mask.bytes() == truth.text.mask.bytes())
        let halves = truth.text.encodings.to(.float16).to(.float32)
        #expect(found.text.encodings.bytes() == halves.bytes())
      }
    }
  }

  /// What another run has computed is read where it lies, if it is of the same images and model.
  @Test func readsTheShardsOfOtherRuns() throws {
    try withTemporaryFolder { folder in
      let names = ["first", "second", "third"].map { folder.appending(path: $0) }
      _ = try cache(in: names[0], batches: 18, fingerprint: "a")
      _ = try cache(in: names[1], batches: 16, fingerprint: "b")
      var computed: [Int] = []
      let cache = try EmbeddingCache(
        folder: names[2], batchCount: 18, fingerprint: "a", others: [names[1], names[0]],
        compute: {
          computed.append($0)
          return embeddings($0)
        })
      #expect(computed.isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: names[2].path).isEmpty)
      for index in [3, 17] {
        #expect(try cache.embeddings(at: index).image.bytes() == embeddings(index).image.bytes())
      }
    }
  }

  @Test func keepsWholeShardsOfTheSameFingerprintOnly() throws {
    try withTemporaryFolder { folder in
      var computed: [Int] = []
      _ = try cache(in: folder, batches: 18, fingerprint: "a", computed: { computed.append($0) })
      #expect(computed == Array(0..<18))
      computed = []
      _ = try cache(in: folder, batches: 18, fingerprint: "a", computed: { computed.append($0) })
      #expect(computed.isEmpty)
      try Data("half".utf8).write(to: folder.appending(path: "embeddings-00001.safetensors"))
      _ = try cache(in: folder, batches: 18, fingerprint: "a", computed: { computed.append($0) })
      #expect(computed == [16, 17])
      computed = []
      _ = try cache(in: folder, batches: 18, fingerprint: "b", computed: { computed.append($0) })
      #expect(computed == Array(0..<18))
    }
  }

  @Test func aCachedDecoderTrainsAsOneThatComputes() throws {
    try withTemporaryFolder { folder in
      let tiny = try TinyRun(in: folder)
      try tiny.run(.tokenizer).run()
      try tiny.run(.clip).run()
      var losses: [[Double]] = []
      for batches in [0, 2] {
        var options = TrainingOptions.tiny
        (options.steps, options.sampleEverySteps, options.checkpointEverySteps) = (2, 0, 0)
        var run = try tiny.run(
          .decoder, training: options, into: folder.appending(path: "run-\(batches)"))
        let text = String(decoding: run.configuration, as: UTF8.self)
        run.configuration = Data(
          text.replacing("\"embedding_batches\" : 3", with: "\"embedding_batches\" : \(batches)")
            .utf8)
        var found: [Double] = []
        try run.run(observe: { if case .step(let report) = $0 { found.append(report.loss) } })
        losses.append(found)
      }
      for (computed, cached) in zip(losses[0], losses[1]) {
        #expect(abs(computed - cached) < 1e-3 * computed, "\(losses)")
      }
    }
  }
}
