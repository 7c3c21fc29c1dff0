import Foundation
import Logging
import ServiceLifecycle
import TestSupport
import Testing

@testable import UnCLIPServer

#if canImport(Darwin)
  import Darwin
  private let datagrams = SOCK_DGRAM
  private let withoutWaiting = MSG_DONTWAIT
#else
  import Glibc
  private let datagrams = Int32(SOCK_DGRAM.rawValue)
  private let withoutWaiting = Int32(MSG_DONTWAIT)
#endif

struct ServiceManagerTests {
  @Test func systemdIsToldOfTheStartAndTheEnd() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appending(path: "notify").path
    var address = try #require(ServiceManager.address(path))
    let file = socket(AF_UNIX, datagrams, 0)
    defer { close(file) }
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(isBound == 0)
    // What was sent is there when the sender goes on.
    func received() -> String {
      var bytes = [UInt8](repeating: 0, count: 256)
      let count = recv(file, &bytes, bytes.count, withoutWaiting)
      return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
    let manager = ServiceManager(socket: path)
    let (begun, continuation) = AsyncStream<Void>.makeStream()
    let group = ServiceGroup(
      configuration: .init(
        services: [manager, Beginning(report: { continuation.yield() })],
        logger: Logger(label: "test")))
    async let end: Void = group.run()
    manager.ready()
    #expect(received().hasPrefix("READY=1\n"))
    for await _ in begun { break }
    await group.triggerGracefulShutdown()
    try await end
    #expect(received().hasPrefix("STOPPING=1\n"))
  }

  /// Says that the services of a group were begun.
  private struct Beginning: Service {
    let report: @Sendable () -> Void

    func run() async throws {
      report()
      try await gracefulShutdown()
    }
  }

  @Test(arguments: [nil, "", "relative", "/no/such/socket", "@unclip-no-such-name", long])
  func nobodyWhoListensIsNoFault(_ socket: String?) {
    ServiceManager(socket: socket).send("READY=1")
  }

  private static let long = "/" + String(repeating: "a", count: 200)

  @Test func anIdleStoreIsKeptBelowItsQuota() async throws {
    let folder = try TemporaryFolder()
    let bench = try await QueueBench(folder.url, runner: QueueRunner(padding: 1000))
    let record = try await bench.submit(count: 8)
    _ = try await bench.end(record.id)
    _ = try await bench.store.addInput(Data("old".utf8), at: Date(timeIntervalSince1970: 0))
    let input = bench.store.inputFolder.path
    #expect(try FileManager.default.contentsOfDirectory(atPath: input).count == 1)
    let upkeep = Task { await StoreUpkeep(bench.store, every: .milliseconds(5)).run() }
    #expect(
      try await bench.eventually {
        try FileManager.default.contentsOfDirectory(atPath: input).isEmpty
      })
    upkeep.cancel()
    await upkeep.value
  }
}
