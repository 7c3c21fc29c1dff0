import Files
public import Foundation
import Torch

/// Why a tokenizer could not be read or written.
public enum TokenizerError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// A file of the tokenizer folder is missing or cannot be opened.
  case missingFile(file: String)
  /// A file is a Git LFS pointer.
  case pointer(file: String)
  /// A file is text of another encoding.
  case notText(file: String, reason: String)
  /// A file is not JSON of the expected layout.
  case invalidJSON(file: String, expected: String)
  /// The vocabulary's ids are not 0, 1, 2 … each once.
  case brokenNumbering(file: String, count: Int, id: Int)
  /// A line of the merges file is not two symbols.
  case malformedMerge(file: String, line: Int, text: String)
  /// A merge needs or makes a symbol that the vocabulary lacks.
  case unknownSymbol(file: String, line: Int, symbol: String)
  /// A special token is not in the vocabulary.
  case missingSpecialToken(file: String, token: String)
  /// A setting has an impossible value.
  case invalidSetting(file: String, key: String, value: String, expected: String)
  /// The folder or a file in it cannot be written.
  case unwritable(file: String, reason: String)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .missingFile(let file):
      "\(file): there is no such tokenizer file; give a folder with vocab.json and merges.txt, or "
        + "with tokenizer.json."
    case .pointer(let file):
      "\(file) cannot be used: \(GitLFS.advice)."
    case .notText(let file, let reason):
      "\(file) cannot be used: \(reason)."
    case .invalidJSON(let file, let expected):
      "\(file): this is not \(expected) in JSON; fetch or write the tokenizer again."
    case .brokenNumbering(let file, let count, let id):
      "\(file): \(count) tokens must be numbered 0 to \(count - 1), each once, but \(id) is not; "
        + "fetch the tokenizer again."
    case .malformedMerge(let file, let line, let text):
      "\(file): line \(line) is \"\(text)\", but a merge is two symbols with one space between; "
        + "fetch the tokenizer again."
    case .unknownSymbol(let file, let line, let symbol):
      "\(file): line \(line) needs the symbol \"\(symbol)\", which vocab.json lacks; "
        + "take both files from the same tokenizer."
    case .missingSpecialToken(let file, let token):
      "\(file): the special token \"\(token)\" is not in the vocabulary; "
        + "take all files from the same tokenizer."
    case .invalidSetting(let file, let key, let value, let expected):
      "\(file): '\(key)' is \(value), but it must be \(expected)."
    case .unwritable(let file, let reason):
      "\(file): cannot write the tokenizer: \(reason)."
    }
  }
}
