import Foundation
public import ServiceLifecycle

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#endif

/// Tells systemd that a server is ready and that it stops, as `Type=notify` of a unit asks; does
/// nothing elsewhere.
///
/// Source: sd_notify(3): a datagram to the socket that `$NOTIFY_SOCKET` names.
public struct ServiceManager: Service {
  private let socket: String?

  /// Makes the service for the manager that started this process, if one did.
  public init() { self.init(socket: ProcessInfo.processInfo.environment["NOTIFY_SOCKET"]) }

  /// Takes the address of the manager's socket; a name that begins with `@` has no file.
  init(socket: String?) { self.socket = socket }

  /// Says `READY=1`, once the server listens.
  func ready() { send("READY=1\nSTATUS=It serves.") }

  /// Says `STOPPING=1` when the server is asked to stop.
  public func run() async {
    do { try await gracefulShutdown() } catch {}
    send("STOPPING=1\nSTATUS=It stops when running jobs have ended.")
  }

  /// Sends a message; nobody is told when it does not arrive.
  func send(_ message: String) {
    guard let socket, var address = Self.address(socket) else { return }
    #if canImport(Darwin)
      let kind = SOCK_DGRAM
    #else
      let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    #endif
    let file = systemSocket(AF_UNIX, kind, 0)
    guard file >= 0 else { return }
    defer { close(file) }
    let header = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2
    let length = socklen_t(header + socket.utf8.count)
    let bytes = Array(message.utf8)
    _ = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        sendto(file, bytes, bytes.count, 0, $0, length)
      }
    }
  }

  /// The address of a socket; nil for a path that is too long, or is not absolute.
  static func address(_ socket: String) -> sockaddr_un? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var name = Array(socket.utf8)
    guard let first = name.first, [UInt8(ascii: "/"), UInt8(ascii: "@")].contains(first),
      name.count < MemoryLayout.size(ofValue: address.sun_path)
    else { return nil }
    // A name without a file begins with zero.
    if first == UInt8(ascii: "@") { name[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
    return address
  }
}

/// The system's `socket`, whose name a property has.
private func systemSocket(_ domain: Int32, _ kind: Int32, _ protocolNumber: Int32) -> Int32 {
  socket(domain, kind, protocolNumber)
}
