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
  /// What was skipped, and why.
  public let skipped: [ImportReport.Count]

  /// Reads the captions of all samples and the headers of their images.
  ///
  /// Images without a readable header are counted as skipped, and not otherwise.
  public init(_ reader: ShardReader, captionCount: Int = 20, seed: UInt64 = 0) {
    var report = reader.report
    var infos: [SampleInfo] = []
    var words: [String: Int] = [:]
    var captionWords = 0
    var sides: [String: Int] = [:]
    for index in 0..<reader.count {
      let info = reader.infos[index]
      let side: Int
      do throws(SampleFault) {
        side = try reader.storedSide(at: index)
      } catch {
        report.add(error)
        continue
      }
      infos.append(info)
      captionWords += info.caption.split(separator: " ").count
      for word in ([info.caption] + info.keywords).joined(separator: " ").lowercased()
        .split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "-" && $0 != "'" })
      {
        words[String(word), default: 0] += 1
      }
      let bucket = [64, 128, 256, 512].first { side <= $0 }.map(String.init) ?? "larger"
      sides[bucket, default: 0] += 1
    }
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
      : (0..<captionCount).map { [infos] _ in
        CaptionSampler().caption(for: random.pick(infos), using: &random)
      }
    skipped = report.skipped
  }

  /// Returns a grid of `count` randomly chosen samples, `side` pixels each, on white.
  ///
  /// - Throws: `DataError.empty` if there is no sample, `.malformed` if an image cannot be decoded.
  public static func contactSheet(
    of reader: ShardReader, count: Int = 64, side: Int = 96, columns: Int = 8, seed: UInt64 = 0
  ) throws(DataError) -> Image {
    ContactSheet.grid(try choose(reader, count, side, seed).map(\.image), columns: columns)
  }

  /// Returns an HTML page of `count` randomly chosen samples with their captions.
  ///
  /// - Throws: As `contactSheet`.
  public static func page(
    of reader: ShardReader, count: Int = 64, side: Int = 128, seed: UInt64 = 0
  ) throws(DataError) -> String {
    let items = try choose(reader, count, side, seed)
    let name = reader.manifest?.name ?? reader.directory.lastPathComponent
    do throws(ImageError) {
      return try ContactSheet.html(items: items, title: name)
    } catch {
      throw .malformed(file: reader.directory.path, entry: nil, problem: "\(error)")
    }
  }

  /// Chooses samples that can be decoded, with their captions.
  private static func choose(
    _ reader: ShardReader, _ count: Int, _ side: Int, _ seed: UInt64
  ) throws(DataError) -> [(image: Image, caption: String)] {
    var order = Array(0..<reader.count)
    var random = SampleRandom(seed: seed)
    random.shuffle(&order)
    var items: [(image: Image, caption: String)] = []
    var first: SampleFault?
    for index in order where items.count < max(1, count) {
      do throws(SampleFault) {
        let sprite = Sprite(try reader.decoded(at: index).image, side: side)
        var canvas = Canvas(side: side, color: (255, 255, 255))
        canvas.draw(sprite, x: 0, y: 0, size: Double(side))
        items.append(
          (
            Image(width: side, height: side, channels: 3, pixels: canvas.pixels),
            CaptionSampler.plain(reader.infos[index])
          ))
      } catch {
        first = first ?? error
      }
    }
    guard !items.isEmpty else {
      throw first?.error
        ?? .empty(directory: reader.directory.path, reason: "the shards hold no sample")
    }
    return items
  }
}
