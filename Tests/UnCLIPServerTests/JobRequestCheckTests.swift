import Config
import Diffusion
import Foundation
import Testing
import UnCLIP

@testable import UnCLIPServer

struct JobRequestCheckTests {
  private static let hash = String(repeating: "ab", count: 32)

  private static func model(
    _ operations: [JobRequest.Operation] = JobRequest.Operation.allCases
  ) throws -> ModelDescription {
    ModelDescription(
      name: "toy", version: "1", fingerprint: "", sizes: [16, 64], defaultSize: 64,
      operations: operations, parts: ["prior", "decoder"],
      defaults: try JSONEncoder().encode(SamplingSettings()))
  }

  /// A request that each operation takes.
  private static func request(_ operation: JobRequest.Operation) -> JobRequest {
    var request = JobRequest(operation)
    let file = JobRequest.Source(file: hash)
    switch operation {
    case .generate: request.prompt = "a red apple"
    case .vary, .inpaint, .upscale, .embed: request.sources = [file]
    case .interpolate, .mix: request.sources = [file, .init(prompt: "a pear")]
    case .diff: (request.sources, request.from, request.to) = ([file], "a", "b")
    case .outpaint: (request.sources, request.left) = ([file], 8)
    case .classify: (request.sources, request.labels) = ([file], ["a", "b"])
    }
    return request
  }

  private static func refusal(
    _ operation: JobRequest.Operation, _ change: (inout JobRequest) -> Void
  ) throws -> (sentence: String, field: String?) {
    var request = request(operation)
    change(&request)
    let model = try model()
    do throws(JobRefusal) { try request.check(for: model) } catch {
      guard case .invalid(let sentence, let field) = error else {
        Issue.record("\(error)")
        return ("", nil)
      }
      return (sentence, field)
    }
    return ("accepted", nil)
  }

  @Test(arguments: JobRequest.Operation.allCases)
  func eachOperationIsAccepted(_ operation: JobRequest.Operation) throws {
    let request = Self.request(operation)
    try request.check(for: Self.model())
    #expect(try JobRequest.read(JSONEncoder().encode(request)) == request)
  }

  @Test func fieldsAreNamed() throws {
    typealias Case = (JobRequest.Operation, (inout JobRequest) -> Void, String, String)
    let cases: [Case] = [
      (.generate, { $0.prompt = nil }, "prompt", "'prompt' is a required property"),
      (.generate, { $0.prompt = "a\0" }, "prompt", "NUL"),
      (.generate, { $0.prompt = String(repeating: "a", count: 10_001) }, "prompt", "10001"),
      (.generate, { $0.count = 0 }, "n", "0 is less than the minimum of 1 - 'n'"),
      (.generate, { $0.count = .max }, "n", "greater than the maximum of 1000"),
      (.generate, { ($0.seed, $0.count) = (.max, 2) }, "seed", "greater than"),
      (.generate, { $0.size = 32 }, "size", "32 is not one of [16, 64] - 'size'"),
      (.generate, { $0.strength = 0.5 }, "strength", "image to start from"),
      (.generate, { $0.theta = 0.5 }, "theta", "generate takes no 'theta'"),
      (.generate, { $0.mask = "../etc" }, "mask", "takes no 'mask'"),
      (.inpaint, { $0.mask = "../etc" }, "mask", "is not the SHA-256"),
      (.inpaint, { $0.mask = String(repeating: "Ａ", count: 64) }, "mask", "SHA-256"),
      (.inpaint, { $0.strength = 0 }, "strength", "more than 0"),
      (.inpaint, { $0.strength = .nan }, "strength", "more than 0"),
      (.inpaint, { $0.feather = 3 }, "feather", "needs a mask"),
      (.inpaint, { ($0.feather, $0.mask) = (-1, Self.hash) }, "feather", "less than"),
      (.vary, { $0.sources = [] }, "sources", "required"),
      (.vary, { $0.sources[0].file = "/etc/passwd" }, "sources[0]", "SHA-256"),
      (.vary, { $0.sources = [.init(prompt: "x")] }, "sources[0]", "takes a 'file'"),
      (.vary, { $0.sources[0].weight = 1 }, "sources[0]", "no weights"),
      (.vary, { $0.noise = "loud" }, "noise", "not one of ['fresh', 'inverted']"),
      (.vary, { $0.prompt = "x" }, "prompt", "vary takes no 'prompt'"),
      (.mix, { $0.sources[1].weight = -1 }, "sources[1]", "not in 0"),
      (.mix, { $0.sources[1].weight = .nan }, "sources[1]", "not in 0"),
      (.mix, { ($0.sources[0].weight, $0.sources[1].weight) = (0, 0) }, "sources", "All weights"),
      (.mix, { $0.sources[0].prompt = "both" }, "sources[0]", "both"),
      (.mix, { $0.sources[0].file = nil }, "sources[0]", "neither"),
      (.interpolate, { $0.sources.removeLast() }, "sources", "less than the minimum of 2"),
      (.interpolate, { ($0.theta, $0.count) = (0.5, 2) }, "theta", "single image"),
      (.interpolate, { $0.theta = 2 }, "theta", "greater than the maximum of 1 - 'theta'"),
      (.diff, { $0.from = nil }, "from", "required"),
      (.diff, { $0.to = nil }, "to", "required"),
      (.diff, { $0.theta = .nan }, "theta", "no number"),
      (.outpaint, { $0.left = 0 }, "left", "no new space"),
      (.outpaint, { $0.right = 9000 }, "right", "8192"),
      (.upscale, { $0.size = 64 }, "size", "takes no 'size'"),
      (
        .upscale, { $0.settings = ["decoder_steps": .integer(2)] }, "settings.decoder_steps",
        "upsampler"
      ),
      (.upscale, { $0.upsampler = "third" }, "upsampler", "one of ['first', 'second']"),
      (.upscale, { $0.upsampler = "second" }, "upsampler", "has no super_res_second"),
      (.vary, { $0.upsampler = "first" }, "upsampler", "vary takes no 'upsampler'"),
      (.classify, { $0.labels = [] }, "labels", "required"),
      (.classify, { $0.labels = ["a", "a"] }, "labels", "twice"),
      (.classify, { $0.labels = ["a", ""] }, "labels", "empty"),
      (.embed, { $0.count = 2 }, "n", "embed takes no 'n'"),
    ]
    for (operation, change, field, part) in cases {
      let (sentence, found) = try Self.refusal(operation, change)
      #expect(found == field && sentence.contains(part), "\(operation): \(sentence)")
    }
  }

  @Test func settingsAreCheckedByKey() throws {
    let cases: [(String, JSONValue, String)] = [
      ("decoder_step", .integer(2), "'decoder_steps' is the nearest"),
      ("decoder_steps", .integer(0), "it must be 1 to 1000"),
      ("decoder_steps", .number(2.5), "decoder_steps"),
      ("decoder_steps", .string("many"), "decoder_steps"),
      ("decoder_guidance", .integer(1000), "0 to 100"),
      ("decoder_sampler", .string("euler"), "euler"),
      ("sampler", .string("euler"), "not possible"),
      ("sampler", .integer(3), "'ddpm'"),
      ("decoder_eta", .integer(2), "0 to 1"),
      ("guidance_start", .integer(-1), "0 to 1"),
      ("guidance_end", .integer(2), "0 to 1"),
      ("prior_top_k", .integer(3), "is for the prior ar, but the prior is diffusion"),
      ("prior", .string("ar"), "has no prior_ar"),
      ("zzzzzzzzzzzz", .integer(1), "is no setting"),
    ]
    for (key, value, part) in cases {
      let (sentence, field) = try Self.refusal(.generate) { $0.settings = [key: value] }
      #expect(field == "settings.\(key)" && sentence.contains(part), "\(key): \(sentence)")
    }
  }

  @Test func settingsReplaceTheModels() throws {
    var request = JobRequest(.generate, prompt: "")
    request.settings = [
      "sampler": .string("ddim"), "prior_sampler": .string("dpm++"), "decoder_steps": .integer(9),
      "decoder_guidance": .null,
    ]
    var wanted = SamplingSettings()
    wanted.setSampler(.ddim)
    wanted.priorSampler = .dpmSolver
    wanted.decoderSteps = 9
    #expect(try request.sampling(over: SamplingSettings(), parts: []) == wanted)
    request.settings = ["decoder_eta": .number(0.5)]
    let noisy = try request.sampling(over: SamplingSettings(), parts: [])
    #expect(noisy.decoderEta == 0.5 && noisy.decoderSampler == .ddim, "eta is ddim's")
  }

  @Test func whatTheModelLacksIsTold() throws {
    let model = try Self.model([.generate, .vary])
    do throws(JobRefusal) {
      try Self.request(.upscale).check(for: model)
      Issue.record("accepted")
    } catch {
      guard case .invalid(let sentence, "operation") = error else {
        Issue.record("\(error)")
        return
      }
      #expect(sentence.contains("upscale needs; it can do generate, vary"))
    }
  }

  @Test func requestsAreReadStrictly() throws {
    let cases: [(String, String?, String)] = [
      ("[1]", nil, "not a JSON object"), ("{", nil, "not a JSON object"),
      (#"{"prompt": "x"}"#, "operation", "required"),
      (#"{"operation": "draw"}"#, "operation", "not one of ['generate'"),
      (#"{"operation": 7}"#, "operation", "not one of"),
      (#"{"operation": "generate", "promt": "x"}"#, "promt", "'prompt' is the nearest"),
      (#"{"operation": "generate", "n": "2"}"#, "n", "wrong type"),
      (#"{"operation": "generate", "n": 1, "n": 2}"#, nil, "twice"),
      (#"{"operation": "generate", "seed": -1}"#, "seed", "wrong type"),
      (#"{"operation": "mix", "sources": [{"fil": "x"}]}"#, "sources[0].fil", "'file'"),
      (#"{"operation": "mix", "sources": [{"weight": "x"}]}"#, "sources[0].weight", "type"),
      (#"{"operation": "mix", "sources": [3]}"#, "sources[0]", "type"),
    ]
    for (text, field, part) in cases {
      do throws(JobRefusal) {
        _ = try JobRequest.read(Data(text.utf8))
        Issue.record("accepted \(text)")
      } catch {
        guard case .invalid(let sentence, let found) = error else {
          Issue.record("\(error)")
          continue
        }
        #expect(found == field && sentence.contains(part), "\(text): \(field ?? ""): \(sentence)")
      }
    }
  }
}
