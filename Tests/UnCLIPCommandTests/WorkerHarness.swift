import Config
import Files
import Foundation
import Imaging
import Logging
import Synchronization
import TestSupport
import Testing
import UnCLIPServer

@testable import UnCLIPCommand

/// A worker process of the built command with the toy model, and a folder of stored files.
final class WorkerHarness: Sendable {
  let worker: WorkerProcess
  let folder: URL

  /// What is collected of a job.
  struct Outcome {
    var steps: [JobStep] = []
    var images: [JobImage] = []
    var result = Data()
    var failure: JobFailure?
  }

  init(
    model: String = Golden.url("pipeline/model").path, executable: URL = BuiltCommand.url,
    change: (inout WorkerProcess.Configuration) -> Void = { _ in }
  ) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "unclip-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let folder = folder
    var configuration = WorkerProcess.Configuration(
      executable: executable, arguments: ["worker", "--model", model, "--threads", "1"],
      backOff: [.milliseconds(20)]
    ) { folder.appending(path: $0) }
    change(&configuration)
    worker = WorkerProcess(
      configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  deinit {
    do { try FileManager.default.removeItem(at: folder) } catch {}
  }

  /// Keeps a file as the server does.
  func store(_ data: Data) throws -> String {
    let hash = sha256(data)
    try data.write(to: folder.appending(path: hash))
    return hash
  }

  /// Keeps an image whose shade `seed` decides.
  func image(_ seed: UInt8, width: Int = 40, height: Int = 40, alpha: Bool = false) throws -> String
  {
    let channels = alpha ? 4 : 3
    let pixels = (0..<width * height).flatMap { index -> [UInt8] in
      let color = [UInt8(index % 256) ^ seed, seed, UInt8(index / width % 256)]
      return alpha ? color + [index % width < width / 2 ? 0 : 255] : color
    }
    let image = Image(width: width, height: height, channels: channels, pixels: pixels)
    return try store(Data(PNGEncoder.encode(image)))
  }

  /// Runs a job to its end.
  func run(_ request: JobRequest) async -> Outcome {
    var outcome = Outcome()
    do {
      for try await event in worker.run(request) {
        switch event {
        case .step(let step): outcome.steps.append(step)
        case .image(let image): outcome.images.append(image)
        case .result(let data): outcome.result = data
        }
      }
    } catch {
      outcome.failure = error as? JobFailure
    }
    return outcome
  }

  /// Waits until a condition holds, for at most a minute.
  static func wait(_ condition: () async -> Bool) async throws {
    for _ in 0..<6000 {
      if await condition() { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("it did not come to pass")
  }

  /// A job that takes a few steps.
  static func request(
    _ operation: JobRequest.Operation, prompt: String? = nil, sources: [String] = [],
    steps: Int = 2
  ) -> JobRequest {
    var request = JobRequest(operation, prompt: prompt)
    request.seed = 7
    request.sources = sources.map { .init(file: $0) }
    if operation != .embed, operation != .classify {
      request.settings["upsampler_steps"] = .integer(2)
    }
    if operation.makesImages, operation != .upscale {
      request.settings["decoder_steps"] = .integer(steps)
    }
    if operation == .generate { request.settings["prior_steps"] = .integer(2) }
    return request
  }
}

/// Runs `body` with a started worker, and stops it.
func withWorker(
  _ harness: WorkerHarness, _ body: (WorkerHarness) async throws -> Void
) async throws {
  await harness.worker.start()
  do { try await body(harness) } catch {
    await harness.worker.stop()
    throw error
  }
  await harness.worker.stop()
}
