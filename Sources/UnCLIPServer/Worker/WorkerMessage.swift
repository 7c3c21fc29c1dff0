package import Foundation

/// What server and worker process say to each other.
package enum WorkerMessage: Codable, Sendable, Equatable {
  // To the worker.
  /// Run a job; `files` holds the paths of its stored files by their SHA-256.
  case run(job: UInt64, request: JobRequest, files: [String: String])
  /// End a job within one denoising step.
  case cancel(job: UInt64)
  /// Answer with a pong.
  case ping
  /// End the process.
  case quit
  // From the worker.
  /// The process runs, and loads its model.
  case hello(process: Int32)
  /// The model is loaded.
  case ready(ModelDescription)
  /// The model cannot be loaded: a sentence.
  case refused(String)
  /// A step is done; with the preview.
  case step(job: UInt64, JobStep)
  /// An image is done; with its PNG file and its embedding.
  case image(job: UInt64, JobImage)
  /// The JSON of an operation that makes no images.
  case result(job: UInt64)
  /// The job has ended well.
  case done(job: UInt64)
  /// The job has ended otherwise.
  case failed(job: UInt64, JobFailure)
  /// The process lives, and holds so many bytes.
  case pong(memory: Int)

  /// How many blobs travel with it.
  var blobCounts: ClosedRange<Int> {
    switch self {
    case .step: 0...1
    case .image: 1...2
    case .result: 1...1
    default: 0...0
    }
  }
}

/// A message with the bytes that travel beside its JSON.
package struct WorkerPacket: Sendable, Equatable {
  /// The message.
  package var message: WorkerMessage
  /// Files and arrays.
  package var blobs: [Data]

  /// Groups the two.
  package init(_ message: WorkerMessage, blobs: [Data] = []) {
    (self.message, self.blobs) = (message, blobs)
  }

  /// The message of an event of a job, whose bytes travel as blobs.
  package init(_ event: JobEvent, job: UInt64) {
    switch event {
    case .step(var step):
      let blobs = [step.preview].compactMap { $0 }
      step.preview = nil
      self.init(.step(job: job, step), blobs: blobs)
    case .image(var image):
      let embedding = image.embedding.map { values in
        values.reduce(into: Data(capacity: values.count * 4)) { data, value in
          withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
        }
      }
      let blobs = [image.png] + [embedding].compactMap { $0 }
      (image.png, image.embedding) = (Data(), nil)
      self.init(.image(job: job, image), blobs: blobs)
    case .result(let data): self.init(.result(job: job), blobs: [data])
    }
  }

  /// The event of a job that this is, and the job; nil for other messages.
  /// - Throws: `WorkerProtocolError.embedding` for one whose bytes are no numbers.
  package func event() throws(WorkerProtocolError) -> (job: UInt64, event: JobEvent)? {
    switch message {
    case .step(let job, var step):
      step.preview = blobs.first
      return (job, .step(step))
    case .image(let job, var image):
      image.png = blobs.first ?? Data()
      if blobs.count > 1 { image.embedding = try Self.floats(blobs[1]) }
      return (job, .image(image))
    case .result(let job): return (job, .result(blobs.first ?? Data()))
    default: return nil
    }
  }

  private static func floats(_ data: Data) throws(WorkerProtocolError) -> [Float] {
    guard data.count.isMultiple(of: 4) else { throw .embedding(data.count) }
    return data.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map { start in
        Float(
          bitPattern: UInt32(
            littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
      }
    }
  }
}
