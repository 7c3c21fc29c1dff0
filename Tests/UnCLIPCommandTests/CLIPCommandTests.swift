import CLIP
import Datasets
import Foundation
import Imaging
import TestSupport
import Testing
import Torch

@testable import UnCLIPCommand

/// `embed`, `classify` and `tokenize` with a tiny model of random weights.
@Suite struct CLIPCommandTests {
  let folder: TemporaryFolder
  let model: String

  init() throws {
    folder = try TemporaryFolder()
    let url = folder.url.appendingPathComponent("model")
    model = url.path
    let tokenizer = CLIPTokenizer.train(
      on: ["a red apple", "a photo of a cat", "two green pears"], vocabularySize: 600,
      contextLength: 12, minimumCount: 1)
    try CLIPModel(.tiny, using: RandomSource(seed: 1)).save(to: url, tokenizer: tokenizer)
  }

  func run(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      arguments + (arguments.contains("--model") ? [] : ["--model", model]), in: folder.url)
  }

  func image(_ name: String, _ color: [UInt8]) throws {
    let url = folder.url.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Image(width: 21, height: 17, color: color).write(to: url)
  }

  /// The header and the values of a NumPy file of float32.
  func table(_ name: String) throws -> (header: String, values: [Float]) {
    let data = try Data(contentsOf: URL(fileURLWithPath: folder.path(name)))
    #expect(data.prefix(8) == Data([0x93]) + Data("NUMPY".utf8) + Data([1, 0]))
    let length = Int(data[8]) + Int(data[9]) << 8
    #expect((10 + length).isMultiple(of: 64))
    let body = data.dropFirst(10 + length)
    let values = stride(from: body.startIndex, to: body.endIndex, by: 4).map { start in
      Float(
        bitPattern: body[start..<start + 4].enumerated().reduce(0) {
          $0 | UInt32($1.element) << (8 * UInt32($1.offset))
        })
    }
    return (String(decoding: data[10..<10 + length], as: UTF8.self), values)
  }

  @Test func embedsTextsAsNumPy() throws {
    let outcome = try run("embed", "a red apple", "猫 🐈", "", "--out", "t.npy", "--batch", "2")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output == folder.path("t.npy") + "\n" + folder.path("t.names.json") + "\n")
    let (header, values) = try table("t.npy")
    #expect(header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 16), }"))
    let names = try JSONDecoder().decode(
      [String].self, from: Data(contentsOf: URL(fileURLWithPath: folder.path("t.names.json"))))
    #expect(names == ["a red apple", "猫 🐈", ""])
    let embedder = try CLIPTextEncoder(CLIPFolder(URL(fileURLWithPath: model)))
    let expected = embedder(names).array(of: Float.self)
    #expect(values.count == 48)
    #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-4 })
  }

  @Test func embedsImagesAndFoldersAsSafetensors() throws {
    try image("images/b.png", [200, 10, 10])
    try image("images/deep/a.jpg", [10, 200, 10])
    try image("c.png", [10, 10, 200, 128])
    let outcome = try run(
      "embed", "--images", "images", "c.png", "--out", "p.safetensors", "--normalize",
      "--store", "float16", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains(#""count" : 3"#) && outcome.output.contains(#""width" : 16"#))
    let file = try Safetensors.read(URL(fileURLWithPath: folder.path("p.safetensors")))
    #expect(
      file.metadata["names"] == #"["images\/b.png","images\/deep\/a.jpg","c.png"]"#)
    let rows = try #require(file.tensors["embeddings"])
    #expect(rows.shape == [3, 16] && rows.dtype == .float16)
    let lengths = rows.to(.float32).norm(over: 1).array(of: Double.self)
    #expect(lengths.allSatisfy { abs($0 - 1) < 1e-3 })
  }

  @Test func embedsShards() throws {
    try image("source/one.png", [200, 10, 10])
    try image("source/two.png", [10, 10, 200])
    let data = try BuiltCommand.run(
      "data", "folder", "source", "--out", "shards", in: folder.url)
    #expect(data.status == 0, "\(data.errors)")
    let outcome = try run("embed", "--data", "shards", "--out", "s.npy", "--batch", "1")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try table("s.npy").values.count == 32)
  }

  @Test func classifiesWithTheNamesInOrder() throws {
    try image("red.png", [250, 5, 5])
    try image("blue.png", [5, 5, 250])
    let outcome = try run(
      "classify", "red.png", "blue.png", "--labels", "apple, pear ,cat", "--top", "2",
      "--template", "a {}", "--template", "a photo of a {}", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    let images = try #require((json as? [String: Any])?["images"] as? [[String: Any]])
    #expect(images.map { $0["path"] as? String } == ["red.png", "blue.png"])
    for image in images {
      let guesses = try #require(image["guesses"] as? [[String: Any]])
      let values = guesses.compactMap { $0["probability"] as? Double }
      #expect(values.count == 2 && values[0] >= values[1] && values[0] + values[1] <= 1)
    }
    let labels = try folder.write("apple\npear\ncat\n", to: "names.txt")
    let lines = try run("classify", "red.png", "--labels-file", labels, "--top", "9")
    #expect(lines.output.split(separator: "\n").count == 4, "\(lines.output)")
    #expect(lines.output.contains(" %  apple\n"))
  }

  @Test func aBrokenImageDoesNotEndARun() throws {
    for (name, color) in [("a", 200), ("c", 90)] {
      try image("set/\(name).png", [UInt8(color), 9, 9])
    }
    _ = try folder.write("text", to: "set/b.png")
    _ = try folder.write("GIF89a", to: "set/d.gif")
    try image("alone/a.png", [200, 9, 9])
    let warnings = [
      "warning: skipped GIF image: 1 (set/d.gif): GIF images are not read; convert it to",
      "warning: skipped file that is no image: 1 (set/b.png): it is no image; give a PNG,",
    ]
    for file in ["some.npy", "some.safetensors"] {
      let some = try run("embed", "--images", "set", "--out", file, "--batch", "1", "--json")
      #expect(some.status == 0 && some.output.contains(#""count" : 2"#), "\(some.errors)")
      for line in warnings { #expect(some.errors.contains(line), "\(some.errors)") }
    }
    let whole = try run(
      "embed", "--images", "set/a.png", "set/c.png", "--out", "whole.npy", "--batch", "1")
    #expect(whole.status == 0)
    #expect(try table("some.npy") == table("whole.npy"))
    let names = try Data(contentsOf: folder.file("some.names.json"))
    #expect(try JSONDecoder().decode([String].self, from: names) == ["set/a.png", "set/c.png"])
    let file = try Safetensors.read(folder.file("some.safetensors"))
    #expect(file.tensors["embeddings"]?.shape == [2, 16])
    #expect(file.metadata["names"] == #"["set\/a.png","set\/c.png"]"#)

    let classified = try run("classify", "set", "--labels", "apple,pear", "--json")
    #expect(classified.status == 0 && classified.output.contains(#""kind" : "GIF image""#))
    for line in warnings { #expect(classified.errors.contains(line), "\(classified.errors)") }
    expectFailure(
      try run("classify", "set", "--labels", "apple,pear", "--strict"), status: 65,
      saying: "set/d.gif: GIF images are not read")
    expectFailure(
      try run("classify", "set/b.png", "--labels", "apple,pear"), status: 65,
      saying: "b.png: it is no image")
    _ = try folder.write("text", to: "e.png")
    expectFailure(
      try run("embed", "--images", "set/b.png", "e.png", "--out", "none.npy"), status: 65,
      saying: "None of the 2 images can be read")
    #expect(try folder.names.filter { $0.contains("none") } == [])
  }

  @Test func aBrokenImageOfAShardHasNoRow() throws {
    for (name, color) in [("a", 200), ("b", 90)] {
      try image("s/\(name).png", [UInt8(color), 9, 9])
    }
    #expect(
      try BuiltCommand.run("data", "folder", "s", "--out", "shards", in: folder.url).status == 0)
    let shard = folder.file("shards/folder-000000.tar")
    var bytes = try Data(contentsOf: shard)
    bytes.replaceSubrange(512..<520, with: Data(repeating: 7, count: 8))
    try bytes.write(to: shard)
    let outcome = try run("embed", "--data", "shards", "--out", "s.npy")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("skipped file that is no image: 1 (file_a)"), "\(outcome.errors)")
    #expect(try table("s.npy").values.count == 16)
    expectFailure(
      try run("embed", "--data", "shards", "--out", "t.npy", "--strict"), status: 65,
      saying: "it is no image")
  }

  @Test func tokenizesLikeTransformersAndOpenCLIP() throws {
    let plain = try run("tokenize", "a &amp; b", "--pad")
    #expect(plain.status == 0, "\(plain.errors)")
    let ids = plain.output.split(separator: " ").compactMap {
      Int($0.trimmingCharacters(in: .newlines))
    }
    #expect(ids.count == 12 && ids.last == ids[ids.count - 2])
    let lines = try folder.write("\"a &amp; b\"\n\"\\u0000\\ud83d\\ude00\"\n", to: "l.jsonl")
    let cleaned = try run(
      "tokenize", "--json-lines", lines, "--cleaning", "open_clip", "--json")
    let rows = try cleaned.output.split(separator: "\n").map {
      try JSONDecoder().decode([Int].self, from: Data($0.utf8))
    }
    #expect(rows.count == 2 && rows[0].count == 5, "\(cleaned.output)")
  }

  @Test func refusesImpossibleRequests() throws {
    try image("red.png", [250, 5, 5])
    expectFailure(try run("embed", "--out", "x.npy"), status: 64, saying: "Missing what to embed")
    expectFailure(
      try run("embed", "a", "--data", "d", "--out", "x.npy"), status: 64, saying: "Give one of")
    expectFailure(try run("embed", "a", "--out", "x.txt"), status: 64, saying: "--out is x.txt")
    expectFailure(
      try run("embed", "a", "--out", "x.npy", "--store", "bfloat16"), status: 64,
      saying: "--store is bfloat16")
    expectFailure(
      try run("embed", "--images", "none.png", "--out", "x.npy"), status: 66,
      saying: "There is no image none.png")
    expectFailure(
      try run("embed", "--data", "none", "--out", "x.npy"), status: 66, saying: "none")
    expectFailure(try run("embed", "a", "--out", "no/x.npy"), status: 73, saying: "no/x.npy")
    expectFailure(try run("classify", "red.png"), status: 64, saying: "--labels or --labels-file")
    expectFailure(
      try run("classify", "red.png", "--labels", "a,a"), status: 64, saying: "a is given twice")
    expectFailure(
      try run("classify", "red.png", "--labels", "a,b", "--template", "x"), status: 64,
      saying: "it must hold {} where the name goes")
    expectFailure(
      try run("classify", "red.png", "--labels", ", "), status: 64, saying: "holds no name")
    let text = try folder.write("text", to: "text.png")
    expectFailure(
      try run("embed", "--images", text, "red.png", "--out", "x.npy", "--strict"), status: 65,
      saying: "text.png: it is no image; give a PNG, JPEG or WebP file.")
    let lines = try folder.write("no json\n", to: "l.jsonl")
    expectFailure(
      try run("tokenize", "--json-lines", lines), status: 65, saying: "line 1 is not a JSON string")
    #expect(
      try folder.names == ["l.jsonl", "model", "red.png", "text.png"],
      "nothing half written is left")
  }

  @Test func refusesFoldersWithoutCLIP() throws {
    func embed(_ model: String) throws -> BuiltCommand.Outcome {
      try run("embed", "a", "--out", "x.npy", "--model", model)
    }
    let empty = folder.url.appendingPathComponent("empty")
    try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
    expectFailure(try embed("absent"), status: 69, saying: "There is no model absent")
    expectFailure(try embed("./absent"), status: 66, saying: "there is no such folder")
    expectFailure(try embed("empty"), status: 65, saying: "holds no CLIP")
    let weights = URL(fileURLWithPath: model + "/text_encoder/model.safetensors")
    try Data("version https://git-lfs.github.com/spec/v1\n".utf8).write(to: weights)
    expectFailure(try embed(model), status: 65, saying: "run `git lfs pull`")
    try FileManager.default.removeItem(atPath: model + "/text_encoder")
    expectFailure(try embed(model), status: 65, saying: "has no text tower")
    try FileManager.default.removeItem(atPath: model + "/tokenizer")
    #expect(try folder.names == ["empty", "model"])
  }
}
