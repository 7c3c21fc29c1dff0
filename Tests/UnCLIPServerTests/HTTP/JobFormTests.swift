import Files
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Testing

@testable import UnCLIPServer

struct JobFormTests {
  private static let image = ImageStandIn.png(side: 16)
  private static let mask = ImageStandIn.png(side: 16, hole: true)

  @Test func filesComeWithTheJob() async throws {
    try await ImageStandIn.serve { client, jobs in
      let job =
        #"{"operation":"inpaint","prompt":"a","sources":[{"file":"file:x"}],"mask":"file:m"}"#
      for form in [
        TestForm([("request", job)], [("x", Self.image), ("m", Self.mask)]),
        TestForm([], [("m", Self.mask), ("request", Data(job.utf8)), ("x", Self.image)]),
      ] {
        let response = try await form.post(client, "/v1/jobs")
        #expect(response.status == .accepted, "\(String(buffer: response.body))")
        let asked = try #require(await jobs.requests.last)
        #expect(asked.sources == [.init(file: sha256(Self.image))])
        #expect(asked.mask == sha256(Self.mask))
      }
      #expect(await jobs.files == [sha256(Self.image): Self.image, sha256(Self.mask): Self.mask])
    }
  }

  @Test func aFileMayServeTwice() async throws {
    try await ImageStandIn.serve { client, jobs in
      let hash = String(repeating: "a", count: 64)
      let job =
        #"{"operation":"embed","sources":[{"file":"file:x"},{"file":"file:x"},{"file":"\#(hash)"}]}"#
      let form = TestForm([("request", job)], [("x", Self.image)])
      let response = try await form.post(client, "/jobs")
      #expect(response.status == .accepted)
      #expect(
        await jobs.requests.last?.sources.map(\.file)
          == [sha256(Self.image), sha256(Self.image), hash])
    }
  }

  struct Fault: Sendable {
    var fields: [(String, String)]
    var files: [(String, Data)] = []
    var message: String
    var param: String?
  }

  private static let vary = #"{"operation":"vary","sources":[{"file":"file:x"}]}"#

  private static let faults: [Fault] = [
    Fault(
      fields: [], files: [("x", image)],
      message: "'request' is a required part of the form: the JSON of the job", param: "request"),
    Fault(
      fields: [("request", vary)], message: "The form has no part 'x' - 'sources[0]'",
      param: "sources[0]"),
    Fault(
      fields: [("request", vary)], files: [("x", image), ("y", image)],
      message: "The job does not name the part 'y'; write 'file:y' where it belongs, or leave it "
        + "out"),
    Fault(
      fields: [("request", vary)], files: [("x", image), ("x", image)],
      message: "The form has two parts 'x'; give each a name of its own"),
    Fault(
      fields: [("request", vary), ("request", vary)], files: [("x", image)],
      message: "The form has two parts 'request'; give each a name of its own"),
    Fault(
      fields: [("request", vary)], files: [("x", Data("GIF89a".utf8))],
      message: "Uploaded image must be a PNG and less than 4 MB.", param: "sources[0]"),
    Fault(
      fields: [("request", "[]")], message: "The request is not a JSON object."),
    Fault(
      fields: [("request", #"{"operation":"vary","sources":[{"file":"../x"}]}"#)],
      message: "'../x' is not the SHA-256 of a stored file", param: "sources[0]"),
    Fault(
      fields: [("request", #"{"operation":"vary","sources":[],"mask":"file:m"}"#)],
      message: "The form has no part 'm' - 'mask'", param: "mask"),
  ]

  @Test(arguments: faults.indices)
  func aFaultIsNamed(_ index: Int) async throws {
    struct Failure: Decodable {
      struct Body: Decodable {
        var message: String
        var param: String?
      }
      var error: Body
    }
    let fault = Self.faults[index]
    try await ImageStandIn.serve { client, jobs in
      let response = try await TestForm(fault.fields, fault.files).post(client, "/v1/jobs")
      #expect(response.status == .badRequest)
      let error = try JSONDecoder().decode(
        Failure.self, from: Data(response.body.readableBytesView)
      )
      .error
      #expect(error.message.hasPrefix(fault.message), "\(error.message)")
      #expect(error.param == fault.param)
      #expect(await jobs.requests.isEmpty)
    }
  }
}
