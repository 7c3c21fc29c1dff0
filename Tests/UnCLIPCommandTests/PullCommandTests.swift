import Foundation
import Imaging
import TestSupport
import Testing

@testable import ModelHub
@testable import UnCLIPCommand

/// `unclip pull` of the built command, from a hub on this machine.
@Suite struct PullCommandTests {
  private let folder: TemporaryFolder
  private let hub: StandInHub

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("tiny"))
    var repository = try StandInRepository(folder: folder.file("tiny"))
    repository.id = "stand-in/tiny-model"
    repository.largest = 10_000
    repository.files["README.md"] = Data("Not needed.".utf8)
    repository.files["prior/diffusion_pytorch_model.bin"] = Data("not fetched".utf8)
    hub = try StandInHub(repository)
  }

  private var environment: [String: String] {
    [
      "HF_ENDPOINT": hub.hub.address, "HF_HOME": folder.path("home"), "HF_HUB_CACHE": "",
      "HUGGINGFACE_HUB_CACHE": "", "HF_TOKEN": "", "HF_TOKEN_PATH": "", "HF_HUB_OFFLINE": "",
      "TRANSFORMERS_OFFLINE": "", "UNCLIP_MODELS": folder.path("none"), "http_proxy": "",
      "HTTP_PROXY": "", "ALL_PROXY": "", "all_proxy": "",
    ]
  }

  private var snapshot: String {
    folder.path("home/hub/models--stand-in--tiny-model/snapshots/\(hub.repository.commit)")
  }

  private func run(
    _ arguments: String..., adding more: [String: String] = [:]
  ) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      arguments, environment: environment.merging(more) { $1 }, in: folder.url)
  }

  @Test func pullsAModelAndDrawsWithIt() throws {
    let pulled = try run("pull", "stand-in/tiny-model")
    #expect(pulled.status == 0, "\(pulled.errors)")
    #expect(pulled.output.hasPrefix("stand-in/tiny-model main: "), "\(pulled.output)")
    for line in [
      "\n  \(snapshot)\n", "\n  use it with --model stand-in/tiny-model\n", " fetched\n",
    ] {
      #expect(pulled.output.contains(line), "\(pulled.output)")
    }
    // Progress, in lines where nobody watches.
    #expect(pulled.errors.hasPrefix("pull, kB: "), "\(pulled.errors)")
    for name in ["stand-in/tiny-model", "tiny-model"] {
      let drawn = try BuiltCommand.run(
        [
          "generate", "a red apple", "--model", name, "--seed", "1", "--out",
          name == "tiny-model" ? "b.png" : "a.png",
        ]
          + TinyModel.fewSteps, environment: environment, in: folder.url)
      #expect(drawn.status == 0, "\(drawn.errors)")
    }
    // The image says which model of which commit made it, so that it can be made again.
    let verified = try run("verify", "a.png")
    #expect(verified.status == 0 && verified.errors.contains("warning") == false, "\(verified)")
    let chunks = try PNGText.read(Data(contentsOf: folder.file("a.png")))
    #expect(chunks["model"] == "stand-in/tiny-model" && chunks["model_version"] == "c0ffee00")
    let listed = try run("models")
    #expect(listed.output.contains("stand-in/tiny-model  unCLIP model, "), "\(listed.output)")
    #expect(listed.output.contains("\n  \(snapshot)\n"), "\(listed.output)")
    #expect(try run("models", "tiny-model").output.hasPrefix("stand-in/tiny-model  unCLIP model"))
    let again = try run("pull", "stand-in/tiny-model", "--json")
    let report = try #require(
      try JSONSerialization.jsonObject(with: Data(again.output.utf8)) as? [String: Any])
    #expect(report["bytes_to_fetch"] as? Int == 0)
    #expect(report["path"] as? String == snapshot)
    #expect(report["commit"] as? String == hub.repository.commit)
    let files = try #require(report["files"] as? [[String: Any]])
    #expect(files.allSatisfy { $0["cached"] as? Bool == true })
    #expect(!files.contains { ($0["path"] as? String)?.hasSuffix(".bin") == true })
    #expect(try run("pull", "stand-in/tiny-model").output.contains(", all there already\n"))
  }

  @Test func saysWhatItWouldFetch() throws {
    let dry = try run("pull", "stand-in/tiny-model", "--dry-run")
    #expect(dry.status == 0 && dry.errors.isEmpty, "\(dry.errors)")
    #expect(dry.output.contains("  prior/diffusion_pytorch_model.safetensors\n"), "\(dry.output)")
    #expect(dry.output.contains(" would be fetched\n"), "\(dry.output)")
    #expect(!dry.output.contains("README.md"))
    #expect(
      try run("pull", "stand-in/tiny-model", "--dry-run", "--all").output.contains("README.md"))
    #expect(!FileManager.default.fileExists(atPath: folder.path("home")))
    #expect(hub.storage.requests.isEmpty)
  }

  /// It blocks its thread while it waits: on a busy machine a task's sleep may last minutes.
  @Test func goesOnAfterAnInterruption() throws {
    // The last bytes of every large file do not come.
    hub.behave(storage: { _, answer in
      var answer = answer
      answer.stall = answer.body.count - 10
      answer.pause = 600
      return answer
    })
    let errors = folder.file("errors")
    try Data().write(to: errors)
    let process = Process()
    process.executableURL = BuiltCommand.url
    process.arguments = ["pull", "stand-in/tiny-model"]
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      .merging(["HF_HUB_DOWNLOAD_TIMEOUT": "600"]) { $1 }
    process.standardOutput = FileHandle.nullDevice
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    let blobs = folder.file("home/hub/models--stand-in--tiny-model/blobs")
    let end = ContinuousClock.now + .seconds(300)
    var size = 0
    while size < 20_000, ContinuousClock.now < end {
      Thread.sleep(forTimeInterval: 0.05)
      let names = FileManager.default.subpaths(atPath: blobs.path) ?? []
      size = names.filter { $0.hasSuffix(".incomplete") }.reduce(0) {
        let data = FileManager.default.contents(atPath: blobs.appending(path: $1).path)
        return $0 + (data?.count ?? 0)
      }
    }
    #expect(size >= 20_000)
    process.interrupt()
    process.waitUntilExit()
    let said = try String(contentsOf: errors, encoding: .utf8)
    // What other threads say of their progress may come after it.
    #expect(
      said.contains("unclip: Interrupted; what was fetched is kept; run it again to go on.\n"),
      "\(said), status \(process.terminationStatus)")
    #expect(!FileManager.default.fileExists(atPath: snapshot))
    hub.behave()
    let again = try run("pull", "stand-in/tiny-model")
    #expect(again.status == 0, "\(again.errors)")
    #expect(hub.storage.requests.contains { $0.headers["range"] != nil })
    #expect(try run("models", "tiny-model").status == 0)
  }

  @Test func saysWhatIsWrong() throws {
    expectFailure(
      try run("pull", "no name"), status: 64,
      saying: "'no name' is no name of a model on a hub; give OWNER/NAME")
    expectFailure(
      try run("pull", "a/b", "--all", "--variant", "fp16"), status: 64,
      saying: "--all fetches every")
    expectFailure(
      try run("pull", "a/b", "--revision", "../x"), status: 64, saying: "'../x' is no name of a rev"
    )
    expectFailure(
      try run("pull", "a/b"), status: 69,
      saying: "There is no model a/b at \(hub.hub.address), or it is private; check the name, or")
    expectFailure(
      try run("pull", "stand-in/tiny-model", "--revision", "v2"), status: 69,
      saying: "stand-in/tiny-model has no revision v2; ")
    expectFailure(
      try run("pull", "stand-in/tiny-model", "--variant", "fp16"), status: 64,
      saying: "stand-in/tiny-model has no weights of the variant fp16; leave --variant out.")
    expectFailure(
      try run("pull", "a/b", adding: ["HF_ENDPOINT": "nowhere"]), status: 64,
      saying: "HF_ENDPOINT cannot be used: ")
    expectFailure(
      try run("pull", "a/b", adding: ["HF_HUB_OFFLINE": "1"]), status: 69,
      saying: "a/b is not whole in the cache and HF_HUB_OFFLINE is set; unset it to pull the model."
    )
    _ = try folder.write("", to: "file")
    expectFailure(
      try run("pull", "stand-in/tiny-model", adding: ["HF_HOME": folder.path("file")]), status: 73,
      saying: "name another cache with HF_HOME.")
    expectFailure(
      try run("generate", "a", "--model", "stand-in/tiny-model"), status: 69,
      saying:
        "There is no model stand-in/tiny-model; fetch it with 'unclip pull stand-in/tiny-model'")
  }

  /// Weights that are pickles alone are fetched, and made safetensors by name.
  @Test func pullsPicklesToConvert() throws {
    let source = Golden.url("conversion/pickled")
    var repository = try StandInRepository(folder: source)
    repository.id = "stand-in/pickled"
    for part in ["prior", "text_encoder"] {
      repository.files[part + "/config.json"] = Data("{}".utf8)
    }
    let hub = try StandInHub(repository)
    let pulled = try run("pull", "stand-in/pickled", adding: ["HF_ENDPOINT": hub.hub.address])
    #expect(pulled.status == 0, "\(pulled.errors)")
    #expect(pulled.output.contains("\n  weights in pickles alone: "), "\(pulled.output)")
    #expect(
      pulled.output.contains("with 'unclip convert stand-in/pickled --out NEW', and give --model"))
    let converted = try run("convert", "stand-in/pickled", "--out", "new")
    #expect(converted.status == 0, "\(converted.errors)")
    #expect(
      FileManager.default.fileExists(
        atPath: folder.path("new/prior/diffusion_pytorch_model.safetensors")))
    let links = try FileManager.default.subpathsOfDirectory(atPath: folder.path("new")).filter {
      try FileManager.default.attributesOfItem(atPath: folder.path("new/" + $0))[.type]
        as? FileAttributeType == .typeSymbolicLink
    }
    #expect(links.isEmpty)
  }

  /// A damaged file leaves nothing that could be taken for the model.
  @Test func refusesADamagedFile() throws {
    hub.behave(storage: { _, answer in
      var answer = answer
      answer.body[answer.body.startIndex + 5] ^= 1
      return answer
    })
    expectFailure(
      try run("pull", "stand-in/tiny-model"), status: 65,
      saying:
        "arrived damaged (its SHA-256 is another) and is not kept; run the same command again.")
    #expect(!FileManager.default.fileExists(atPath: snapshot))
    #expect(!(try run("models")).output.contains("tiny-model"))
  }

  @Test func readsNamesAndAddresses() throws {
    func name(_ text: String) throws -> String {
      let (repository, revision) = try PullCommand.repository(text)
      return repository.id + (revision.map { "@" + $0 } ?? "")
    }
    #expect(try name("a/b") == "a/b")
    #expect(try name("a/b@v1") == "a/b@v1")
    #expect(try name("https://huggingface.co/a/b") == "a/b")
    #expect(try name("https://huggingface.co/a/b/tree/v1") == "a/b@v1")
    #expect(try name("karlo-v1-alpha") == "kakaobrain/karlo-v1-alpha")
    #expect(throws: HubError.self) { try name("karl") }
    #expect(throws: HubError.self) { try name("https://example.com/a/b") }
  }
}
