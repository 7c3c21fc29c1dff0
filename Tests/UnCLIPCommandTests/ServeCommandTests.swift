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

  /// Starts a server, and waits until it is ready unless it speaks in another way than HTTP.
  init(
    _ more: String..., at address: [String] = ["--port", "0"], isHTTP: Bool = true,
    folder: TemporaryFolder
  ) async throws {
    self.folder = folder
    let output = folder.file("output-\(UUID().uuidString)")
    let errors = folder.file("errors")
    for file in [output, errors] { try Data().write(to: file) }
    process.executableURL = BuiltCommand.url
    process.arguments =
      [
        "serve", "--model", Golden.url("pipeline/model").path, "--threads", "1",
        "--data", folder.path("data"),
      ] + address + more
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    try await wait("its address is said") {
      let text = try String(contentsOf: output, encoding: .utf8)
      guard let match = text.firstMatch(of: /(https?:\S+|socket \S+)\n/) else { return false }
      url = try #require(URL(string: String(match.1).replacing("socket ", with: "")))
      return true
    }
    guard isHTTP else { return }
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
      let server = try await RunningServer("--grace", "8", folder: folder)
      id = try job(try await server.get("v1/jobs", json: Self.long).data).id
      try await server.wait("it runs") {
        try job(try await server.get("v1/jobs/\(id)").data).state == "running"
      }
      server.signal(SIGTERM)
      let start = ContinuousClock.now
      try await server.wait("it is not ready") {
        try await server.get("health/ready").status == 503
      }
      #expect(ContinuousClock.now - start < .seconds(6))
      #expect(try await server.get("health/live").status == 200)
      let refused = try await server.get("v1/jobs", json: Self.long)
      #expect(refused.status == 503)
      #expect(String(decoding: refused.data, as: UTF8.self).contains("shutting_down"))
      #expect(try await server.end() == 0)
      #expect(ContinuousClock.now - start < .seconds(20))
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

  /// Runs a program of the system; nil if it is not there.
  private func tool(_ name: String, _ arguments: String...) throws -> (status: Int32, text: String)?
  {
    let folders = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
    guard
      let path = folders.map({ "\($0)/\(name)" })
        .first(where: FileManager.default.isExecutableFile(atPath:))
    else { return nil }
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  @Test func aCertificateMakesHTTPS() async throws {
    let (certificate, key) = (folder.path("site.pem"), folder.path("key.pem"))
    guard
      let made = try tool(
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
        certificate), made.status == 0, try tool("curl", "--version") != nil
    else { return print("aCertificateMakesHTTPS: skipped, there is no openssl or no curl") }
    let server = try await RunningServer(
      "--tls-cert", certificate, "--tls-key", key, isHTTP: false, folder: folder)
    #expect(server.url.scheme == "https")
    let address = "https://localhost:\(server.url.port ?? 0)"
    try await server.wait("it is ready") {
      try tool("curl", "-sf", "--cacert", certificate, address + "/health/ready")?.status == 0
    }
    let made64 = try tool(
      "curl", "-s", "--cacert", certificate, address + "/v1/images/generations", "-H",
      "Content-Type: application/json", "-d",
      #"{"prompt":"a cat","size":"256x256","steps":2,"prior_steps":2}"#)
    #expect(made64?.text.contains("\"url\":\"\(address)/v1/images/files/") == true)
    #expect(try tool("curl", "-s", address + "/health/live")?.status == 60, "nobody vouches for it")
    server.signal(SIGTERM)
    #expect(try await server.end() == 0)
    // A key of another certificate.
    let other = folder.path("other.pem")
    _ = try tool("openssl", "genrsa", "-out", other, "2048")
    expectFailure(
      try BuiltCommand.run(
        "serve", "--port", "0", "--data", folder.path("data"), "--tls-cert", certificate,
        "--tls-key", other, "--model", Golden.url("pipeline/model").path),
      status: 65, saying: "is not the private key of the certificate")
  }

  @Test func aSocketInTheFileSystemIsAnAddress() async throws {
    guard try tool("curl", "--version") != nil else {
      return print("aSocketInTheFileSystemIsAnAddress: skipped, there is no curl")
    }
    let socket = folder.path("s")
    for _ in 0..<2 {
      let server = try await RunningServer(
        at: ["--unix-socket", socket], isHTTP: false, folder: folder)
      try await server.wait("it is ready") {
        try tool("curl", "-sf", "--unix-socket", socket, "http://localhost/health/ready")?.status
          == 0
      }
      server.signal(SIGTERM)
      #expect(try await server.end() == 0, "and its name can be used again")
    }
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
