import Foundation

/// Prompts with the names of the concepts that an image of them may show.
///
/// A file has one prompt a line, then `=` and the names with `|` between them:
/// `a red apple = red apple | apple`. A line without `=` accepts the prompt without its article.
public struct AcceptedConcepts: Sendable, Equatable {
  /// A prompt with the names of its accepted concepts.
  public struct Entry: Sendable, Equatable {
    /// The text to generate from.
    public var prompt: String
    /// Names of accepted concepts, as in the data set.
    public var names: [String]
  }

  /// The prompts in the order of the file.
  public var entries: [Entry]

  /// Parses the lines of a file; those that begin with `#` are comments.
  public init(lines: [String]) {
    entries = lines.compactMap { line in
      let parts = line.split(separator: "=", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard let prompt = parts.first, !prompt.isEmpty, !prompt.hasPrefix("#") else { return nil }
      let names = (parts.count > 1 ? parts[1] : Self.bare(prompt)).split(separator: "|")
      return Entry(
        prompt: prompt, names: names.map { $0.trimmingCharacters(in: .whitespaces) })
    }
  }

  /// The prompt without its article.
  private static func bare(_ prompt: String) -> String {
    let words = prompt.split(separator: " ")
    guard let first = words.first, ["a", "an", "the"].contains(first.lowercased()) else {
      return prompt
    }
    return words.dropFirst().joined(separator: " ")
  }
}
