import Foundation
public import Imaging

/// Counts and example captions of a data set folder.
public struct DatasetInspection: Sendable, Equatable, Codable {
  /// Number of samples.
  public let samples: Int
  /// Samples that show things, not signs or letters.
  public let coreSamples: Int
  /// Samples whose concept is held out by the usual split.
  public let heldOutSamples: Int
  /// Number of different concepts.
  public let concepts: Int
  /// Samples per source.
  public let sources: [String: Int]
  /// Samples per licence.
  public let licences: [String: Int]
  /// Samples per top group.
  public let groups: [String: Int]
  /// Samples per longer side: `64`, `128`, `256`, `512` and `larger`, each up to that many pixels.
  public let sides: [String: Int]
  /// Number of different words in captions and keywords.
  public let vocabulary: Int
  /// Words that occur at least twice.
  public let repeatedWords: Int
  /// Mean number of words in a caption.
  public let averageCaptionWords: Double
  /// Some captions as training would sample them.
  public let captions: [String]

  /// Reads the captions of all samples and the headers of their images.
  ///
  /// - Throws: `DataError.malformed` if an image has no readable header.
  public init(
    _ reader: ShardReader, captionCount: Int = 20, seed: UInt64 = 0
  ) throws(DataError) {
    var words: [String: Int] = [:]
    var captionWords = 0
    var sides: [String: Int] = [:]
    for index in 0..<reader.count {
      let info = reader.infos[index]
      captionWords += info.caption.split(separator: " ").count
      for word in ([info.caption] + info.keywords).joined(separator: " ").lowercased()
        .split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "-" && $0 != "'" })
      {
        words[String(word), default: 0] += 1
      }
      let side = try reader.side(at: index)
      let bucket = [64, 128, 256, 512].first { side <= $0 }.map(String.init) ?? "larger"
      sides[bucket, default: 0] += 1
    }
    let infos = reader.infos
    func counts(_ name: (SampleInfo) -> String) -> [String: Int] {
      infos.reduce(into: [:]) { $0[name($1), default: 0] += 1 }
    }
    samples = infos.count
    coreSamples = infos.count(where: \.core)
    heldOutSamples = infos.count { DataSplit().contains($0, in: .heldOut) }
    concepts = Set(infos.map(\.concept)).count
    sources = counts(\.source)
    licences = counts(\.licence)
    groups = counts { $0.topGroup ?? "none" }
    self.sides = sides
    vocabulary = words.count
    repeatedWords = words.values.count { $0 > 1 }
    averageCaptionWords = infos.isEmpty ? 0 : Double(captionWords) / Double(infos.count)
    var random = SampleRandom(seed: seed)
    captions =
      infos.isEmpty
      ? []
      : (0..<captionCount).map { _ in
        CaptionSampler().caption(for: random.pick(infos), using: &random)
      }
  }

  /// Returns a grid of `count` randomly chosen samples, `side` pixels each, on white.
  ///
  /// - Throws: `DataError.empty` if there is no sample, `.malformed` if an image cannot be decoded.
  public static func contactSheet(
    of reader: ShardReader, count: Int = 64, side: Int = 96, columns: Int = 8, seed: UInt64 = 0
  ) throws(DataError) -> Image {
    let chosen = try choose(reader, count, seed)
    var images: [Image] = []
    for index in chosen { images.append(try image(reader, index, side)) }
    return ContactSheet.grid(images, columns: columns)
  }

  /// Returns an HTML page of `count` randomly chosen samples with their captions.
  ///
  /// - Throws: As `contactSheet`.
  public static func page(
    of reader: ShardReader, count: Int = 64, side: Int = 128, seed: UInt64 = 0
  ) throws(DataError) -> String {
    var items: [(image: Image, caption: String)] = []
    for index in try choose(reader, count, seed) {
      items.append((try image(reader, index, side), CaptionSampler.plain(reader.infos[index])))
    }
    let name = reader.manifest?.name ?? reader.directory.lastPathComponent
    do throws(ImageError) {
      return try ContactSheet.html(items: items, title: name)
    } catch {
      throw .malformed(file: reader.directory.path, entry: nil, problem: "\(error)")
    }
  }

  private static func choose(
    _ reader: ShardReader, _ count: Int, _ seed: UInt64
  ) throws(DataError) -> [Int] {
    guard reader.count > 0 else {
      throw .empty(directory: reader.directory.path, reason: "the shards hold no sample")
    }
    var order = Array(0..<reader.count)
    var random = SampleRandom(seed: seed)
    random.shuffle(&order)
    return Array(order.prefix(max(1, count)))
  }

  private static func image(
    _ reader: ShardReader, _ index: Int, _ side: Int
  ) throws(DataError) -> Image {
    let sprite = Sprite(try reader.sample(at: index).image, side: side)
    var canvas = Canvas(side: side, color: (255, 255, 255))
    canvas.draw(sprite, x: 0, y: 0, size: Double(side))
    return Image(width: side, height: side, channels: 3, pixels: canvas.pixels)
  }
}
