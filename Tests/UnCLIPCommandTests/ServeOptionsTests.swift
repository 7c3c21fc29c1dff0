import ArgumentParser
import Foundation
import TestSupport
import Testing
import UnCLIPServer

@testable import UnCLIPCommand

/// The settings of `unclip serve` and where they come from.
@Suite struct ServeOptionsTests {
  private func layered(
    _ arguments: [String], _ environment: [String: String] = [:], file: String? = nil
  ) throws -> ServeOptions {
    let folder = try TemporaryFolder()
    let config = try file.map { try folder.write($0, to: "serve.yaml") }
    return try ServeOptions.parse(arguments).layered(config: config, environment: environment)
  }

  @Test func anOptionGoesBeforeTheEnvironmentAndThatBeforeTheFile() throws {
    let file = """
      port: 1
      queue: 1
      rate: 1
      allow_host: [a.example, b.example]
      low-memory: true
      model: small
      """
    let environment = [
      "UNCLIP_SERVE_PORT": "2", "UNCLIP_SERVE_QUEUE": "2",
      "UNCLIP_SERVE_ALLOW_ORIGIN": "https://a.example, https://b.example:8443", "OTHER": "x",
    ]
    let options = try layered(["--port", "3"], environment, file: file)
    #expect(options.port == 3)
    #expect(options.queue == 2)
    #expect(options.rate == 1)
    #expect(options.allowedHosts == ["a.example", "b.example"])
    #expect(options.allowedOrigins == ["https://a.example", "https://b.example:8443"])
    #expect(options.memory.lowMemory && options.model == "small")
    #expect(try layered([], environment).memory.lowMemory == false)
  }

  @Test func everyOptionMayStandInEachLayer() throws {
    let listed = CommandWords.options(of: ["serve"]).filter { $0.hasPrefix("--") }
      .subtracting(["--config", "--help", "--version"])
    #expect(Set(ServeOptions.keys.keys.map { "--\($0)" }) == listed)
    #expect(!listed.isEmpty)
    let values = [
      "host": "::1", "unix-socket": "a", "tls-cert": "a", "tls-key": "b", "dtype": "float32",
      "public-url": "https://a.example", "allow-host": "a", "allow-origin": "http://a",
      "quota": "3MB", "memory": "3GB", "log-level": "debug", "log-format": "json",
    ]
    for (key, kind) in ServeOptions.keys {
      var words = [kind == .flag ? "--\(key)" : "--\(key)=\(values[key] ?? "2")"]
      var environment = [key: kind == .flag ? "yes" : values[key] ?? "2"]
      if key.hasPrefix("tls") {
        let other = key == "tls-cert" ? "tls-key" : "tls-cert"
        words.append("--\(other)=\(values[other] ?? "")")
        environment[other] = values[other]
      }
      let variables = Dictionary(
        uniqueKeysWithValues: environment.map {
          ("UNCLIP_SERVE_" + $0.uppercased().replacing("-", with: "_"), $1)
        })
      let ofOption = try layered(words)
      let ofVariable = try layered([], variables)
      #expect("\(ofOption)" == "\(ofVariable)", "\(key)")
      #expect("\(ofOption)" != "\(try layered([]))", "\(key)")
    }
  }

  @Test func anAddressAndASocketReplaceEachOther() throws {
    let socket = ["UNCLIP_SERVE_UNIX_SOCKET": "a"]
    #expect(try layered([], socket).address == .unixSocket(path: "a"))
    #expect(try layered(["--port", "0"], socket).address == .host("127.0.0.1", port: 0))
    let port = ["UNCLIP_SERVE_PORT": "9"]
    #expect(try layered(["--unix-socket", "a"], port).address == .unixSocket(path: "a"))
    #expect(try layered([]).address == .host("127.0.0.1", port: 8080))
  }

  @Test(arguments: [
    ("127.0.0.1", true), ("127.9.9.9", true), ("localhost", true), ("::1", true),
    ("0.0.0.0", false), ("::", false), ("127.0.0.1.example", false), ("127.evil", false),
    ("192.168.0.2", false),
  ])
  func onlyThisMachineReachesALoopback(_ host: String, _ isLocal: Bool) throws {
    #expect(try layered(["--host", host]).isLocal == isLocal)
  }

  @Test(arguments: [
    ("500MB", 500_000_000), ("2 gb", 2_000_000_000), ("17", 17), ("1kb", 1000), ("0", nil),
    ("x", nil), ("3PB", nil), ("99999999999GB", nil), ("-1", nil), ("", nil), ("GB", nil),
    ("4.5GB", 4_500_000_000), ("1.5 KiB", 1536), ("2GiB", 2_147_483_648), ("1.2.3MB", nil),
    ("0.1B", nil), ("99999999TB", nil),
  ])
  func amountsOfBytes(_ text: String, _ bytes: Int?) {
    #expect(ByteCount(argument: text)?.bytes == bytes)
  }

  @Test(
    arguments: [
      (["UNCLIP_SERVE_PRT": "1"], nil, "UNCLIP_SERVE_PRT is no setting of unclip serve (did you"),
      (["UNCLIP_SERVE_PORT": "x"], nil, "UNCLIP_SERVE_PORT: The value 'x' is invalid for"),
      (["UNCLIP_SERVE_PORT": "70000"], nil, "UNCLIP_SERVE_PORT: --port is 70000, but it must be"),
      (["UNCLIP_SERVE_LOW_MEMORY": "x"], nil, "UNCLIP_SERVE_LOW_MEMORY is true or false"),
      ([:], "prt: 1", "'prt' is no setting of unclip serve (did you mean 'port'?)"),
      ([:], "port: [1, 2]", "'port' takes one value, no list"),
      ([:], "model: {a: 1}", "'model' takes a text or a number"),
      ([:], "quota: -1", "'quota': "), ([:], "[1]", "holds no settings"),
      ([:], "allow-origin: https://a.example/path", "a scheme, a name"),
      ([:], "public_url: a.example", "does not begin with http"),
      (["UNCLIP_SERVE_TLS_KEY": "a"], nil, "belong together"),
      (["UNCLIP_SERVE_UNIX_SOCKET": "a", "UNCLIP_SERVE_PORT": "1"], nil, "takes the place of"),
    ] as [([String: String], String?, String)])
  func aWrongSettingIsNamedWithItsPlace(
    _ environment: [String: String], _ file: String?, _ part: String
  ) throws {
    do {
      _ = try layered([], environment, file: file)
      Issue.record("it was taken")
    } catch {
      #expect("\(error)".contains(part), "\(error)")
    }
  }
}
