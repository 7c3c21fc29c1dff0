import ArgumentParser
import CLIP
import Foundation

/// `unclip tokenize`: the token ids of texts.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Show the token ids of texts.",
    discussion: """
      One line of ids a text, from the start to the end token, cut to the context. With --json \
      each line is a JSON array; --json-lines reads texts that are JSON strings, one a line, so \
      that they can contain any character.

      EXAMPLES:
        unclip tokenize "a red apple"
        unclip tokenize --json-lines texts.jsonl --cleaning open_clip --json
      """)

  @Argument(help: ArgumentHelp("Texts.", valueName: "text"))
  var texts: [String] = []

  @Option(
    help: ArgumentHelp(
      "Read texts from a file of JSON strings, one a line; - is standard input.",
      valueName: "file"))
  var jsonLines: String?

  @Option(
    help: ArgumentHelp(
      "How texts are cleaned: transformers or open_clip; as the model's kind if not given.",
      valueName: "way"))
  var cleaning: Cleaning?

  private static let lengthRange = OptionRange("--context-length", 2...1_000_000)

  @Option(help: lengthRange.help("Context length", note: "the tokenizer's own if not given"))
  var contextLength: Int?

  @Flag(help: "Pad each text to the context length.")
  var pad = false

  @Option(
    help: ArgumentHelp(
      "A model folder or a tokenizer folder, or the name of a model that 'unclip models' lists; "
        + "\(ModelSearch.standard) if not given.", valueName: "folder"),
    completion: .model)
  var model: String?

  @Flag(help: "Print each text's ids as a JSON array.")
  var json = false

  /// `--cleaning`.
  enum Cleaning: String, ExpressibleByArgument, CaseIterable {
    case transformers
    case openCLIP = "open_clip"
  }

  func validate() throws {
    if texts.isEmpty == (jsonLines == nil) {
      throw ValidationError("Give texts or --json-lines.")
    }
    try Self.lengthRange.check(contextLength)
  }

  func run() throws {
    var tokenizer = try tokenizer()
    switch cleaning {
    case .openCLIP: tokenizer = tokenizer.asOpenCLIP()
    case .transformers where tokenizer.cleaning == .openCLIP:
      throw CommandError.usage(
        "--cleaning is transformers, but this model was trained with open_clip's; leave it out.")
    case .transformers, nil: break
    }
    for text in try inputs() {
      let sequence = tokenizer.encode(text, contextLength: contextLength)
      let ids = pad ? sequence.ids : zip(sequence.ids, sequence.mask).filter(\.1).map(\.0)
      let line = ids.map(String.init).joined(separator: json ? "," : " ")
      try Output.line(json ? "[\(line)]" : line)
    }
  }

  private func tokenizer() throws -> CLIPTokenizer {
    if let model {
      let url = URL(fileURLWithPath: model, isDirectory: true)
      let files = FileManager.default
      func has(_ name: String) -> Bool {
        files.fileExists(atPath: url.appendingPathComponent(name).path)
      }
      // A tokenizer's own folder, without a model.
      if has("tokenizer_config.json"), !has("config.json"), !has("open_clip_config.json") {
        return try CLIPTokenizer(folder: url)
      }
    }
    var options = CLIPOptions()
    options.model = model
    return try options.folder().loadTokenizer()
  }

  private func inputs() throws -> [String] {
    guard let jsonLines else { return texts }
    let data = try TextFile.read(jsonLines, content: "JSON string")
    let decoder = JSONDecoder()
    return try data.split(separator: 0x0A).enumerated().map { index, line in
      do {
        return try decoder.decode(String.self, from: Data(line))
      } catch {
        throw CommandError.data(
          "\(jsonLines): line \(index + 1) is not a JSON string; write one in quotes per line.")
      }
    }
  }
}
