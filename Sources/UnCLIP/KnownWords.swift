import Files
import Foundation

/// The words of the captions a model was trained on: `vocabulary.txt` in its folder, one a line.
///
/// A folder need not have it; large models, which have seen nearly every word, do not.
package struct KnownWords: Sendable {
  package static let fileName = "vocabulary.txt"
  private let words: Set<Substring>

  /// Takes a text in which every word is known.
  package init(in text: String) { words = Set(Self.words(of: text.lowercased())) }

  /// The words of captions, sorted, one a line: the content of the file.
  package static func text(of captions: some Sequence<String>) -> String {
    var all: Set<String> = []
    for caption in captions { all.formUnion(words(of: caption.lowercased()).map(String.init)) }
    return all.sorted().map { $0 + "\n" }.joined()
  }

  /// The words of a prompt that are not known, in order, each once; their plurals are known too.
  package func unknown(in prompt: String) -> [String] {
    var seen: Set<Substring> = []
    return Self.words(of: prompt.lowercased())
      .filter { !isKnown($0) && seen.insert($0).inserted }.map(String.init)
  }

  private func isKnown(_ word: Substring) -> Bool {
    if words.contains(word) { return true }
    for (ending, singular) in [("'s", ""), ("ies", "y"), ("es", ""), ("s", "")]
    where word.hasSuffix(ending) && words.contains(word.dropLast(ending.count) + singular) {
      return true
    }
    return false
  }

  /// Runs of letters and signs, without punctuation and digits.
  private static func words(of text: String) -> [Substring] {
    text.split { character in
      character != "'" && !character.isLetter && !character.isSymbol
    }.map { $0.trimmingPrefix("'") }.filter { !$0.isEmpty }
  }
}

extension ModelFolder {
  /// The words the model knows; nil where its folder does not say.
  /// - Throws: `ModelFolderError.vocabulary` for a file that cannot be read.
  package func knownWords() throws(ModelFolderError) -> KnownWords? {
    let file = url.appendingPathComponent(KnownWords.fileName)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    do throws(FileError) {
      let bytes = try PlainFile(file).bytes()
      do throws(PlainText.NotText) {
        return KnownWords(in: try PlainText.decode(bytes))
      } catch {
        throw FileError(file, error.description)
      }
    } catch {
      throw .vocabulary(file: file.path, reason: error.reason)
    }
  }
}
