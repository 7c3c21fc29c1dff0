import Foundation
import Synchronization

/// One end of the stream between server and worker process; it owns its descriptor.
///
/// Reading waits and belongs to one thread; any thread may send.
package final class WorkerChannel: Sendable {
  private let descriptor: Int32
  private let reader = Mutex(WorkerFrameReader())
  private let sent = Mutex<UInt32>(0)

  /// Takes a socket.
  package init(_ descriptor: Int32) {
    self.descriptor = descriptor
    #if canImport(Darwin)
      var isOn: Int32 = 1
      setsockopt(
        descriptor, SOL_SOCKET, SO_NOSIGPIPE, &isOn, socklen_t(MemoryLayout<Int32>.size))
    #endif
  }

  deinit { close(descriptor) }

  /// Ends the stream in both directions; whoever reads finds its end.
  package func shutDown() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Sends a message, and waits while the other end does not read.
  /// - Throws: `WorkerProtocolError.stream` when the other end has gone.
  package func send(_ packet: WorkerPacket) throws(WorkerProtocolError) {
    try sent.withLock { number throws(WorkerProtocolError) in
      let data = try WorkerFrame.encode(packet, number: number)
      number &+= 1
      try write(data)
    }
  }

  private func write(_ data: Data) throws(WorkerProtocolError) {
    #if os(Linux)
      let flags = Int32(MSG_NOSIGNAL)
    #else
      let flags: Int32 = 0
    #endif
    var start = 0
    while start < data.count {
      let count = data.withUnsafeBytes { bytes in
        Foundation.send(
          descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start, flags)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .stream(String(cString: strerror(errno))) }
      start += count
    }
  }

  /// Waits for the next message; nil at the end of the stream.
  /// - Throws: `WorkerProtocolError`.
  package func receive() throws(WorkerProtocolError) -> WorkerPacket? {
    try reader.withLock { reader throws(WorkerProtocolError) in
      var bytes = [UInt8](repeating: 0, count: 64 << 10)
      while true {
        if let packet = try reader.next() { return packet }
        let count = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if count < 0, errno == EINTR { continue }
        // A process that was killed with bytes unread resets the stream, which is an end too.
        guard count >= 0 || errno == ECONNRESET else {
          throw .stream(String(cString: strerror(errno)))
        }
        guard count > 0 else {
          try reader.end()
          return nil
        }
        reader.append(bytes[..<count])
      }
    }
  }
}
