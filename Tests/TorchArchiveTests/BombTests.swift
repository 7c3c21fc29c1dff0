import CZlib
import Foundation
import Testing
import Torch

@testable import TorchArchive

/// Small files that ask for much memory or time are refused, quickly.
@Suite struct BombTests {
  /// The error for a PyTorch file with this pickle; nil if it is read.
  private func refusal(
    of pickle: [UInt8], entries: [ZipEntry] = [], deflated: Bool = false
  ) throws -> String? {
    let file = FileManager.default.temporaryDirectory
      .appendingPathComponent("unclip-bomb-\(UUID().uuidString).pt")
    defer { do { try FileManager.default.removeItem(at: file) } catch {} }
    let all = [ZipEntry(name: "a/data.pkl", plain: pickle, isDeflated: deflated)] + entries
    try Data(zipFile(all)).write(to: file)
    let clock = ContinuousClock()
    var text: String?
    let taken = try clock.measure {
      do { _ = try TorchArchive(file) } catch let error as ArchiveError { text = "\(error)" }
    }
    #expect(taken < .seconds(20))
    return text
  }

  /// `(storage, 0, shape, strides, …)` rebuilt as a tensor that is then stored in the memo as
  /// `memo`.
  private func tensor(shape: [UInt16], strides: [UInt16], count: UInt16, memo: UInt8) -> [UInt8] {
    func tuple(_ numbers: [UInt16]) -> [UInt8] {
      [0x28] + Array(numbers.map(short).joined()) + [0x74]
    }
    var pickle = global("torch._utils", "_rebuild_tensor_v2") + [0x28]
    pickle += [0x28] + text("storage") + global("torch", "FloatStorage") + text("0")
    pickle += text("cpu") + short(count) + [0x74, 0x51]
    pickle += short(0) + tuple(shape) + tuple(strides)
    return pickle + [0x89, 0x4E, 0x74, 0x52, 0x71, memo]
  }

  private func repeated(_ bytes: [UInt8], _ count: Int) -> [UInt8] {
    Array(repeatElement(bytes, count: count).joined())
  }

  private func short(_ number: UInt16) -> [UInt8] {
    [0x4D, UInt8(number & 255), UInt8(number >> 8)]
  }

  private func text(_ text: String) -> [UInt8] {
    let length = text.utf8.count
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    return [0x58] + bytes + Array(text.utf8)
  }

  private func global(_ module: String, _ name: String) -> [UInt8] {
    [0x63] + Array("\(module)\n\(name)\n".utf8)
  }

  private let far = "far more than its"

  @Test func stateSetOnItselfDoesNotDouble() throws {
    // A module with one attribute, whose state is itself, forty times over.
    var pickle: [UInt8] = [0x80, 2]
    pickle += global("__torch__", "M") + [0x29, 0x81, 0x71, 0]
    pickle += text("k") + [0x4E, 0x73]
    pickle += repeated([0x68, 0, 0x62], 40)
    let constants = ZipEntry(name: "a/constants.pkl", plain: [0x80, 2, 0x29, 0x2E])
    let text = try refusal(of: pickle + [0x2E], entries: [constants])
    #expect(text?.contains(far) == true, "\(text ?? "read")")
  }

  @Test func oneListManyTimesIsNoManyLists() throws {
    // A list of 2000 pairs, made an OrderedDict 2000 times.
    var pickle: [UInt8] = [0x80, 2, 0x5D, 0x71, 0, 0x28]
    pickle += text("k") + [0x4E, 0x86, 0x71, 1]
    pickle += repeated([0x68, 1], 1999) + [0x65, 0x30]
    pickle += global("collections", "OrderedDict") + [0x71, 2, 0x30, 0x28]
    pickle += repeated([0x68, 2, 0x68, 0, 0x85, 0x52], 2000)
    let text = try refusal(of: pickle + [0x74, 0x2E])
    #expect(text?.contains(far) == true, "\(text ?? "read")")
  }

  @Test func longKeysInsideLongKeysAreCounted() throws {
    // 1500 tensors below 30 dictionaries of one key of 100 kB.
    var pickle: [UInt8] = [0x80, 2]
    pickle += text(String(repeating: "k", count: 100_000)) + [0x71, 3, 0x30]
    pickle += tensor(shape: [1], strides: [1], count: 1, memo: 4) + [0x30]
    pickle += [0x5D, 0x28] + repeated([0x68, 4], 1500) + [0x65]
    pickle += repeated([0x71, 6, 0x30, 0x7D, 0x68, 3, 0x68, 6, 0x73], 30)
    let data = ZipEntry(name: "a/data/0", plain: [0, 0, 0, 0])
    let text = try refusal(of: pickle + [0x2E], entries: [data])
    #expect(text?.contains(far) == true, "\(text ?? "read")")
  }

  @Test func manyCopiesOfOneStorageAreCounted() throws {
    // A transposed quarter of a megabyte, copied for each of 2000 positions.
    var pickle: [UInt8] = [0x80, 2]
    pickle += tensor(shape: [250, 250], strides: [1, 250], count: 62500, memo: 4) + [0x30]
    pickle += [0x5D, 0x28] + repeated([0x68, 4], 2000) + [0x65, 0x2E]
    let data = ZipEntry(name: "a/data/0", plain: [UInt8](repeating: 0, count: 250_000))
    let text = try refusal(of: pickle, entries: [data])
    #expect(text?.contains(far) == true, "\(text ?? "read")")
  }

  @Test func deflatedZerosBeyondAMultipleOfTheFileAreRefused() throws {
    let pickle: [UInt8] =
      [0x80, 2] + tensor(shape: [1], strides: [1], count: 1, memo: 4) + [0x2E]
    let data = ZipEntry(
      name: "a/data/0", plain: [UInt8](repeating: 0, count: 80 << 20), isDeflated: true)
    let text = try refusal(of: pickle, entries: [data])
    #expect(text?.contains(far) == true, "\(text ?? "read")")
  }

  @Test func aDeflatedPickleIsCountedToo() throws {
    let plain: [UInt8] = [0x80, 2] + [UInt8](repeating: 0x5D, count: 4 << 20) + [0x2E]
    let text = try refusal(of: plain, deflated: true)
    #expect(text?.contains(far) == true, "\(text ?? "read")")
  }

  /// A log or a configuration beside the weights, and an integer of 200 digits.
  @Test func longTextsAndIntegersAreRead() throws {
    var pickle: [UInt8] = [0x80, 2, 0x7D, 0x28]
    pickle += text("log") + text(String(repeating: "a", count: 3 << 20))
    pickle += text("seed") + [0x4C] + Array((String(repeating: "9", count: 200) + "L\n").utf8)
    pickle += text("w") + tensor(shape: [1], strides: [1], count: 1, memo: 4) + [0x75, 0x2E]
    let data = ZipEntry(name: "a/data/0", plain: [0, 0, 0, 0])
    #expect(try refusal(of: pickle, entries: [data]) == nil)
    let odd: [UInt8] = [0x80, 2, 0x4C] + Array("9-9L\n".utf8) + [0x2E]
    #expect(try refusal(of: odd)?.contains("\"9-9\" where a number is needed") == true)
  }

  @Test func whatIsLargeButHonestIsRead() throws {
    // Ten thousand names of one tensor, transposed, in a deflated file of zeros.
    var pickle: [UInt8] = [0x80, 2]
    pickle += tensor(shape: [20, 20], strides: [1, 20], count: 400, memo: 4)
    pickle += [0x30, 0x7D, 0x28]
    for layer in 0..<10_000 { pickle += text("layer.\(layer).weight") + [0x68, 4] }
    pickle += [0x75, 0x2E]
    let data = ZipEntry(
      name: "a/data/0", plain: [UInt8](repeating: 0, count: 1600), isDeflated: true)
    #expect(try refusal(of: pickle, entries: [data], deflated: true) == nil)
  }
}

/// One file of a zip archive that a test writes.
struct ZipEntry {
  var name: String
  var plain: [UInt8]
  var isDeflated = false
}

/// A zip file, of one disk and without zip64.
func zipFile(_ entries: [ZipEntry]) -> [UInt8] {
  func little(_ number: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }
  var file: [UInt8] = []
  var directory: [UInt8] = []
  for entry in entries {
    let checksum = Int(crc32(0, entry.plain, UInt32(entry.plain.count)))
    let packed = entry.isDeflated ? rawDeflate(entry.plain) : entry.plain
    let common =
      little(0, 2) + little(entry.isDeflated ? 8 : 0, 2) + little(0, 4) + little(checksum, 4)
      + little(packed.count, 4) + little(entry.plain.count, 4) + little(entry.name.utf8.count, 2)
      + little(0, 2)
    directory +=
      [0x50, 0x4B, 1, 2] + little(20, 2) + little(20, 2) + common + little(0, 10)
      + little(file.count, 4) + Array(entry.name.utf8)
    file += [0x50, 0x4B, 3, 4] + little(20, 2) + common + Array(entry.name.utf8) + packed
  }
  return file + directory + [0x50, 0x4B, 5, 6] + little(0, 4) + little(entries.count, 2)
    + little(entries.count, 2) + little(directory.count, 4) + little(file.count, 4) + little(0, 2)
}

/// Deflated bytes without zlib's header and checksum.
private func rawDeflate(_ plain: [UInt8]) -> [UInt8] {
  var count = compressBound(UInt(plain.count))
  var packed = [UInt8](repeating: 0, count: Int(count))
  let status = compress2(&packed, &count, plain, UInt(plain.count), 9)
  precondition(status == Z_OK, "zlib says \(status)")
  return Array(packed[2..<Int(count) - 4])
}
