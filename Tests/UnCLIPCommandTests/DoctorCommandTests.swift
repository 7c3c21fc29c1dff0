import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct DoctorCommandTests {
  @Test func printsText() throws {
    let outcome = try BuiltCommand.run("doctor")
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    for part in ["LibTorch      2.", "libtorch_cpu.so", "processor", "device        cpu: ready"] {
      #expect(outcome.output.contains(part), "\(outcome.output)")
    }
  }

  @Test func printsJSON() throws {
    let outcome = try BuiltCommand.run("doctor", "--json")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    let report = try #require(json as? [String: Any])
    #expect(report["version"] as? String == Version.current)
    #expect((report["libtorch"] as? [String: Any])?["path"] is String)
    #expect((report["devices"] as? [[String: Any]])?.first?["name"] as? String == "cpu")
  }

  @Test func namesTheModelsFound() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("mine")
    try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
    try Data("{}".utf8).write(to: model.appending(path: "model_index.json"))
    let outcome = try BuiltCommand.run("doctor", environment: ["UNCLIP_MODELS": folder.url.path])
    #expect(outcome.output.contains("\nmodel         \(model.path)\n"), "\(outcome.output)")
  }

  @Test func readsTheProcessor() {
    let text = """
      processor\t: 0
      model name\t: Some CPU
      flags\t\t: fpu avx2 avx512f fma
      processor\t: 1
      model name\t: Other
      """
    let machine = Machine(cpuInfo: text, cores: 2, memory: 1 << 30)
    #expect(machine.processor == "Some CPU")
    #expect(machine.instructionSets == ["fma", "avx2", "avx512f"])
    #expect(Machine(cpuInfo: "", cores: 1, memory: 0).processor == "unknown")
  }
}

@Suite struct ModelSearchTests {
  private let folder: TemporaryFolder
  private let folders: ModelSearch

  init() throws {
    folder = try TemporaryFolder()
    folders = ModelSearch(roots: [folder.url])
    for name in ["small", "empty"] {
      try FileManager.default.createDirectory(
        atPath: folder.path(name), withIntermediateDirectories: true)
    }
    _ = try folder.write("{}", to: "small/model_index.json")
  }

  @Test func findsByNameByPathAndByDefault() throws {
    #expect(folders.found.map(\.lastPathComponent) == ["small"])
    #expect(try folders.folder(of: nil).path == folder.path("small"))
    #expect(try folders.folder(of: "small").path == folder.path("small"))
    #expect(try folders.folder(of: folder.path("small")).path == folder.path("small"))
  }

  @Test func refusesFoldersWithoutAModel() {
    #expect(throws: CommandError.self) { try folders.folder(of: "large") }
    do {
      _ = try folders.folder(of: folder.path("empty"))
      Issue.record("an empty folder was taken for a model")
    } catch {
      #expect(error.status == .data)
      #expect(error.description.contains("holds no model_index.json"))
    }
  }
}
