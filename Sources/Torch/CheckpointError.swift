package import Files
public import Foundation

/// The reason why a file of weights cannot be read, written or used.
public enum CheckpointError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The file cannot be opened or read.
  case unreadable(file: String, reason: String)
  /// The file cannot be written.
  case unwritable(file: String, reason: String)
  /// The file has the wrong format.
  case malformed(file: String, reason: String)
  /// The file is a Git LFS pointer.
  case pointer(file: String)
  /// A tensor in the file contradicts its header or its reader.
  case badTensor(file: String, key: String, expected: String, found: String)
  /// The keys or shapes of a state do not fit the module.
  case misfit(file: String, missing: [String], surplus: [String], misshapen: [String])

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      return "\(file) cannot be read (\(reason)): check the path and its permissions."
    case .unwritable(let file, let reason):
      return "\(file) cannot be written (\(reason)): check the folder, its permissions and the "
        + "free space."
    case .malformed(let file, let reason):
      return "\(file) is damaged or of another format (\(reason)): get the file again."
    case .pointer(let file):
      return "\(file) cannot be used: \(GitLFS.advice)."
    case .badTensor(let file, let key, let expected, let found):
      return "\(file) holds a tensor \"\(key)\" with \(found) where \(expected) is needed: get the "
        + "file again, or one that fits."
    case .misfit(let file, let missing, let surplus, let misshapen):
      let faults = [
        Self.list(missing, "missing"), Self.list(surplus, "not known here"),
        Self.list(misshapen, "of another shape or kind"),
      ]
      return "\(file) does not fit the model: \(faults.compactMap { $0 }.joined(separator: "; "));"
        + " use the configuration that belongs to these weights."
    }
  }

  /// Lists at most five of many, and the count.
  private static func list(_ names: [String], _ fault: String) -> String? {
    guard !names.isEmpty else { return nil }
    let shown = names.prefix(5).joined(separator: ", ")
    let rest = names.count > 5 ? ", …" : ""
    return "\(names.count) \(fault) (\(shown)\(rest))"
  }
}

extension CheckpointError {
  /// The error of a weight file that the system cannot read.
  package init(unreadable error: FileError) {
    self = .unreadable(file: error.path, reason: error.reason)
  }

  /// The error of a weight file that the system cannot write.
  package init(unwritable error: FileError) {
    self = .unwritable(file: error.path, reason: error.reason)
  }
}
