import Files
public import Foundation
import GRDB

/// Why the store of a server cannot be opened, read or written.
public enum StoreError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// Another server uses the folder.
  case locked(path: String)
  /// A newer version of the program wrote the folder.
  case newer(path: String)
  /// The disk is full.
  case noSpace(path: String)
  /// The system or the database refuses, and why.
  case failed(path: String, reason: String)

  /// The same sentence, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence: what is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .locked(let path):
      "Another server uses \(path); stop it, or give this one another folder with --data."
    case .newer(let path):
      "A newer version of unclip wrote \(path); use that version, or another folder with --data."
    case .noSpace(let path):
      "There is no space left for \(path); delete images, or make room on the disk."
    case .failed(let path, let reason): "Cannot use \(path): \(reason)."
    }
  }

  /// Wraps what the file system or the database says.
  init(_ error: any Error, _ url: URL) {
    switch error {
    case let error as StoreError: self = error
    case let error as DatabaseError where error.resultCode == .SQLITE_FULL:
      self = .noSpace(path: url.path)
    case let error as DatabaseError:
      self = .failed(path: url.path, reason: error.message ?? "\(error.resultCode)")
    default:
      let cause = reason(of: error)
      let path = (error as? FileError)?.path ?? url.path
      let isFull = [ENOSPC, EDQUOT].map(systemReason).contains(cause)
      self = isFull ? .noSpace(path: path) : .failed(path: path, reason: cause)
    }
  }
}
