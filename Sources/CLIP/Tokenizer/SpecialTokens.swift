/// Finds the spellings of special tokens in a text before it is split into pieces.
///
/// Source: Hugging Face tokenizers, `AddedVocabulary`: tokens as typed first, cleaned ones after.
struct SpecialTokens: Sendable {
  /// A cleaned text between special tokens, or one of these.
  enum Part {
    case text(ArraySlice<Unicode.Scalar>)
    case special(Int)
  }

  private typealias Spelling = (scalars: [Unicode.Scalar], id: Int)
  private let typed: [Spelling]
  private let cleaned: [Spelling]

  /// Groups the tokens and their ids; of a token given twice the first counts.
  init(_ tokens: [(token: SpecialToken, id: Int)]) {
    var seen: Set<String> = []
    var typed: [Spelling] = []
    var cleaned: [Spelling] = []
    for (token, id) in tokens where !token.text.isEmpty && seen.insert(token.text).inserted {
      if token.isNormalized {
        cleaned.append((TextSplitter.cleaned(token.text), id))
      } else {
        typed.append((Array(token.text.unicodeScalars), id))
      }
    }
    // Of several at one position the longest matches.
    self.typed = typed.sorted { $0.scalars.count > $1.scalars.count }
    self.cleaned = cleaned.sorted { $0.scalars.count > $1.scalars.count }
  }

  /// Calls `body` with each segment in order until it returns false.
  func forEachPart(of text: String, _ body: (Part) -> Bool) {
    let scalars = Array(text.unicodeScalars)
    Self.split(scalars, at: typed) { part in
      switch part {
      case .special: return body(part)
      case .text(let slice):
        var view = String.UnicodeScalarView()
        view.append(contentsOf: slice)
        return Self.split(TextSplitter.cleaned(String(view)), at: cleaned, body)
      }
    }
  }

  /// Splits `scalars` at the spellings; returns false when `body` stopped it.
  @discardableResult
  private static func split(
    _ scalars: [Unicode.Scalar], at spellings: [Spelling], _ body: (Part) -> Bool
  ) -> Bool {
    var textStart = 0
    var position = 0
    while position < scalars.count {
      guard
        let found = spellings.first(where: {
          $0.scalars[0] == scalars[position] && scalars[position...].starts(with: $0.scalars)
        })
      else {
        position += 1
        continue
      }
      if position > textStart, !body(.text(scalars[textStart..<position])) { return false }
      if !body(.special(found.id)) { return false }
      position += found.scalars.count
      textStart = position
    }
    return textStart == scalars.count || body(.text(scalars[textStart...]))
  }
}
