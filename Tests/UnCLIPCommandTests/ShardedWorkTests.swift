import Distribution
import Foundation
import TestSupport
import Testing

@testable import UnCLIPCommand

/// What shards are made of, before anything is drawn.
@Suite struct ShardedWorkTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func lines(
    _ bytes: [UInt8], comments: Bool = true
  ) throws -> [(number: Int, bytes: [UInt8])] {
    try Data(bytes).write(to: folder.file("lines.txt"))
    let source = try LineSource(
      folder.path("lines.txt"), content: "prompt", option: "--prompts-file", comments: comments)
    var lines: [(Int, [UInt8])] = []
    try source.forEach { lines.append(($0, Array($1))) }
    return lines
  }

  @Test func linesAreNumberedAndTrimmed() throws {
    let text = "\u{FEFF}first\r\n\n  # a comment\n#\n#5 is alive \t\n\n   last"
    let found = try lines(Array(text.utf8))
    #expect(found.map(\.number) == [1, 5, 7])
    #expect(
      found.map { String(decoding: $0.bytes, as: UTF8.self) } == ["first", "#5 is alive", "last"])
    #expect(try lines(Array("# a\n#\n".utf8), comments: false).count == 2)
    #expect(try lines([]).isEmpty)
  }

  /// Blocks of a megabyte end anywhere in a line.
  @Test func longFilesAreReadInBlocks() throws {
    let long = String(repeating: "é", count: LineSource.mostBytes / 2)
    let texts = (0..<4_000).map { "line \($0) " + String(repeating: "x", count: $0 % 970) }
    let beyond = String(repeating: "y", count: 3 * LineSource.mostBytes)
    let all = texts + [long, beyond, "end", beyond]
    let found = try lines(Array(all.joined(separator: "\n").utf8))
    #expect(found.map(\.number) == Array(1...all.count))
    #expect(
      found.prefix(4_001).map { String(decoding: $0.bytes, as: UTF8.self) }
        == (texts + [long]).map { $0.trimmingCharacters(in: .whitespaces) })
    #expect(found[4_001].bytes.count == LineSource.mostBytes + 1)
    #expect(found[4_002].bytes == Array("end".utf8))
    #expect(found[4_003].bytes.count == LineSource.mostBytes + 1)
  }

  @Test func whatIsNoTextIsSaid() {
    func reason(_ bytes: [UInt8]) -> String? {
      bytes.withUnsafeBytes { buffer in
        do throws(LineSource.NotText) {
          _ = try LineSource.text(buffer)
          return nil
        } catch {
          return error.reason
        }
      }
    }
    #expect(reason(Array("猫 🐈".utf8)) == nil)
    #expect(reason([0x61, 0xFF]) == "it is not UTF-8 text")
    #expect(reason([0x61, 0]) == "it holds a zero byte")
    #expect(reason([0x61, 13, 0x61]) == "it holds a carriage return")
    #expect(reason([0xC2, 0xA0]) == "it is blank")
    #expect(reason([0xEF, 0xBF, 0xBD])?.contains("U+FFFD") == true)
    #expect(
      reason([UInt8](repeating: 0x61, count: LineSource.mostBytes + 1))
        == "it is longer than 1 MiB")
  }

  @Test func aChangedFileIsNoticed() throws {
    try Data("a\nb\n".utf8).write(to: folder.file("p.txt"))
    let source = try LineSource(
      folder.path("p.txt"), content: "prompt", option: "--prompts-file", comments: true)
    try FileHandle(forWritingTo: folder.file("p.txt")).write(
      contentsOf: Data("longer\nlines\n".utf8))
    #expect(sentence { try source.survey() }.contains("was changed while it was read"))
  }

  /// The division lies in folders, so it stays as it is in every version.
  @Test func theShardOfALineIsFixed() throws {
    var hash = WorkHash()
    "a".utf8.withContiguousStorageIfAvailable { hash.add(UnsafeRawBufferPointer($0)) }
    // FNV-1a of "a" is af63dc4c8601ec8c; mixed by SplitMix64.
    #expect(hash.text == "02c0bdbf481420f8")
    let items = NamedItems(names: (0..<64_000).map { "prompt \($0 % 7)" })
    let counts = try items.counts(shards: 64)
    #expect(counts.reduce(0, +) == 64_000)
    // Six standard deviations of a binomial distribution.
    #expect(counts.allSatisfy { abs($0 - 1000) < 190 }, "\(counts)")
  }

  @Test func partsDivideTheShards() throws {
    for count in [1, 2, 3, 8, 20] {
      let orders = try (0..<count).map {
        try #require(WorkPart(argument: "\($0)/\(count)")).order(of: 10)
      }
      #expect(orders.flatMap { $0 }.sorted() == Array(0..<10))
    }
    #expect(WorkPart(argument: "1/4")?.order(of: 10) == [1, 5, 9])
    let launched = try #require(
      Launch(environment: ["OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"]))
    #expect(WorkPart(launched).order(of: 7) == [1, 4, 2, 5, 0, 3, 6])
    #expect(WorkPart(nil).order(of: 3) == [0, 1, 2])
    for wrong in ["3/3", "-1/3", "1", "1/", "/3", "a/3", "0/0", "1/2/3", "", "0/-1"] {
      #expect(WorkPart(argument: wrong) == nil, "\(wrong)")
    }
  }

  @Test func theNumberOfShardsFollowsTheItems() {
    #expect([1, 5, 64, 10_000].map(ShardPlan.shardCount(of:)) == [1, 5, 64, 64])
    #expect([64_001, 1_000_000].map(ShardPlan.shardCount(of:)) == [65, 1000])
  }

  @Test func theFirstPlanOfAFolderHolds() throws {
    let plan = ShardPlan(
      command: "generate", shards: 8, input: .init(items: 3, fingerprint: "f"),
      settings: ["seed": "1", "threads": "4"])
    let out = folder.file("out")
    #expect(try plan.agreed(in: out, open: [], shardCount: nil) == plan)
    var other = plan
    other.shards = 9
    other.settings["threads"] = "2"
    #expect(try other.agreed(in: out, open: ["threads"], shardCount: nil) == plan)
    #expect(
      sentence { try other.agreed(in: out, open: [], shardCount: 9) }.contains(
        "shard_count was 8 and is 9 now; threads was 4 and is 2 now"))
    other = plan
    other.input.fingerprint = "g"
    other.settings["size"] = "64"
    #expect(
      sentence { try other.agreed(in: out, open: [], shardCount: nil) }.contains(
        "what is read has changed; size was not given and is 64 now"))
    other.command = "embed"
    #expect(
      sentence { try other.agreed(in: out, open: [], shardCount: nil) }.contains(
        "the command was generate and is embed now;"))
    for damaged in ["", "{}", #"{"shards":0}"#] {
      _ = try folder.write(damaged, to: "out/shards.json")
      #expect(
        sentence { try plan.agreed(in: out, open: [], shardCount: nil) }.contains("is damaged"))
    }
  }

  @Test func foldersWithOtherFilesAreRefused() throws {
    let plan = ShardPlan(
      command: "embed", shards: 1, input: .init(items: 1, fingerprint: "f"), settings: [:])
    _ = try folder.write("mine", to: "notes.txt")
    #expect(
      sentence { try plan.agreed(in: folder.url, open: [], shardCount: nil) }.contains(
        "other files lie there (notes.txt)"))
    #expect(
      sentence { try plan.agreed(in: folder.file("notes.txt"), open: [], shardCount: nil) }
        .contains("notes.txt: it is no folder; name another path with --shards."))
    #expect(try folder.names == ["notes.txt"])
  }
}
