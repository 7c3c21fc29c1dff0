import Files

/// The kind of a file, by its first bytes.
public enum FileKind: Sendable, Equatable {
  /// A zip archive, as PyTorch writes since 1.6.
  case zip
  /// A pickle alone, as PyTorch wrote before 1.6.
  case pickle
  /// A tar archive, as the first releases of PyTorch wrote.
  case tar
  /// A safetensors file.
  case safetensors
  /// The small text that Git LFS leaves in place of a file.
  case pointer
  /// A web page.
  case page
  /// Something else, or nothing.
  case unknown

  /// Finds the kind of a file from its bytes.
  public init(_ bytes: UnsafeRawBufferPointer) {
    if ZipArchive.isZip(bytes) {
      self = .zip
    } else if GitLFS.isPointer(bytes) {
      self = .pointer
    } else if FileHead.isPage(bytes) {
      self = .page
    } else if bytes.count > 262, bytes[257..<262].elementsEqual("ustar".utf8) {
      self = .tar
    } else if bytes.count > 9, bytes[8] == 0x7B, bytes[6] == 0, bytes[7] == 0 {
      self = .safetensors
    } else if bytes.count > 2, bytes[0] == 0x80, bytes[1] <= 5 {
      self = .pickle
    } else {
      self = .unknown
    }
  }

  /// Refuses everything but a zip archive.
  ///
  /// - Throws: `ArchiveError.unsupported`, `.damaged`.
  static func requireZip(_ bytes: UnsafeRawBufferPointer, file: String) throws(ArchiveError) {
    let again =
      "load it with a recent PyTorch and save the state dict with torch.save or safetensors"
    switch FileKind(bytes) {
    case .zip: return
    case .pickle:
      throw .unsupported(file: file, form: "a file of PyTorch before 1.6", advice: again)
    case .tar:
      throw .unsupported(
        file: file, form: "a tar archive, as the first releases of PyTorch wrote", advice: again)
    case .pointer:
      throw .unsupported(
        file: file, form: "a Git LFS pointer and not the file itself",
        advice: "run 'git lfs pull' in its repository, or download the file")
    case .page:
      throw .unsupported(
        file: file, form: "a web page", advice: "download the file itself, which may need a login")
    case .safetensors, .unknown:
      throw .damaged(
        file: file,
        reason: bytes.isEmpty ? "it is empty" : "it does not begin as a file of PyTorch does")
    }
  }
}
