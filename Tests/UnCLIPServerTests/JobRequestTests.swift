import Config
import Foundation
import Testing

@testable import UnCLIPServer

struct JobRequestTests {
  @Test func whatIsMissingHasItsDefault() throws {
    let text = #"{"operation": "generate", "prompt": "a red apple"}"#
    let request = try JSONDecoder().decode(JobRequest.self, from: Data(text.utf8))
    #expect(request == JobRequest(.generate, prompt: "a red apple"))
  }

  @Test func isReadBackAsItWasWritten() throws {
    var request = JobRequest(.mix)
    request.sources = [.init(prompt: "a cat", weight: 0.5), .init(file: "ab", weight: 0.25)]
    request.seed = .max
    request.settings = ["decoder_steps": .number(8), "decoder_sampler": .string("ddim")]
    let data = try JSONEncoder().encode(request)
    #expect(try JSONDecoder().decode(JobRequest.self, from: data) == request)
    #expect(request.files == ["ab"])
  }
}
