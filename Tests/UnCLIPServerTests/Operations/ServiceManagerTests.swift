import Foundation
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import TestSupport
import Testing

@testable import UnCLIPServer

struct ServiceManagerTests {
  @Test func systemdIsToldOfTheStartAndTheEnd() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appending(path: "notify").path
    let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(unixDomainSocketPath: path) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>(
            wrappingChannelSynchronously: channel)
        }
      }
    let manager = ServiceManager(socket: path)
    let group = ServiceGroup(
      configuration: .init(
        services: [manager], logger: Logger(label: "test")))
    try await channel.executeThenClose { inbound, _ in
      async let end: Void = group.run()
      manager.ready()
      var messages = inbound.makeAsyncIterator()
      let first = try await messages.next()
      #expect(first.map { String(buffer: $0.data) }?.hasPrefix("READY=1\n") == true)
      await group.triggerGracefulShutdown()
      let second = try await messages.next()
      #expect(second.map { String(buffer: $0.data) }?.hasPrefix("STOPPING=1\n") == true)
      try await end
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
