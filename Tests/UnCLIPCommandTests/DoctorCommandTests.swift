import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct DoctorCommandTests {
  @Test func printsText() throws {
    let outcome = try BuiltCommand.run("doctor")
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    for part in [
      "LibTorch      2.", "libtorch_cpu.so", "processor", "device        cpu: ready",
      "\nload          ", "\nsearched      ",
    ] {
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
    #expect(report["load"] is Double)
    #expect(
      (report["search_path"] as? [String])?.contains { $0.hasSuffix("/unclip/Models") } == true)
  }

  #if os(Linux)
    /// Chosen before main, with and without an entry of the environment to spare.
    @Test(arguments: ["env -i", "env -i A=1 B=2", "env -i _=x"])
    func waitingIsChosen(_ environment: String) throws {
      let outcome = try BuiltCommand.shell("\(environment) \"$0\" doctor")
      #expect(outcome.status == 0)
      #expect(outcome.output.contains(/\nwaiting       GOMP_SPINCOUNT=(0|3000)\n/))
    }

    @Test(arguments: ["OMP_WAIT_POLICY=passive", "GOMP_SPINCOUNT=17"])
    func theUsersWaitingIsLeft(_ setting: String) throws {
      let outcome = try BuiltCommand.shell("env -i \(setting) \"$0\" doctor")
      #expect(outcome.output.contains("\nwaiting       \(setting)\n"))
    }
  #endif

  @Test func namesTheModelsFound() throws {
    let root = Golden.url("clip/folders")
    let outcome = try BuiltCommand.run("doctor", environment: ["UNCLIP_MODELS": root.path])
    let count = try FileManager.default.contentsOfDirectory(atPath: root.path).count
    #expect(outcome.output.contains("\nsearched      \(root.path): \(count) models\n"))
    #expect(
      outcome.output.contains(
        "\nmodel         half: CLIP of transformers, \(root.path)/half\n"), "\(outcome.output)")
  }

  /// Most machines have none, and draw.
  @Test(.enabled(if: !Machine.hasGPU))
  func noGPUIsNoFault() throws {
    let report = DoctorReport.current
    #expect(report.devices.map(\.name) == ["cpu"])
    #expect(report.text.contains("\ndevice        no GPU: the processor draws\n"))
    #expect(!report.text.contains("CUDA"))
    #expect(!report.advice.contains { $0.contains("CUDA") })
  }

  @Test func saysWhetherTheMachineIsBusy() {
    #expect(DoctorReport.text(load: 0.2, cores: 1).hasSuffix("idle enough"))
    #expect(DoctorReport.text(load: 1.1, cores: 2).contains("busy"))
    #expect(DoctorReport.text(load: 3, cores: 8).hasSuffix("idle enough"))
    #expect(
      DoctorReport.text(load: 4, cores: 8)
        == "4.0 on 8 cores: busy; all takes longer while other programs run")
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
