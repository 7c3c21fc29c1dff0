import Files
import Foundation

/// Numbered texts that are walked as often as needed: the lines of a file, or the names of images.
///
/// The text of an item may be any bytes; they are valid during the call alone.
protocol WorkSource {
  /// Gives each item in order to `body`: its number, from 1 and ascending, and the bytes of its text.
  ///
  /// - Throws: `CommandError` where the source cannot be read, and what `body` throws.
  func forEach(_ body: (_ number: Int, _ text: UnsafeRawBufferPointer) throws -> Void) throws
}

extension WorkSource {
  /// Counts and fingerprints the items.
  func survey() throws -> ShardPlan.Input {
    var items = 0
    var hash = WorkHash()
    try forEach { number, text in
      items += 1
      hash.add(number)
      hash.add(text)
    }
    return ShardPlan.Input(items: items, fingerprint: hash.text)
  }

  /// How many items each of `shards` shards has.
  func counts(shards: Int) throws -> [Int] {
    var counts = [Int](repeating: 0, count: shards)
    try forEach { number, text in counts[WorkHash.shard(of: number, text, of: shards)] += 1 }
    return counts
  }
}

/// FNV-1a over 64 bits, then SplitMix64's mixing. What it says lies in files, so it must not change.
struct WorkHash {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  private var value: UInt64 { SplitMix64.mixed(state) }

  /// The hash as 16 hexadecimal digits.
  var text: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Adds an integer as eight bytes, the least first.
  mutating func add(_ number: Int) {
    withUnsafeBytes(of: UInt64(number).littleEndian) { add($0) }
  }

  /// Adds bytes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var state = state
    for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    self.state = state
  }

  /// The shard that an item belongs to, `0 ..< shards`: it depends on nothing but these three.
  static func shard(of number: Int, _ text: UnsafeRawBufferPointer, of shards: Int) -> Int {
    var hash = WorkHash()
    hash.add(number)
    hash.add(text)
    return Int(hash.value % UInt64(shards))
  }
}

/// Items that are named one by one, such as image files.
struct NamedItems: WorkSource {
  let names: [String]

  func forEach(_ body: (_ number: Int, _ text: UnsafeRawBufferPointer) throws -> Void) throws {
    for (index, name) in names.enumerated() {
      var name = name
      try name.withUTF8 { try body(index + 1, UnsafeRawBufferPointer($0)) }
    }
  }
}
