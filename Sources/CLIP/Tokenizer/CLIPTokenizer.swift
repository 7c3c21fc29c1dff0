public import Torch

/// A text as a CLIP text tower takes it.
///
/// Shapes: `ids` and `mask` are as long as the context.
public struct TokenSequence: Sendable, Equatable {
  /// Start token, text, end token, then padding.
  public let ids: [Int]
  /// True up to and including the end token.
  public let mask: [Bool]
  /// Whether tokens were cut off since the text was too long.
  public let truncated: Bool

  /// Holds a sequence made elsewhere.
  ///
  /// - Precondition: the mask has as many elements as there are ids.
  public init(ids: [Int], mask: [Bool], truncated: Bool) {
    precondition(ids.count == mask.count, "\(ids.count) ids with \(mask.count) mask elements")
    self.ids = ids
    self.mask = mask
    self.truncated = truncated
  }
}

/// A token that stands for no text; its spelling inside a text becomes its id.
public struct SpecialToken: Sendable, Equatable {
  /// The spelling, as in the vocabulary.
  public let text: String
  /// Whether it is looked for after cleaning, and so in upper case too, or as it is typed.
  public let isNormalized: Bool

  /// Names a special token.
  public init(_ text: String, isNormalized: Bool = false) {
    self.text = text
    self.isNormalized = isNormalized
  }
}

/// The byte-level byte-pair encoding of CLIP.
///
/// Every text has ids and no text is refused: bytes outside all merges stand for themselves.
/// Safe to share between tasks; copies share one cache of pieces.
/// Source: openai/CLIP `SimpleTokenizer`; ids equal those of transformers' `CLIPTokenizer`.
public struct CLIPTokenizer: Sendable {
  /// The tokens by id.
  public let tokens: [String]
  /// The merges, most frequent first, as pairs of symbols.
  public let merges: [(left: String, right: String)]
  /// The token before every text.
  public let start: SpecialToken
  /// The token after every text; also stands for what the vocabulary lacks.
  public let end: SpecialToken
  /// The token that fills the context after the end.
  public let padding: SpecialToken
  /// The ids of the three special tokens.
  public let startID: Int, endID: Int, paddingID: Int
  /// Range: tokens, with start and end, that the text tower takes.
  public let contextLength: Int
  /// How texts are cleaned before they are cut into pieces.
  public let cleaning: Cleaning

  private let encoder: BytePairEncoder
  private let specials: SpecialTokens

  /// How a text is cleaned before it is cut into pieces, and which spellings are special tokens.
  public enum Cleaning: String, Sendable, CaseIterable {
    /// Unicode form C and lower case; special tokens as the vocabulary spells them.
    /// Source: transformers `CLIPTokenizer`.
    case transformers
    /// ftfy's repairs (all but that of wrongly decoded text), HTML references decoded twice, lower
    /// case with final sigma; `<start_of_text>` and `<end_of_text>` are the special tokens.
    /// Source: open_clip `SimpleTokenizer`.
    case openCLIP = "open_clip"
  }

  /// The stock special tokens.
  public static let stockStart = SpecialToken("<|startoftext|>")
  /// The stock end token, also the stock padding.
  public static let stockEnd = SpecialToken("<|endoftext|>")

  /// Returns the same tables used as open_clip and OpenAI's CLIP do: texts cleaned their way, the
  /// context filled with id 0.
  ///
  /// Both cut a text that is too long and keep the end token.
  public func asOpenCLIP() -> CLIPTokenizer {
    CLIPTokenizer(self, cleaning: .openCLIP, padding: SpecialToken(tokens[0]), paddingID: 0)
  }

  private init(
    _ other: CLIPTokenizer, cleaning: Cleaning, padding: SpecialToken, paddingID: Int
  ) {
    tokens = other.tokens
    merges = other.merges
    (start, startID) = (other.start, other.startID)
    (end, endID) = (other.end, other.endID)
    (self.padding, self.paddingID) = (padding, paddingID)
    contextLength = other.contextLength
    encoder = other.encoder
    specials = other.specials
    self.cleaning = cleaning
  }

  /// Makes a tokenizer from its tables, which cleans texts as transformers does.
  ///
  /// - Throws: ``TokenizerError`` when ids do not run from 0 without gaps, when a merge names a
  ///   symbol that the vocabulary lacks, or when a special token is not in it.
  /// - Precondition: the context holds at least 2 tokens.
  public init(
    vocabulary: [String: Int], merges: [(left: String, right: String)],
    start: SpecialToken = stockStart, end: SpecialToken = stockEnd,
    padding: SpecialToken = stockEnd, contextLength: Int = 77
  ) throws(TokenizerError) {
    try self.init(
      vocabulary: vocabulary, merges: merges, start: start, end: end, padding: padding,
      contextLength: contextLength, vocabularyFile: "vocab.json", mergesFile: "merges.txt")
  }

  init(
    vocabulary: [String: Int], merges: [(left: String, right: String)],
    start: SpecialToken, end: SpecialToken, padding: SpecialToken, contextLength: Int,
    vocabularyFile: String, mergesFile: String
  ) throws(TokenizerError) {
    precondition(contextLength >= 2, "a context of \(contextLength) tokens holds no start and end")
    var tokens = [String?](repeating: nil, count: vocabulary.count)
    for (token, id) in vocabulary {
      guard tokens.indices.contains(id), tokens[id] == nil else {
        throw TokenizerError.brokenNumbering(
          file: vocabularyFile, count: vocabulary.count, id: id)
      }
      tokens[id] = token
    }
    func id(_ token: SpecialToken) throws(TokenizerError) -> Int {
      if let id = vocabulary[token.text] { return id }
      throw TokenizerError.missingSpecialToken(file: vocabularyFile, token: token.text)
    }
    self.tokens = tokens.compactMap(\.self)
    self.merges = merges
    self.start = start
    self.end = end
    self.padding = padding
    self.contextLength = contextLength
    cleaning = .transformers
    startID = try id(start)
    endID = try id(end)
    paddingID = try id(padding)
    specials = SpecialTokens([(start, startID), (end, endID), (padding, paddingID)])

    var table: [BytePairEncoder.Pair: BytePairEncoder.Merge] = [:]
    table.reserveCapacity(merges.count)
    for (rank, merge) in merges.enumerated() {
      func symbol(_ text: String) throws(TokenizerError) -> Int32 {
        if let id = vocabulary[text] { return Int32(id) }
        // The file has a heading, and people count lines from 1.
        throw TokenizerError.unknownSymbol(file: mergesFile, line: rank + 2, symbol: text)
      }
      let pair = BytePairEncoder.Pair(
        left: try symbol(merge.left), right: try symbol(merge.right))
      let product = try symbol(merge.left + merge.right)
      if table[pair] == nil {
        table[pair] = BytePairEncoder.Merge(rank: Int32(rank), product: product)
      }
    }
    let unknown = endID
    func symbols(_ ending: String) -> [Int32] {
      (0...255).map { Int32(vocabulary[ByteSymbols.symbol(UInt8($0)) + ending] ?? unknown) }
    }
    encoder = BytePairEncoder(
      table: table, inner: symbols(""), last: symbols(ByteSymbols.endOfWord))
  }

  /// Encodes a text for a text tower: start, tokens, end, padding.
  ///
  /// A text that is too long is cut; its last token is the end token.
  /// Shapes: `contextLength` ids, by default the tokenizer's own.
  /// - Precondition: the context holds at least 2 tokens.
  public func encode(_ text: String, contextLength: Int? = nil) -> TokenSequence {
    let length = contextLength ?? self.contextLength
    precondition(length >= 2, "a context of \(length) tokens holds no start and end")
    let found = tokenIDs(of: text, limit: length - 1)
    let kept = found.prefix(length - 2)
    let rest = length - 2 - kept.count
    return TokenSequence(
      ids: [startID] + kept + [endID] + [Int](repeating: paddingID, count: rest),
      mask: [Bool](repeating: true, count: kept.count + 2) + [Bool](repeating: false, count: rest),
      truncated: found.count > kept.count)
  }

  /// Returns the ids of several texts, as long as the longest of them: a causal text tower's
  /// embeddings do not depend on the padding that is left out.
  ///
  /// Shapes: `[texts, L]` int64, `L` at most `contextLength`.
  /// - Precondition: there is a text; the context holds at least 2 tokens.
  public func batch(_ texts: [String], contextLength: Int) -> Tensor {
    precondition(!texts.isEmpty, "no text to encode")
    let sequences = texts.map { encode($0, contextLength: contextLength) }
    let length = sequences.map { $0.mask.count { $0 } }.max() ?? 0
    let ids = sequences.flatMap { $0.ids.prefix(length).map(Int64.init) }
    return Tensor(ids, shape: [texts.count, length])
  }

  /// Returns the ids of a text alone, without start, end and padding.
  ///
  /// `limit` is the number of ids after which reading may stop; a few more may be returned.
  public func tokenIDs(of text: String, limit: Int = .max) -> [Int] {
    var ids: [Int] = []
    func add(_ piece: ArraySlice<Unicode.Scalar>) -> Bool {
      var bytes: [UInt8] = []
      for scalar in piece { bytes += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter }
      ids += encoder.symbols(of: bytes).lazy.map { Int($0) }
      return ids.count < limit
    }
    switch cleaning {
    case .transformers:
      specials.forEachPart(of: text) { part in
        switch part {
        case .special(let id): ids.append(id)
        case .text(let scalars): TextSplitter.forEachPiece(of: scalars, add)
        }
        return ids.count < limit
      }
    case .openCLIP:
      let scalars = OpenCLIPText.cleaned(text)
      TextSplitter.forEachPiece(of: scalars[...], likeOpenCLIP: true) { piece in
        guard let special = OpenCLIPText.specialNames.firstIndex(of: Array(piece)) else {
          return add(piece)
        }
        ids.append(special == 0 ? startID : endID)
        return ids.count < limit
      }
    }
    return ids
  }

  /// Returns the text of ids; start, end and padding give nothing, and each piece ends in a space
  /// but the last.
  ///
  /// Bytes that form no character become U+FFFD.
  /// - Precondition: every id is in the vocabulary.
  public func decode(_ ids: [Int]) -> String {
    let silent: Set = [startID, endID, paddingID]
    var bytes: [UInt8] = []
    for id in ids where !silent.contains(id) {
      precondition(tokens.indices.contains(id), "id \(id) is outside 0 ..< \(tokens.count)")
      let token = tokens[id]
      if token.hasSuffix(ByteSymbols.endOfWord) {
        bytes += ByteSymbols.decoded(token.dropLast(ByteSymbols.endOfWord.count)) + [0x20]
      } else {
        bytes += ByteSymbols.decoded(token)
      }
    }
    if bytes.last == 0x20 { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
