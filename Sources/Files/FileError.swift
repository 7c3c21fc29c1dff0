package import Foundation

/// Why a file or folder cannot be read or written; each target wraps it in its own error.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file or folder.
  package let path: String
  /// Why, in words that fit between brackets or after a colon: `the disk is full`.
  package let reason: String

  package init(_ url: URL, _ reason: String) {
    path = url.path
    self.reason = reason
  }

  /// Makes the error of the last failed system call (`errno`), about `url`.
  package static func last(_ url: URL) -> FileError { FileError(url, systemReason(errno)) }

  package var description: String { "\(path): \(reason)" }
}

/// Says why a file operation failed, in words that fit between brackets or after a colon, without
/// the domains and codes that Foundation adds.
package func reason(of error: any Error) -> String {
  if let error = error as? FileError { return error.reason }
  if let error = error as? CocoaError, let known = cocoaReasons[error.code] { return known }
  let general = error as NSError
  if let cause = general.userInfo[NSUnderlyingErrorKey] as? any Error { return reason(of: cause) }
  if general.domain == NSPOSIXErrorDomain { return systemReason(Int32(general.code)) }
  let text = general.domain == NSCocoaErrorDomain ? error.localizedDescription : "\(error)"
  return text.hasSuffix(".") ? String(text.dropLast()) : text
}

/// What an `errno` of the system means.
package func systemReason(_ code: Int32) -> String {
  switch code {
  case ENOENT: "there is no such file or folder"
  case EACCES, EPERM: "it is not permitted"
  case EEXIST: "something of that name is there already"
  case EISDIR: "it is a folder"
  case ENOTDIR: "a part of the path is not a folder"
  case ENOTEMPTY: "the folder is not empty"
  case ENAMETOOLONG: "the name is too long"
  case ELOOP: "its symbolic links lead in a circle"
  case ENOSPC: "the disk is full"
  case EDQUOT: "the disk quota is used up"
  case EROFS: "the disk is read-only"
  case EFBIG: "the file would be larger than is allowed"
  case EMFILE, ENFILE: "too many files are open"
  case ENOMEM: "there is not enough memory"
  case EIO: "the disk failed"
  default: String(cString: strerror(code)).lowercased()
  }
}

private let cocoaReasons: [CocoaError.Code: String] = [
  .fileNoSuchFile: systemReason(ENOENT),
  .fileReadNoSuchFile: systemReason(ENOENT),
  .fileReadNoPermission: systemReason(EACCES),
  .fileWriteNoPermission: systemReason(EACCES),
  .fileWriteOutOfSpace: systemReason(ENOSPC),
  .fileWriteVolumeReadOnly: systemReason(EROFS),
  .fileWriteFileExists: systemReason(EEXIST),
]
