import Foundation

/// Why a file operation failed, in a few words.
enum SystemReason {
  /// As in `there is no such file`; Foundation's text for what has no words here.
  static func text(of error: any Error) -> String {
    if let error = error as? CocoaError, let known = words[error.code] { return known }
    var current = error as NSError
    while let below = current.userInfo[NSUnderlyingErrorKey] as? NSError { current = below }
    if current.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(current.code))).lowercased()
    }
    return current.localizedDescription.trimmingCharacters(in: CharacterSet(charactersIn: "."))
  }

  private static let words: [CocoaError.Code: String] = [
    .fileNoSuchFile: "there is no such file",
    .fileReadNoSuchFile: "there is no such file",
    .fileReadNoPermission: "reading it is not permitted",
    .fileWriteNoPermission: "writing there is not permitted",
    .fileWriteOutOfSpace: "the disk is full",
    .fileWriteVolumeReadOnly: "the disk is read-only",
    .fileWriteFileExists: "something of that name is in the way",
  ]
}
