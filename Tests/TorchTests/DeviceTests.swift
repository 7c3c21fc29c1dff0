import Foundation
import Testing
import Torch

@Suite struct DeviceTests {
  @Test func readsItsOwnText() throws {
    #expect(try Device(parsing: "cpu") == .cpu)
    #expect(try Device(parsing: "cuda") == .cuda(0))
    #expect(try Device(parsing: "cuda:3") == .cuda(3))
    for device in [Device.cpu, .cuda(0), .cuda(7)] {
      #expect(try Device(parsing: device.description) == device)
    }
  }

  @Test(arguments: ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:1:2", "cuda:999"])
  func refusesOtherText(_ text: String) throws {
    let error = #expect(throws: DeviceError.self) { try Device(parsing: text) }
    #expect(
      try #require(error).description == "Unknown device \"\(text)\": write cpu, cuda or cuda:N.")
  }

  @Test func theProcessorIsAlwaysThere() throws {
    #expect(throws: Never.self) { try Device.cpu.require() }
  }

  @Test func saysWhyADeviceCannotBeUsed() {
    #expect(
      DeviceError.libraryMissing(reason: "no file").description
        == "CUDA cannot be used because this LibTorch has no CUDA library (no file): set LIBTORCH "
        + "to a CUDA build and set up again, or use the device cpu.")
    #expect(
      DeviceError.noSuchDevice(index: 2, count: 1).description
        == "There is no device cuda:2 because this machine has 1 usable CUDA device: choose "
        + "another, or use cpu.")
    // With a CUDA build on a machine with fewer devices the second error is thrown.
    let error = #expect(throws: DeviceError.self) { try Device.cuda(99).require() }
    switch error {
    case .libraryMissing, .noSuchDevice: break
    default: Issue.record("unexpected \(String(describing: error))")
    }
  }

  @Test func describesTheLibrary() {
    #expect(libtorchVersion().split(separator: ".").count >= 3)
    #expect(!cpuCapability().isEmpty)
    #expect(threadCount > 0)
    #expect(!hasFastBFloat16 || cpuCapability() == "AVX512")
  }

  #if canImport(Glibc)
    @Test func freedTensorMemoryIsUsedAgainAndBounded() async {
      await #expect(processExitsWith: .success) {
        func residentMiB() -> Int {
          let fields = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
          return (fields.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4
            / 1024
        }
        cacheTensorMemory()
        precondition(Tensor.ones([1 << 22]).sum().item() == Double(1 << 22))
        precondition(Tensor.empty([0]).count == 0)
        let before = residentMiB()
        precondition(before > 0)
        // 4 MiB to 12 MiB of ever other sizes, with small ones that stay between them.
        var lasting: [Tensor] = []
        for round in 0..<600 {
          _ = Tensor.ones([(1 << 20) + round * 7919 % 512 * 4096])
          lasting.append(Tensor.ones([16]))
        }
        precondition(residentMiB() - before < 160)
        precondition(lasting.allSatisfy { $0.sum().item() == 16 })
        releaseTensorMemory()
        precondition(residentMiB() - before < 32)
      }
    }
  #endif
}
