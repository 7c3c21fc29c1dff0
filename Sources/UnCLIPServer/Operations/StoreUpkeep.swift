import Foundation
public import ServiceLifecycle

/// Keeps a store below its quota and free of what nobody needs, also while no job runs.
public struct StoreUpkeep: Service {
  private let store: ServerStore
  private let interval: Duration

  /// Makes the service; it works at once and then every `interval`.
  public init(_ store: ServerStore, every interval: Duration = .seconds(600)) {
    self.store = store
    self.interval = interval
  }

  /// Works until the server stops.
  public func run() async {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        // What cannot be deleted now is tried again.
        do {
          try await store.tidy(at: Date())
          try await store.makeRoom()
        } catch {}
        do { try await Task.sleep(for: interval) } catch { return }
      }
    }
  }
}
