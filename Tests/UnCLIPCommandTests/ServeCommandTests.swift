import Foundation
import Imaging
import TestSupport
import Testing

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// A server of the built command with the toy model.
private final class RunningServer {
  let process = Process()
  let folder: TemporaryFolder
  private(set) var url = URL(fileURLWithPath: "/")

  init(_ more: String..., folder: TemporaryFolder) async throws {
    self.folder = folder
    let output = folder.file("output-\(UUID().uuidString)")
    let errors = folder.file("errors")
    for file in [output, errors] { try Data().write(to: file) }
    process.executableURL = BuiltCommand.url
    process.arguments =
      [
        "serve", "--model", Golden.url("pipeline/model").path, "--threads", "1", "--port", "0",
        "--data", folder.path("data"),
      ] + more
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    try await wait("its address is said") {
      let text = try String(contentsOf: output, encoding: .utf8)
      guard let match = text.firstMatch(of: /The page is at (https?:\S+)\n/) else { return false }
      url = try #require(URL(string: String(match.1)))
      return true
    }
    try await wait("it is ready") { try await get("health/ready").status == 200 }
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  var errors: String {
    get throws { try String(contentsOf: folder.file("errors"), encoding: .utf8) }
  }

  /// The worker processes.
  var workers: [Int32] {
    get throws {
      try errors.matches(of: /"worker":"(\d+)"/).compactMap { Int32($0.1) }
    }
  }

  func wait(_ what: Comment, until condition: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while try await !condition() {
      try #require(ContinuousClock.now < end, what)
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  func get(_ path: String, json: String? = nil) async throws -> (status: Int, data: Data) {
    var request = URLRequest(url: url.appending(path: path))
    if let json {
      request.httpMethod = "POST"
      request.httpBody = Data(json.utf8)
      request.setValue("application/json", forHTTPHeaderField: "content-type")
    }
    let (data, response) = try await URLSession.shared.data(for: request)
    return ((response as? HTTPURLResponse)?.statusCode ?? 0, data)
  }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Waits for its end and returns the status.
  func end() async throws -> Int32 {
    try await wait("it ends") { !process.isRunning }
    return process.terminationStatus
  }

  /// Waits until no worker is left.
  func expectNoWorker() async throws {
    let workers = try workers
    #expect(!workers.isEmpty)
    try await wait("no worker is left") { workers.allSatisfy { kill($0, 0) != 0 } }
  }
}

/// `unclip serve` from the outside.
@Suite(.serialized) struct ServeCommandTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let settings = """
    "settings":{"prior_steps":2,"decoder_steps":2,"upsampler_steps":2}
    """
  /// A job of which no test waits for the end.
  private static let long = """
    {"operation":"generate","prompt":"a red apple","n":10,
     "settings":{"prior_steps":2,"decoder_steps":900,"upsampler_steps":2}}
    """

  private struct Job: Decodable {
    var id: String
    var state: String
    var images: [String]
  }

  private func job(_ data: Data) throws -> Job { try JSONDecoder().decode(Job.self, from: data) }

  @Test func anImageIsTheCommandsOwnAndAStopEndsAll() async throws {
    let server = try await RunningServer(folder: folder)
    let made = try await server.get(
      "v1/jobs",
      json: #"{"operation":"generate","prompt":"a red apple","seed":7,\#(Self.settings)}"#)
    #expect(made.status == 202)
    let id = try job(made.data).id
    try await server.wait("the job ends") {
      try job(try await server.get("v1/jobs/\(id)").data).state == "done"
    }
    let image = try #require(try job(try await server.get("v1/jobs/\(id)").data).images.first)
    let file = try await server.get("v1/images/files/\(image).png").data
    let own = folder.path("own.png")
    let command = try BuiltCommand.run(
      "generate", "a red apple", "--model", Golden.url("pipeline/model").path, "--threads", "1",
      "--seed", "7", "--prior-steps", "2", "--decoder-steps", "2", "--upsampler-steps", "2",
      "--out", own)
    #expect(command.status == 0, "\(command.errors)")
    let pixels = try [file, Data(contentsOf: URL(fileURLWithPath: own))].map {
      try ImageDecoder.decode($0, name: "it")
    }
    #expect(pixels[0] == pixels[1])
    // Its data are its own.
    let second = try BuiltCommand.run(
      "serve", "--port", "0", "--data", folder.path("data"), "--model",
      Golden.url("pipeline/model").path)
    expectFailure(second, status: 69, saying: "Another server uses", "--data")
    server.signal(SIGTERM)
    #expect(try await server.end() == 0)
    try await server.expectNoWorker()
  }

  @Test func aStopRefusesAndGivesUpWhatRunsAfterItsTimeAndTheNextStartGoesOn() async throws {
    var id = ""
    do {
      let server = try await RunningServer("--grace", "1.5", folder: folder)
      id = try job(try await server.get("v1/jobs", json: Self.long).data).id
      try await server.wait("it runs") {
        try job(try await server.get("v1/jobs/\(id)").data).state == "running"
      }
      server.signal(SIGTERM)
      let start = ContinuousClock.now
      try await server.wait("it is not ready") {
        try await server.get("health/ready").status == 503
      }
      #expect(ContinuousClock.now - start < .seconds(1))
      #expect(try await server.get("health/live").status == 200)
      let refused = try await server.get("v1/jobs", json: Self.long)
      #expect(refused.status == 503)
      #expect(String(decoding: refused.data, as: UTF8.self).contains("shutting_down"))
      #expect(try await server.end() == 0)
      #expect(ContinuousClock.now - start < .seconds(6.5))
      try await server.expectNoWorker()
    }
    let server = try await RunningServer(folder: folder)
    try await server.wait("it goes on") {
      try job(try await server.get("v1/jobs/\(id)").data).state == "running"
    }
    server.signal(SIGTERM)
    try await server.wait("it drains") { try server.errors.contains("SIGTERM") }
    server.signal(SIGTERM)
    #expect(try await server.end() == 75, "the second signal ends it at once")
    try await server.expectNoWorker()
  }

  @Test func aServerThatIsKilledLeavesNoWorker() async throws {
    let server = try await RunningServer("--workers", "2", folder: folder)
    try await server.wait("both are there") { try Set(server.workers).count == 2 }
    server.signal(SIGKILL)
    _ = try await server.end()
    try await server.expectNoWorker()
  }

  @Test func keysAreMadeListedAndRevoked() throws {
    func keys(_ arguments: String...) throws -> BuiltCommand.Outcome {
      try BuiltCommand.run(["serve", "keys"] + arguments + ["--data", folder.path("data")])
    }
    #expect(try keys("list").output.isEmpty)
    let made = try keys("create", "laptop")
    #expect(made.status == 0)
    #expect(made.output.wholeMatch(of: /unclip-[0-9a-f]{64}\n/) != nil, "\(made.output)")
    expectFailure(try keys("create", "laptop"), status: 64, saying: "There is a key 'laptop'")
    #expect(try keys("create", "robot", "--admin", "--json").output.contains("\"secret\""))
    let list = try keys("list").output.split(separator: "\n")
    #expect(list.count == 2)
    #expect(list.first?.contains("laptop  draw  made 2") == true)
    #expect(list.last?.contains("robot  admin,draw") == true)
    #expect(list.allSatisfy { $0.hasSuffix("valid") })
    #expect(try keys("revoke", "laptop").status == 0)
    expectFailure(try keys("revoke", "laptop"), status: 64, saying: "no valid key 'laptop'")
    #expect(try keys("list", "--json").output.contains("\"revoked\" : \"2"))
    // A key lies where the option says, wherever it stands, or the environment.
    let variable = try BuiltCommand.run(
      "serve", "keys", "list", environment: ["UNCLIP_SERVE_DATA": folder.path("data")])
    #expect(variable.output.contains("robot"))
    #expect(try keys("create", "phone").status == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["data"])
  }

  @Test func whatCannotBeServedIsRefusedWithASentence() throws {
    let model = Golden.url("pipeline/model").path
    let data = ["--data", folder.path("data"), "--port", "0", "--model", model]
    expectFailure(
      try BuiltCommand.run(["serve", "--host", "0.0.0.0"] + data), status: 64,
      saying: "there are no keys", "unclip serve keys create")
    expectFailure(
      try BuiltCommand.run("serve", "--model", "nowhere", "--data", folder.path("data")),
      status: 69, saying: "There is no model nowhere")
    let text = try folder.write("no certificate", to: "text.pem")
    expectFailure(
      try BuiltCommand.run(["serve", "--tls-cert", text, "--tls-key", text] + data), status: 65,
      saying: "is not a certificate in PEM form")
    expectFailure(
      try BuiltCommand.run(["serve", "--host", "256.0.0.1.invalid"] + data), status: 64,
      saying: "there are no keys")
    expectFailure(
      try BuiltCommand.run(["serve", "--device", "nonsense", "--log-level", "critical"] + data),
      status: 69, saying: "nonsense")
    expectFailure(
      try BuiltCommand.run(
        ["serve", "--unix-socket", folder.path("no/such/folder/s")] + Array(data.prefix(2))
          + ["--model", model, "--log-level", "critical"]),
      status: 69, saying: "Cannot listen at", "no/such/folder")
  }
}
