public import Foundation

/// An error in a data set, a shard, a package or a setting.
public enum DataError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// A file or folder cannot be read.
  case unreadable(file: String, reason: String)
  /// A file was read but does not follow its format; `entry` says where in it.
  case malformed(file: String, entry: String?, problem: String)
  /// A Debian package can be neither downloaded nor unpacked.
  case package(name: String, reason: String)
  /// A file cannot be written.
  case unwritable(file: String, reason: String)
  /// No image is left after the filters.
  case empty(directory: String, reason: String)
  /// A setting has a value outside its range.
  case setting(name: String, value: String, rule: String)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence: what is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "Cannot read \(file): \(reason)."
    case .malformed(let file, let entry, let problem):
      if let entry { "\(file), \(entry): \(problem)." } else { "\(file): \(problem)." }
    case .package(let name, let reason):
      "Cannot get the Debian package \(name): \(reason); install it with `apt-get install \(name)`"
        + " or pass the folder in which it is unpacked."
    case .unwritable(let file, let reason):
      "Cannot write \(file): \(reason)."
    case .empty(let directory, let reason):
      "No images to use in \(directory): \(reason)."
    case .setting(let name, let value, let rule):
      "The setting \(name) is \(value); \(rule)."
    }
  }
  /// What is wrong and what to do, without the file.
  var reason: String {
    switch self {
    case .malformed(_, _, let problem): problem
    case .unreadable(_, let reason), .package(_, let reason), .unwritable(_, let reason),
      .empty(_, let reason):
      reason
    case .setting(_, _, let rule): rule
    }
  }
}
