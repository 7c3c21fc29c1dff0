public import Foundation

/// Why a PyTorch file is not read; nothing in it was run.
public enum ArchiveError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The file breaks its format.
  case damaged(file: String, reason: String)
  /// The file asks for a class or function that is neither a tensor nor a plain container.
  case refused(file: String, name: String)
  /// The file is of an unsupported form; `advice` says how to get another.
  case unsupported(file: String, form: String, advice: String)

  /// `description`, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// What is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .damaged(let file, let reason):
      return "\(file) is damaged or was made to mislead (\(reason)): get the file again, from "
        + "where you trust it."
    case .refused(let file, let name):
      return "\(file) asks for \(name), which is neither a tensor nor a plain container, so it was "
        + "not run and the file is not read: get the weights as safetensors, or save the state "
        + "dict alone."
    case .unsupported(let file, let form, let advice):
      return "\(file) is \(form), which is not read here: \(advice)."
    }
  }
}
