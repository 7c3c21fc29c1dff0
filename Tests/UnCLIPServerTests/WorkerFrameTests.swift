import Config
import Foundation
import TestSupport
import Testing

@testable import UnCLIPServer

struct WorkerFrameTests {
  /// One of each message.
  private static let packets: [WorkerPacket] = {
    var request = JobRequest(.mix)
    request.seed = .max
    request.sources = [.init(prompt: "a cat", weight: 0.5), .init(file: "ab")]
    request.settings = ["decoder_steps": .integer(2), "threshold": .string("static")]
    let model = ModelDescription(
      name: "small", version: "1", fingerprint: "f", sizes: [64, 256], defaultSize: 256,
      operations: [.generate, .embed], parts: ["prior"], defaults: Data("{}".utf8), memory: 7)
    let step = JobStep(stage: "prior", step: 1, stepCount: 4, index: 0, count: 2)
    var shown = step
    shown.preview = Data([1, 2, 3])
    let image = JobImage(
      index: 1, seed: 1 << 63, width: 8, height: 9, png: Data(0...255),
      embedding: [0, -1.5, .greatestFiniteMagnitude, .leastNonzeroMagnitude])
    var plain = image
    plain.embedding = nil
    let events: [JobEvent] = [
      .step(step), .step(shown), .image(image), .image(plain), .result(Data("[]".utf8)),
    ]
    let failures: [JobFailure] = [
      .invalid("no", field: "n"), .invalid("no", field: nil), .crashed("x"), .outOfMemory,
      .expired, .cancelled, .interrupted, .failed("NaN"),
    ]
    let messages: [WorkerMessage] = [
      .run(job: 3, request: request, files: ["ab": "/x/ab"]), .cancel(job: 3), .ping, .quit,
      .hello(process: 12), .ready(model), .refused("no model"), .done(job: 3), .pong(memory: 5),
    ]
    return messages.map { WorkerPacket($0) } + events.map { WorkerPacket($0, job: 9) }
      + failures.map { WorkerPacket(.failed(job: 1, $0)) }
  }()

  private static func bytes(_ packets: [WorkerPacket] = packets) throws -> Data {
    try packets.enumerated().reduce(into: Data()) { data, packet in
      data += try WorkerFrame.encode(packet.element, number: UInt32(packet.offset))
    }
  }

  /// Reads a stream that comes in pieces.
  private static func read(
    _ data: Data, piece: Int
  ) throws(WorkerProtocolError) -> [WorkerPacket] {
    var (reader, found) = (WorkerFrameReader(), [WorkerPacket]())
    for start in stride(from: 0, to: data.count, by: piece) {
      reader.append(data[start..<min(start + piece, data.count)])
      while let packet = try reader.next() { found.append(packet) }
    }
    try reader.end()
    return found
  }

  @Test(arguments: [1, 7, 32, 33, 1 << 20])
  func everyMessageIsReadAsItWasWritten(piece: Int) throws {
    #expect(try Self.read(Self.bytes(), piece: piece) == Self.packets)
  }

  @Test func eventsKeepTheirBytes() throws {
    for packet in Self.packets {
      guard let (job, event) = try packet.event() else { continue }
      #expect(job == 9 && WorkerPacket(event, job: job) == packet)
      if case .image(let image) = event { #expect(image.png == Data(0...255)) }
    }
  }

  @Test func everyTruncationIsTorn() throws {
    let packets = [Self.packets[9], Self.packets[11]]
    let data = try Self.bytes(packets)
    let first = try Self.bytes([packets[0]]).count
    for length in 1..<data.count where length != first {
      #expect(throws: WorkerProtocolError.torn) {
        try Self.read(data.prefix(length), piece: 100)
      }
    }
  }

  @Test func framesHaveAnOrder() throws {
    let frames = try [3, 2].map { try WorkerFrame.encode(Self.packets[$0], number: UInt32($0)) }
    #expect(throws: WorkerProtocolError.order(expected: 0, found: 3)) {
      try Self.read(frames[0], piece: 100)
    }
    let twice = try Self.bytes([Self.packets[2]])
    #expect(throws: WorkerProtocolError.order(expected: 1, found: 0)) {
      try Self.read(twice + twice, piece: 100)
    }
  }

  /// Nothing is allocated for lengths that cannot be.
  @Test func lengthsAreCheckedBeforeTheBytesCome() throws {
    var frame = [UInt8](try WorkerFrame.encode(.init(.ping), number: 0))
    frame.replaceSubrange(12..<16, with: [255, 255, 255, 255])
    #expect {
      try Self.read(Data(frame), piece: 32)
    } throws: { "\($0)".contains("the message of a frame has 4294967295 bytes") }
    frame = [UInt8](try WorkerFrame.encode(Self.packets[11], number: 0))
    frame.replaceSubrange(16..<20, with: [255, 255, 255, 255])
    #expect {
      try Self.read(Data(frame), piece: 32)
    } throws: { "\($0)".contains("the blobs of a frame has") }
  }

  @Test func otherVersionsAndProgramsAreTold() throws {
    var frame = [UInt8](try WorkerFrame.encode(.init(.ping), number: 0))
    frame[4] = 9
    #expect(throws: WorkerProtocolError.version(9)) { try Self.read(Data(frame), piece: 64) }
    #expect(throws: WorkerProtocolError.magic) {
      try Self.read(Data("Segmentation fault of another library\n".utf8), piece: 64)
    }
  }

  @Test func blobsBelongToTheirMessage() throws {
    #expect(throws: WorkerProtocolError.blobs(1)) {
      try WorkerFrame.encode(.init(.ping, blobs: [Data()]), number: 0)
    }
    let image = Self.packets.first { if case .image = $0.message { true } else { false } }
    var packet = try #require(image)
    packet.blobs[1] = Data([1, 2, 3])
    #expect(throws: WorkerProtocolError.embedding(3)) { _ = try packet.event() }
  }

  /// Changed bytes are errors or other messages, and never a trap.
  @Test func changedAndRandomBytesNeverTrap() throws {
    let data = try Self.bytes()
    var random = SplitMix(seed: 5)
    var errors = 0
    for round in 0..<3000 {
      var bytes = [UInt8](data)
      if round % 3 == 0 {
        bytes = (0..<Int(random.next() % 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        if round % 2 == 0 { bytes = Array("uncl\u{1}\u{0}".utf8) + bytes }
      } else {
        for _ in 0...Int(random.next() % 3) {
          bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
        }
      }
      do {
        for packet in try Self.read(Data(bytes), piece: 4096) { _ = try packet.event() }
      } catch {
        errors += 1
      }
    }
    #expect(errors > 1500)
  }
}
