public import Foundation

/// All bytes of a regular file, its size compared with the limit first.
func readFile(_ url: URL, limits: ImageLimits) throws(ImageError) -> [UInt8] {
  let name = url.path
  let descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw .unreadable(name: name, reason: systemMessage()) }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else {
    throw .unreadable(name: name, reason: systemMessage())
  }
  guard status.st_mode & S_IFMT == S_IFREG else {
    throw .unreadable(name: name, reason: "it is not a regular file")
  }
  let count = Int(status.st_size)
  guard count <= limits.bytes else {
    throw .tooManyBytes(name: name, count: count, limit: limits.bytes)
  }
  var failure: ImageError?
  let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    while filled < count {
      let got = read(descriptor, buffer.baseAddress.map { $0 + filled }, count - filled)
      if got < 0, errno == EINTR { continue }
      if got < 0 { failure = .unreadable(name: name, reason: systemMessage()) }
      if got <= 0 { return }
      filled += got
    }
  }
  if let failure { throw failure }
  return bytes
}

extension Image {
  /// Saves the picture in the format of the file name's extension.
  ///
  /// The bytes are written beside the file, synced and renamed, so `url` holds the old file or the
  /// whole new one. `text` is for PNG only; `quality` for JPEG and WebP.
  /// Throws: `unknownExtension`, `unencodable`, `unwritable`.
  public func write(
    to url: URL, text: [(key: String, value: String)] = [], quality: Int = 90
  ) throws(ImageError) {
    guard let format = ImageFormat(pathExtension: url.pathExtension) else {
      throw .unknownExtension(name: url.path)
    }
    guard text.isEmpty || format == .png else {
      throw .unencodable(format: format, reason: "text can be stored in PNG only")
    }
    let bytes =
      switch format {
      case .png: try PNGEncoder.encode(self, text: text)
      case .jpeg: try JPEGEncoder.encode(self, quality: quality)
      case .webp: try WebPEncoder.encode(self, quality: quality)
      }
    try replaceFile(at: url, with: bytes)
  }
}

/// Writes `bytes` beside `url`, syncs them and renames, then syncs the folder.
func replaceFile(at url: URL, with bytes: [UInt8]) throws(ImageError) {
  let folder = url.deletingLastPathComponent().path
  let aside = "\(folder)/.\(url.lastPathComponent).\(getpid())-\(UInt64.random(in: 0 ... .max))"
  let descriptor = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
  guard descriptor >= 0 else { throw .unwritable(name: url.path, reason: systemMessage()) }
  var reason = bytes.withUnsafeBytes { write($0, to: descriptor) }
  if reason == nil, fsync(descriptor) != 0 { reason = systemMessage() }
  if close(descriptor) != 0, reason == nil { reason = systemMessage() }
  if reason == nil, rename(aside, url.path) != 0 { reason = systemMessage() }
  if let reason {
    unlink(aside)
    throw .unwritable(name: url.path, reason: reason)
  }
  let directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  if directory >= 0 {
    fsync(directory)
    close(directory)
  }
}

/// Writes all bytes; nil, or the system's reason.
private func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> String? {
  var rest = bytes[...]
  while !rest.isEmpty {
    let part = UnsafeRawBufferPointer(rebasing: rest)
    let count = Foundation.write(descriptor, part.baseAddress, part.count)
    if count < 0 {
      if errno == EINTR { continue }
      return systemMessage()
    }
    rest = rest.dropFirst(count)
  }
  return nil
}

/// The text of `errno`.
private func systemMessage() -> String {
  String(cString: strerror(errno))
}
