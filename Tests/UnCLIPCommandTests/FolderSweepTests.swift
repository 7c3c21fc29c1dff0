import CLIP
import Config
import Foundation
import TestSupport
import Testing
import Torch
import UnCLIP

@testable import UnCLIPCommand

/// The files of a model folder that are no configuration: tokenizers, the index of the parts, indices of
/// weight files. Everything in them in turn becomes each of a few bad values: what is read is taken or
/// refused in one sentence that names the file. Nothing traps, and nothing outside the folder is read.
@Suite struct FolderSweepTests {
  static let bad =
    ConfigSweepTests.bad.map(\.text) + [
      "{}", "{\"a\": {\"b\": [1]}}", "\"\"", "\"../../../etc/passwd\"", "\"/etc/passwd\"",
      "\"\\u001b[31m\"", "true",
    ]

  /// A folder to copy, the file in it that is changed, and what reads the folder.
  struct Case: CustomTestStringConvertible, Sendable {
    let folder: String
    let file: String
    let read: @Sendable (URL) throws -> Void
    var testDescription: String { folder + "/" + file }
  }

  static let cases: [Case] = {
    let tokenizer: @Sendable (URL) throws -> Void = {
      let tokenizer = try CLIPTokenizer(folder: $0)
      #expect(!tokenizer.encode("a cat").ids.isEmpty)
    }
    let pipeline: @Sendable (URL) throws -> Void = {
      _ = try UnCLIPPipeline(ModelFolder($0), requiring: [.prior])
    }
    return [
      Case(folder: "clip/tokenizer", file: "vocab.json", read: tokenizer),
      Case(folder: "clip/tokenizer", file: "tokenizer_config.json", read: tokenizer),
      Case(folder: "clip/tokenizer", file: "special_tokens_map.json", read: tokenizer),
      Case(folder: "clip/tokenizer_single", file: "tokenizer.json", read: tokenizer),
      Case(folder: "clip/tokenizer_single", file: "tokenizer_config.json", read: tokenizer),
      Case(folder: "pipeline/model", file: "model_index.json", read: pipeline),
      Case(folder: "clip/folders/model", file: "model.safetensors.index.json") {
        _ = try Safetensors.readSharded(
          indexURL: $0.appending(path: "model.safetensors.index.json"))
      },
    ]
  }()

  @Test(arguments: cases)
  func valuesOfFolderFiles(_ kind: Case) throws {
    try withTemporaryFolder { parent in
      let folder = parent.appending(path: "folder")
      try FileManager.default.copyItem(at: Golden.url(kind.folder), to: folder)
      let file = folder.appending(path: kind.file)
      let content = try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: file))
      let leaves = content.leaves()
      #expect(!leaves.isEmpty)
      // Tables of thousands of tokens are the same all over.
      let stride = max(1, leaves.count / 24)
      for path in leaves.enumerated().filter({ $0.offset.isMultiple(of: stride) }).map(\.element) {
        for value in Self.bad {
          let place = "\(kind.file) \(path) = \(value)"
          try Data(content.text(replacing: path, with: value).utf8).write(to: file)
          let start = ContinuousClock.now
          do {
            try kind.read(folder)
          } catch {
            let text = CommandEntry.sentence(for: error)
            #expect(text.contains(folder.path), "\(place): \(text)")
            #expect(!text.contains("Swift") && !text.contains("DecodingError"), "\(place): \(text)")
            #expect(!text.contains("\n") && !text.contains("\u{1b}"), "\(place): \(text)")
            #expect(text.hasSuffix("."), "\(place): \(text)")
          }
          #expect(ContinuousClock.now - start < .seconds(10), "\(place) takes long")
        }
      }
    }
  }
}
