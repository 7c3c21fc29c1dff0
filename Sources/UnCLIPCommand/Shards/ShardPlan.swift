import Files
import Foundation

/// What a folder of shards is made of: the file `shards.json` in it, which the first run writes, and
/// to which all others keep.
struct ShardPlan: Codable, Equatable {
  /// The items, as they were at the first run.
  struct Input: Codable, Equatable {
    var items: Int
    var fingerprint: String
  }

  /// The constant `swift-unclip-shards`.
  var format = Self.formatName
  /// The version of the layout, 1.
  var version = 1
  /// The command: `generate` or `embed`.
  var command: String
  /// How many shards there are, however many processes make them.
  var shards: Int
  var input: Input
  /// Everything else on which the bytes of the shards depend.
  var settings: [String: String]

  static let formatName = "swift-unclip-shards"
  static let fileName = "shards.json"

  /// The number of shards for so many items where nobody says it.
  static func shardCount(of items: Int) -> Int {
    min(1_000_000, max(1, min(items, 64), (items + 999) / 1000))
  }

  /// Reads the plan of a folder; nil where there is none.
  ///
  /// - Throws: `CommandError.data` for a file that is no plan.
  static func read(in folder: URL) throws(CommandError) -> ShardPlan? {
    let url = folder.appending(path: fileName)
    guard OutputFile.exists(url) else { return nil }
    do {
      let plan = try JSONDecoder().decode(
        ShardPlan.self, from: FileContents.read(url, limit: 1 << 20))
      if plan.format == formatName, plan.version == 1, (1...1_000_000).contains(plan.shards) {
        return plan
      }
    } catch let error as FileError {
      throw .data("\(url.path) cannot be read: \(error.reason).")
    } catch {
      // Not the JSON of a plan.
    }
    throw .data("\(url.path) is damaged or of another version; name another folder with --shards.")
  }

  /// Writes the plan, or compares it with that of an earlier run or of another process.
  ///
  /// - Parameters:
  ///   - open: Settings that are taken from the folder, since nobody asked for a value.
  ///   - shardCount: What `--shard-count` says.
  /// - Returns: The plan of the folder.
  /// - Throws: `CommandError` for a folder that is of another run or holds other files.
  func agreed(
    in folder: URL, open: Set<String>, shardCount: Int?
  ) throws(CommandError) -> ShardPlan {
    let url = folder.appending(path: Self.fileName)
    if try Self.read(in: folder) == nil {
      try Self.prepare(folder)
      do {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(encoder.encode(self), to: url, replacing: false)
      } catch {
        // Another process may have been first.
        guard OutputFile.exists(url) else {
          throw .cannotCreate(path: url.path, reason: reason(of: error), option: "--shards")
        }
      }
    }
    guard let there = try Self.read(in: folder) else {
      throw .cannotCreate(
        path: url.path, reason: "it was removed meanwhile", option: "--shards")
    }
    let differences = differences(from: there, open: open, shardCount: shardCount)
    guard differences.isEmpty else {
      throw .data(
        "\(folder.path) holds shards of another run: \(differences.joined(separator: "; "));"
          + " name another folder with --shards, or do as that run did.")
    }
    return there
  }

  /// What differs from the plan in the folder, in words.
  private func differences(
    from there: ShardPlan, open: Set<String>, shardCount: Int?
  ) -> [String] {
    var words: [String] = []
    func compare(_ name: String, _ old: String?, _ new: String?) {
      guard old != new else { return }
      words.append("\(name) was \(old ?? "not given") and is \(new ?? "not given") now")
    }
    compare("the command", there.command, command)
    guard words.isEmpty else { return words }
    if there.input.items != input.items {
      compare("the number of items", "\(there.input.items)", "\(input.items)")
    } else if there.input != input {
      words.append("what is read has changed")
    }
    if let shardCount { compare("shard_count", "\(there.shards)", "\(shardCount)") }
    for key in Set(there.settings.keys).union(settings.keys).subtracting(open).sorted() {
      compare(key, there.settings[key], settings[key])
    }
    return words
  }

  /// Makes the folder, and refuses one with other files.
  private static func prepare(_ folder: URL) throws(CommandError) {
    let files = FileManager.default
    if OutputFile.exists(folder), !files.isFolder(folder) {
      throw .cannotCreate(path: folder.path, reason: "it is no folder", option: "--shards")
    }
    let names: [String]
    do {
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
      names = try files.contentsOfDirectory(atPath: folder.path)
    } catch {
      throw .cannotCreate(path: folder.path, reason: reason(of: error), option: "--shards")
    }
    let others = names.filter { !$0.hasPrefix(".") && $0 != fileName }.sorted()
    // Another process may have begun meanwhile, and its shards are no other files.
    guard others.isEmpty || OutputFile.exists(folder.appending(path: fileName)) else {
      let some = others.prefix(3).joined(separator: ", ") + (others.count > 3 ? ", …" : "")
      throw .cannotCreate(
        path: folder.path,
        reason: "shards need a folder of their own, and other files lie there (\(some))",
        option: "--shards")
    }
  }
}
