import Foundation
import TestSupport
import Testing
import Torch

@testable import TorchArchive

@Suite struct TorchArchiveConvertTests {
  @Test(arguments: [
    "types", "views", "state", "parameters", "nested", "script", "deflated", "zip64",
    "negated", "beside2", "beside4", "attributes",
  ])
  func readsWhatTorchWrote(name: String) throws {
    let archive = try TorchArchive(Golden.url("checkpoints/\(name).pt"))
    let expected = try Golden.tensors("checkpoints/\(name).safetensors")
    #expect(archive.tensors.keys.sorted() == expected.keys.sorted())
    #expect(archive.isScript == (name == "script"))
    for (key, value) in expected {
      let found = try #require(archive.tensors[key])
      #expect(found.shape == value.shape && found.dtype == value.dtype, "\(key)")
      #expect(bytes(found) == bytes(value), "\(key)")
    }
  }

  @Test func tensorsOutliveTheArchive() throws {
    func one() throws -> Tensor? {
      try TorchArchive(Golden.url("checkpoints/views.pt")).tensors["whole"]
    }
    let expected = try #require(try Golden.tensors("checkpoints/views.safetensors")["whole"])
    #expect(bytes(try #require(try one())) == bytes(expected))
  }

  @Test func refusesWhatMisleads() throws {
    let folder = try TemporaryFolder()
    let words = try JSONDecoder().decode(
      [String: String].self, from: Data(contentsOf: Golden.url("checkpoints/hostile/words.json")))
    let files = try Golden.tensors("checkpoints/hostile/files.safetensors")
    #expect(files.count == words.count && files.count > 50)
    for (name, content) in files {
      let file = folder.file(name)
      try Data(bytes(content)).write(to: file)
      let text: String
      do {
        text = "read: \(try TorchArchive(file).tensors.keys)"
      } catch let error as ArchiveError {
        text = error.description
      }
      #expect(text.contains(words[name] ?? "?"), "\(name): \(text)")
      #expect(text.hasPrefix(file.path) && text.hasSuffix("."), "\(name): \(text)")
    }
  }

  /// Every truncated file is refused, wherever the cut is, and none ends the process.
  @Test func refusesEveryCut() throws {
    let whole = try Data(contentsOf: Golden.url("checkpoints/parameters.pt"))
    let folder = try TemporaryFolder()
    let file = folder.file("cut.pt")
    for length in stride(from: 0, to: whole.count, by: 7) {
      try whole.prefix(length).write(to: file)
      #expect(throws: ArchiveError.self) { try TorchArchive(file) }
    }
  }

  /// Files with a byte changed are read or refused; none ends the process.
  @Test func doesNotCrashOnChangedBytes() throws {
    let whole = try Data(contentsOf: Golden.url("checkpoints/parameters.pt"))
    let folder = try TemporaryFolder()
    let file = folder.file("changed.pt")
    var random = SplitMix(seed: 1)
    for _ in 0..<400 {
      var changed = whole
      let position = Int.random(in: 0..<whole.count, using: &random)
      changed[position] = UInt8.random(in: 0...255, using: &random)
      try changed.write(to: file)
      do {
        _ = try TorchArchive(file)
      } catch { #expect(error is ArchiveError, "byte \(position): \(error)") }
    }
  }

  /// The pickles themselves, since the checksum hides changes of them above.
  @Test func doesNotCrashOnChangedPickles() throws {
    let plain: [UInt8] = Array("\u{0}".utf8)
    var random = SplitMix(seed: 2)
    for length in 0..<600 {
      let bytes =
        [0x80, 2] + (0..<length % 40).map { _ in UInt8.random(in: 0...255, using: &random) }
        + plain
      bytes.withUnsafeBytes { buffer in
        do {
          let budget = ReadingBudget(file: "x", fileSize: buffer.count)
          try PickleReader.read(buffer, file: "x", isScript: false, budget: budget) { value in
            _ = try TensorCollector.tensors(in: value, file: "x", budget: budget)
          }
        } catch { #expect(error is ArchiveError) }
      }
    }
  }

  private func bytes(_ tensor: Tensor) -> [UInt8] {
    tensor.contiguous().withBytes { Array($0) }
  }
}
