import Foundation

/// The system's own words for why a file operation failed.
enum SystemReason {
  /// As in `no space left on device`; Foundation's text when there is no system code below it.
  static func text(of error: any Error) -> String {
    var current = error as NSError
    while let below = current.userInfo[NSUnderlyingErrorKey] as? NSError { current = below }
    if current.domain == NSPOSIXErrorDomain {
      return String(cString: strerror(Int32(current.code))).lowercased()
    }
    return current.localizedDescription.trimmingCharacters(in: CharacterSet(charactersIn: "."))
  }
}
