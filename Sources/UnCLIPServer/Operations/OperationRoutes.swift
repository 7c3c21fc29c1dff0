import Foundation
import HTTPTypes
import Hummingbird

/// What an operator asks a server: whether it lives, whether it takes work, and how it does.
struct OperationRoutes: Sendable {
  let jobs: any JobService
  let model: @Sendable () async -> ModelDescription?
  let metrics: ServerMetrics
  let gauges: ServerGauges

  func add(to router: Router<ServerContext>) {
    router.get("health/live") { _, _ in try json(["status": "live"]) }
    router.get("health/ready") { _, _ in
      let load = await jobs.load
      if load.isDraining { throw JobRefusal.draining }
      guard await model() != nil else { throw JobRefusal.notReady("The model loads.") }
      if load.waiting >= load.capacity {
        throw APIError(
          "The queue is full.", status: .serviceUnavailable, type: "server_error",
          code: "queue_full")
      }
      return try json(["status": "ready"])
    }
    router.get("metrics") { _, _ in
      await measure()
      return Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text)))
    }
  }

  private func measure() async {
    let load = await jobs.load
    metrics.set(.queued, to: Double(load.waiting))
    metrics.set(.capacity, to: Double(load.capacity))
    metrics.set(.secondsPerImage, to: load.secondsPerImage)
    metrics.set(.draining, to: load.isDraining ? 1 : 0)
    let model = await model()
    metrics.set(.loaded, to: model == nil ? 0 : 1)
    if let model {
      metrics.set(.model, to: 1, model.name, model.version, model.fingerprint)
    } else {
      metrics.remove(.model)
    }
    metrics.set(.workerMemory, to: Double(model?.memory ?? 0))
    if let starts = gauges.workerStarts { metrics.set(.workerStarts, to: Double(await starts())) }
    if let storage = await gauges.storage?() {
      metrics.set(.stored, to: Double(storage.bytes))
      metrics.set(.quota, to: Double(storage.quota))
    }
    metrics.set(.build, to: 1, gauges.version)
    metrics.set(.residentMemory, to: Double(residentBytes()))
  }
}

/// What `/metrics` asks for each time, beside what was counted.
public struct ServerGauges: Sendable {
  /// The version of the server.
  public var version = "unknown"
  /// How often processes of the model were started; nil says nothing of it.
  public var workerStarts: (@Sendable () async -> Int)?
  /// Bytes of the stored images and inputs, and how many they may have; nil, or without an answer,
  /// says nothing of them.
  public var storage: (@Sendable () async -> (bytes: Int, quota: Int)?)?

  /// Asks for nothing.
  public init() {}

  /// Asks a store and a pool of workers.
  public init(version: String, store: ServerStore, workers: WorkerPool) {
    self.version = version
    workerStarts = {
      var starts = 0
      for worker in workers.workers { starts += await worker.starts }
      return starts
    }
    storage = {
      // A store that cannot be read now says nothing of its size.
      do { return (try await store.usage().bytes, store.quota) } catch { return nil }
    }
  }
}

/// Bytes of this process in memory; 0 where the system does not say.
func residentBytes() -> Int {
  do {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let fields = text.split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
  } catch {
    return 0
  }
}
