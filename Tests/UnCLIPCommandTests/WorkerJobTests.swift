import Config
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import UnCLIP
import UnCLIPServer

@testable import UnCLIPCommand

/// What the operations of a worker make.
@Suite struct WorkerJobTests {
  @Test func imagesAreTheCommandsOwn() async throws {
    try await withWorker(WorkerHarness()) { harness in
      let outcome = await harness.run(
        {
          var request = WorkerHarness.request(.generate, prompt: "a red apple")
          (request.count, request.negativePrompt, request.previews) = (2, "a pear", true)
          request.partialImages = 3
          return request
        }())
      #expect(outcome.failure == nil)
      try #require(outcome.images.map(\.index) == [0, 1])
      #expect(outcome.images.map(\.seed) == [7, 8])
      let folder = try TemporaryFolder()
      let command = try BuiltCommand.run(
        "generate", "a red apple", "--negative-prompt", "a pear", "--model",
        Golden.url("pipeline/model").path, "--threads", "1", "-n", "2", "--seed", "7",
        "--prior-steps", "2", "--decoder-steps", "2", "--upsampler-steps", "2", "--out",
        folder.path("own"))
      #expect(command.status == 0, "\(command.errors)")
      for (image, path) in zip(outcome.images, command.output.split(separator: "\n")) {
        let file = try Data(contentsOf: URL(fileURLWithPath: String(path)))
        #expect(image.png == file, "text chunks and pixels are the same")
        let decoded = try ImageDecoder.decode([UInt8](image.png), name: "it")
        #expect((decoded.width, decoded.height) == (image.width, image.height))
        #expect(image.embedding?.isEmpty == false)
        #expect(image.embedding?.allSatisfy(\.isFinite) == true)
      }
      #expect(outcome.steps.contains { $0.stage == "prior" && $0.stepCount == 2 })
      #expect(outcome.steps.contains { $0.index == 1 && $0.count == 2 && $0.stage == "upsampler" })
      let previews = outcome.steps.compactMap(\.preview)
      #expect(!previews.isEmpty)
      for preview in previews {
        let small = try ImageDecoder.decode([UInt8](preview), name: "it")
        #expect(max(small.width, small.height) <= 256)
      }
      // Of an image's 2 decoder and 2 upsampler steps the first three, whatever time they take.
      let partials = outcome.steps.filter { $0.partial != nil }
      #expect(partials.map(\.index) == [0, 0, 0, 1, 1, 1])
      #expect(partials.map(\.partial) == [0, 1, 2, 0, 1, 2])
      #expect(
        partials.map { "\($0.stage) \($0.step)" }
          == Array(repeating: ["decoder 1", "decoder 2", "upsampler 1"], count: 2).flatMap { $0 })
      #expect(partials.allSatisfy { $0.preview != nil })
    }
  }

  @Test func everyEditVerifiesBesideItsSources() async throws {
    try await withWorker(WorkerHarness()) { harness in
      let (a, b) = (try harness.image(10), try harness.image(200))
      let holed = try harness.image(90, alpha: true)
      let mask = try harness.store(
        Data(
          PNGEncoder.encode(
            Image(
              width: 40, height: 40, channels: 1,
              pixels: (0..<1600).map { $0 % 40 < 20 ? 255 : 0 }))))
      var requests = [
        WorkerHarness.request(.generate, prompt: "a cat", sources: [a], steps: 4),
        WorkerHarness.request(.vary, sources: [a]),
        WorkerHarness.request(.interpolate, sources: [a, b]),
        WorkerHarness.request(.diff, sources: [a]), WorkerHarness.request(.mix, sources: [a]),
        WorkerHarness.request(.inpaint, prompt: "a dog", sources: [a]),
        WorkerHarness.request(.inpaint, sources: [holed]),
        WorkerHarness.request(.outpaint, prompt: "a sky", sources: [b]),
        WorkerHarness.request(.upscale, sources: [a]),
      ]
      requests[0].strength = 0.5
      requests[1].count = 2
      requests[2].count = 3
      (requests[3].from, requests[3].to, requests[3].theta) = ("a cat", "a lion", 0.4)
      requests[4].sources.append(.init(prompt: "a pear", weight: 0.5))
      (requests[5].mask, requests[5].feather) = (mask, 2)
      (requests[7].left, requests[7].bottom) = (8, 4)
      let folder = try TemporaryFolder()
      for hash in [a, b, holed, mask] {
        try FileManager.default.copyItem(
          at: harness.folder.appending(path: hash), to: folder.file("\(hash).png"))
      }
      for request in requests {
        let outcome = await harness.run(request)
        #expect(outcome.failure == nil, "\(request.operation)")
        #expect(outcome.images.count == request.count, "\(request.operation)")
        guard let image = outcome.images.last else { continue }
        let file = folder.file("made.png")
        try image.png.write(to: file)
        let verified = try BuiltCommand.run(
          ["verify", "made.png", "--model", Golden.url("pipeline/model").path], in: folder.url)
        #expect(verified.status == 0, "\(request.operation): \(verified.errors)")
        let text = String(decoding: image.png, as: UTF8.self)
        #expect(!text.contains(harness.folder.path), "the server's paths are its own")
      }
    }
  }

  @Test func embeddingsAndClassesAreJSON() async throws {
    struct Embeddings: Decodable {
      struct Row: Decodable {
        var kind: String
        var embedding: [Float]
      }
      var count: Int
      var width: Int
      var embeddings: [Row]
    }
    struct Classes: Decodable {
      struct Guess: Decodable {
        var label: String
        var probability: Double
      }
      struct Image: Decodable {
        var file: String
        var guesses: [Guess]
      }
      var images: [Image]
    }
    try await withWorker(WorkerHarness()) { harness in
      let file = try harness.image(10)
      var embed = WorkerHarness.request(.embed, sources: [file])
      embed.sources.append(.init(prompt: "a red apple"))
      let embedded = await harness.run(embed)
      #expect(embedded.failure == nil)
      let found = try JSONDecoder().decode(Embeddings.self, from: embedded.result)
      #expect(found.count == 2 && found.embeddings.map(\.kind) == ["image", "text"])
      #expect(found.embeddings.allSatisfy { $0.embedding.count == found.width })
      var classify = WorkerHarness.request(.classify, sources: [file])
      classify.labels = ["apple", "cat", "dog"]
      let classified = await harness.run(classify)
      #expect(classified.failure == nil)
      let classes = try JSONDecoder().decode(Classes.self, from: classified.result)
      let sum = classes.images[0].guesses.map(\.probability).reduce(0, +)
      #expect(abs(sum - 1) < 1e-4 && Set(classes.images[0].guesses.map(\.label)).count == 3)
      let stored = harness.folder.appending(path: file)
      let command = try BuiltCommand.run(
        "classify", stored.path, "--labels", "apple,cat,dog", "--model",
        Golden.url("pipeline/model").path, "--threads", "1")
      let best = try #require(classes.images[0].guesses.first?.label)
      #expect(command.output.split(separator: "\n").dropFirst().first?.contains(best) == true)
    }
  }

  @Test func requestsThatCannotBeMetAreInvalid() async throws {
    try await withWorker(WorkerHarness()) { harness in
      let image = try harness.image(1)
      let text = try harness.store(Data("no image".utf8))
      let small = try harness.image(2, width: 8)
      let absent = String(repeating: "0", count: 64)
      func request(
        _ operation: JobRequest.Operation, _ sources: [String],
        _ change: (inout JobRequest) -> Void = { _ in }
      ) -> JobRequest {
        var request = WorkerHarness.request(operation, sources: sources)
        change(&request)
        return request
      }
      let cases: [(JobRequest, String?, String)] = [
        (request(.vary, [absent]), "sources[0]", "no stored file"),
        (request(.vary, [text]), "sources[0]", text),
        (request(.vary, ["../x"]), "sources[0]", "SHA-256"),
        (request(.inpaint, [image]), "mask", "no transparency"),
        (request(.inpaint, [image]) { $0.mask = absent }, "mask", "no stored file"),
        (request(.inpaint, [image]) { $0.mask = small }, "mask", "8x40"),
        (request(.generate, []), "prompt", "required"),
        (
          request(.vary, [image]) { $0.settings["decoder_steps"] = .integer(0) },
          "settings.decoder_steps", "1 to"
        ),
      ]
      for (request, field, part) in cases {
        guard case .invalid(let sentence, let found)? = await harness.run(request).failure else {
          Issue.record("\(request.operation) with \(field ?? "") was accepted")
          continue
        }
        #expect(found == field && sentence.contains(part), "\(found ?? ""): \(sentence)")
        #expect(!sentence.contains(harness.folder.path))
      }
    }
  }

  /// A weight that is no number fails the jobs that need it, and nothing else.
  @Test func aBrokenNetworkFailsItsJobsAlone() async throws {
    let folder = try TemporaryFolder()
    let model = ModelFolder(folder.file("broken"))
    try FileManager.default.copyItem(at: Golden.url("pipeline/model"), to: model.url)
    let (part, stem) = (model.folder(of: .upsampler), "diffusion_pytorch_model")
    var state = try Safetensors.readModel(folder: part, stem: stem)
    state["conv_in.weight"] = try #require(state["conv_in.weight"]) * .nan
    try Safetensors.write(
      state, metadata: ["format": "pt"], to: part.appending(path: stem + ".safetensors"))
    try await withWorker(WorkerHarness(model: model.url.path)) { harness in
      let request = WorkerHarness.request(.generate, prompt: "a cat")
      for _ in 0..<2 {
        guard case .failed(let sentence)? = await harness.run(request).failure else {
          Issue.record("no failure")
          return
        }
        for part in ["NaN", "conv_in.weight", "seed 7", "decoder_steps 2", "broken"] {
          #expect(sentence.contains(part), "\(sentence)")
        }
        #expect(!sentence.contains(folder.url.path), "\(sentence)")
      }
      let embed = WorkerHarness.request(.embed, sources: [try harness.image(3)])
      #expect(await harness.run(embed).failure == nil)
      #expect(await harness.worker.starts == 1)
    }
  }
}
