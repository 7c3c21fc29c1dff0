import Foundation

/// A splitter of texts into cleaned pieces, across which no merge reaches.
///
/// Cleaning is Unicode form C, then lower case scalar by scalar (no final sigma). A piece is a
/// contraction (`'s 't 're 've 'm 'll 'd`), a run of letters, one number character, or a run of
/// anything else but whitespace.
/// Source: transformers `CLIPTokenizer`: normaliser and pre-tokeniser; openai/CLIP's pattern.
enum TextSplitter {
  /// Converts a text to form C and lower case.
  static func cleaned(_ text: some StringProtocol) -> [Unicode.Scalar] {
    let isASCII = text.utf8.allSatisfy { $0 < 0x80 }
    if isASCII {
      return text.utf8.map { byte in
        Unicode.Scalar((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
      }
    }
    var out: [Unicode.Scalar] = []
    for scalar in String(text).precomposedStringWithCanonicalMapping.unicodeScalars {
      if scalar.isASCII {
        let byte = UInt8(truncatingIfNeeded: scalar.value)
        out.append(Unicode.Scalar((0x41...0x5A).contains(byte) ? byte | 0x20 : byte))
      } else {
        out += scalar.properties.lowercaseMapping.unicodeScalars
      }
    }
    return out
  }

  /// Calls `body` with each piece of cleaned scalars, in order, until it returns false.
  /// With `likeOpenCLIP`, by the pattern of open_clip, whose special tokens are pieces.
  static func forEachPiece(
    of scalars: ArraySlice<Unicode.Scalar>, likeOpenCLIP: Bool = false,
    _ body: (ArraySlice<Unicode.Scalar>) -> Bool
  ) {
    let specialNames = likeOpenCLIP ? OpenCLIPText.specialNames : specialNames
    let contractions = likeOpenCLIP ? contractions + [longContraction] : contractions
    // A case-insensitive pattern never matches the iota subscript, so it is dropped.
    func kindOf(_ scalar: Unicode.Scalar) -> ScalarKind {
      likeOpenCLIP && scalar == "\u{345}" ? .space : ScalarKind(scalar)
    }
    var position = scalars.startIndex
    while position < scalars.endIndex {
      let rest = scalars[position...]
      let kind = kindOf(scalars[position])
      var end = position + 1
      if kind == .space {
        position = end
        continue
      }
      if let name = specialNames.first(where: { rest.starts(with: $0) }) {
        if likeOpenCLIP {
          guard body(scalars[position..<position + name.count]) else { return }
          position += name.count
          continue
        }
        // A special token's spelling: its brackets do not join the punctuation around them.
        let inner = position + 2..<position + name.count - 2
        guard body(scalars[position..<inner.lowerBound]), body(scalars[inner]),
          body(scalars[inner.upperBound..<position + name.count])
        else { return }
        position += name.count
        continue
      }
      if let contraction = contractions.first(where: { rest.starts(with: $0) }) {
        end = position + contraction.count
      } else if kind != .number {
        while end < scalars.endIndex, kindOf(scalars[end]) == kind { end += 1 }
      }
      guard body(scalars[position..<end]) else { return }
      position = end
    }
  }

  private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map {
    Array($0.unicodeScalars)
  }
  /// A case-insensitive pattern takes the long s for an s.
  private static let longContraction = Array("'ſ".unicodeScalars)
  private static let specialNames = ["<|startoftext|>", "<|endoftext|>"].map {
    Array($0.unicodeScalars)
  }
}

/// The character classes of the split pattern.
private enum ScalarKind {
  case letter, number, space, other

  init(_ scalar: Unicode.Scalar) {
    if scalar.isASCII {
      switch scalar.value {
      case 0x41...0x5A, 0x61...0x7A: self = .letter
      case 0x30...0x39: self = .number
      case 0x09...0x0D, 0x20: self = .space
      default: self = .other
      }
      return
    }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      self = .letter
    case .decimalNumber, .letterNumber, .otherNumber:
      self = .number
    default:
      self = scalar.properties.isWhitespace ? .space : .other
    }
  }
}
