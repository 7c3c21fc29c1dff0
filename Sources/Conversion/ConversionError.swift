public import Foundation

/// Why weights cannot be converted.
public enum ConversionError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The keys are those of no supported model.
  case unknownModel(file: String, keys: [String])
  /// The model is known, but of an unsupported kind.
  case unsupported(file: String, reason: String)
  /// A choice that the weights do not determine.
  case ambiguous(file: String, question: String, answer: String)
  /// The same part comes from two files.
  case twice(part: String, file: String)
  /// A part needs another file.
  case incomplete(file: String, needs: String)
  /// An entry of a folder is a link that leads out of it.
  case outside(link: String, target: String)
  /// The target exists already.
  case exists(String)

  /// `description`, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// What is wrong, where, and what to do.
  public var description: String {
    switch self {
    case .unknownModel(let file, let keys):
      let shown = keys.sorted().prefix(3).joined(separator: ", ")
      return "\(file) holds no CLIP and no part of Karlo (its keys begin with \(shown)): give the "
        + "original checkpoint of such a model."
    case .unsupported(let file, let reason):
      return "\(file) holds a model that is not supported (\(reason)): give a CLIP with two "
        + "transformers or an original Karlo checkpoint."
    case .ambiguous(let file, let question, let answer):
      return "\(file) does not say \(question): \(answer)."
    case .twice(let part, let file):
      return "\(file) holds \(part), which an earlier file holds too: give one file for each part."
    case .incomplete(let file, let needs):
      return "\(file) is not enough for its part of the model: \(needs)."
    case .outside(let link, let target):
      return "\(link) is a link to \(target), outside its folder, so it is not followed: put the "
        + "file itself there."
    case .exists(let folder):
      return "\(folder) is there already: name a new folder with --out, or remove that one."
    }
  }
}
