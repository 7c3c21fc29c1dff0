import Datasets
import Foundation
import Imaging

/// Files under `Tests/Golden/datasets` and small things that several tests need.
enum Fixture {
  static func url(_ name: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden/datasets/\(name)")
  }

  static var emojiFiles: EmojiSource.Files {
    EmojiSource.Files(
      font: url("font.ttf"), list: url("emoji-test.txt"),
      annotations: [url("annotations.xml"), url("annotations-derived.xml")])
  }

  /// Returns a square of one colour with a transparent margin.
  static func square(
    side: Int = 16, margin: Int = 2, _ red: UInt8, _ green: UInt8, _ blue: UInt8
  ) -> Image {
    var pixels = [UInt8](repeating: 0, count: side * side * 4)
    for y in margin..<side - margin {
      for x in margin..<side - margin {
        let index = (y * side + x) * 4
        pixels.replaceSubrange(index..<index + 4, with: [red, green, blue, 255])
      }
    }
    return Image(width: side, height: side, channels: 4, pixels: pixels)
  }

  static func sample(_ index: Int, side: Int = 16, group: String? = nil) -> Sample {
    Sample(
      key: "sample_\(index)",
      image: square(side: side, UInt8(40 + index * 7 % 200), 90, UInt8(index * 13 % 250)),
      caption: "thing \(index)", keywords: ["word", "number \(index)"], source: "noto-emoji",
      licence: "OFL-1.1", group: group ?? "Objects/tool", style: "emoji")
  }

  /// Writes `count` samples as a finished data set.
  static func write(_ count: Int, to folder: URL, side: Int = 16, perShard: Int = 7) throws {
    var writer = try ShardWriter(directory: folder, name: "set", samplesPerShard: perShard)
    for index in 0..<count { try writer.append(sample(index, side: side)) }
    _ = try writer.finish()
  }

  /// Returns the text of the error that `body` throws, or nil.
  static func message(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch {
      return "\(error)"
    }
  }
}
