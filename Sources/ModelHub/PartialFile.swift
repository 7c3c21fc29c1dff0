import Crypto
import Files
import Foundation
import Synchronization

/// The hash that names a file's content: SHA-256 of a large file, that of a Git blob else.
private enum ContentHash {
  case large(SHA256)
  case blob(Insecure.SHA1)

  init(_ file: HubFile) {
    guard file.sha256 == nil else {
      self = .large(SHA256())
      return
    }
    var hash = Insecure.SHA1()
    hash.update(data: Data("blob \(file.size)\0".utf8))
    self = .blob(hash)
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch self {
    case .large(var hash):
      hash.update(bufferPointer: bytes)
      self = .large(hash)
    case .blob(var hash):
      hash.update(bufferPointer: bytes)
      self = .blob(hash)
    }
  }

  /// The hash of all bytes so far, in hexadecimal digits.
  var text: String {
    func text(_ digest: some Sequence<UInt8>) -> String {
      digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    switch self {
    case .large(let hash): return text(hash.finalize())
    case .blob(let hash): return text(hash.finalize())
    }
  }
}

/// A file of a cache that is being fetched, with what was fetched before.
final class PartialFile: Sendable {
  private struct State {
    var size: Int64 = 0
    var hash: ContentHash
    /// The most bytes that there ever were.
    var best: Int64 = 0
  }

  private let file: HubFile
  private let url: URL
  private let descriptor: Int32
  private let state: Mutex<State>

  /// Opens what was fetched before, and reads it for its hash.
  ///
  /// - Throws: `HubError.unwritable`.
  init(_ file: HubFile, at url: URL) throws(HubError) {
    self.file = file
    self.url = url
    descriptor = open(url.path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard descriptor >= 0 else { throw .unwritable(path: url.path, reason: systemReason(errno)) }
    var state = State(hash: ContentHash(file))
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    while state.size < file.size {
      let count = read(descriptor, &bytes, bytes.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        close(descriptor)
        throw .unwritable(path: url.path, reason: systemReason(errno))
      }
      if count == 0 { break }
      let used = min(count, Int(clamping: file.size - state.size))
      bytes.withUnsafeBytes { state.hash.update(UnsafeRawBufferPointer(rebasing: $0[..<used])) }
      state.size += Int64(used)
    }
    state.best = state.size
    self.state = Mutex(state)
    // What is beyond the size is of another file.
    guard ftruncate(descriptor, off_t(state.size)) == 0,
      lseek(descriptor, off_t(state.size), SEEK_SET) >= 0
    else {
      close(descriptor)
      throw .unwritable(path: url.path, reason: systemReason(errno))
    }
  }

  deinit { close(descriptor) }

  /// The bytes that are there.
  var size: Int64 { state.withLock { $0.size } }

  /// The most bytes that there ever were.
  var best: Int64 { state.withLock { $0.best } }

  /// Whether all bytes are there and are the right ones.
  var isRight: Bool { state.withLock { $0.size == file.size && $0.hash.text == file.hash } }

  /// Appends bytes.
  ///
  /// - Throws: `HubError.unwritable`.
  func append(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = UnsafeRawBufferPointer(rebasing: rest)
      let count = write(descriptor, part.baseAddress, part.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .unwritable(path: url.path, reason: systemReason(errno)) }
      rest = rest.dropFirst(count)
    }
    state.withLock { state in
      state.hash.update(bytes)
      state.size += Int64(bytes.count)
      state.best = max(state.best, state.size)
    }
  }

  /// Removes all bytes.
  ///
  /// - Throws: `HubError.unwritable`.
  func restart() throws(HubError) {
    guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw .unwritable(path: url.path, reason: systemReason(errno))
    }
    state.withLock { state in
      state.size = 0
      state.hash = ContentHash(file)
    }
  }

  /// Removes the file.
  func remove() { unlink(url.path) }

  /// Waits until the bytes are on the disk, then gives the file its name.
  ///
  /// - Throws: `HubError.unwritable`.
  func finish(as target: URL) throws(HubError) {
    guard fsync(descriptor) == 0, rename(url.path, target.path) == 0 else {
      throw .unwritable(path: target.path, reason: systemReason(errno))
    }
    syncFolder(target.deletingLastPathComponent())
  }
}
