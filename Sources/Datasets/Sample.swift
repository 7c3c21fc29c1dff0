public import Imaging

/// One image with its caption and metadata, as a source yields it and a shard stores it.
public struct Sample: Sendable, Equatable {
  /// The name in the shard, unique in a data set: letters, digits, `-` and `_`.
  public var key: String
  /// The image, RGBA, not composited.
  public var image: Image
  /// The plain name of what the image shows, without article or style.
  public var caption: String
  /// Other words for the same thing.
  public var keywords: [String]
  /// Where it comes from: `noto-emoji`, `openclipart`, `fashion-mnist` or `folder`.
  public var source: String
  /// Licence of the image, as an SPDX name where there is one.
  public var licence: String
  /// Category with subcategory, as `Food & Drink/food-fruit`.
  public var group: String?
  /// The style of the image, as `emoji` or `clip art`.
  public var style: String?
  /// True for images of things; false for signs, letters, clock faces and arrows.
  public var isCore: Bool
  /// The part of the split that its authors put it in, if they did.
  public var part: DataSplit.Part?

  /// Makes a sample.
  public init(
    key: String, image: Image, caption: String, keywords: [String] = [], source: String,
    licence: String, group: String? = nil, style: String? = nil, isCore: Bool = true,
    part: DataSplit.Part? = nil
  ) {
    self.key = key
    self.image = image
    self.caption = caption
    self.keywords = keywords
    self.source = source
    self.licence = licence
    self.group = group
    self.style = style
    self.isCore = isCore
    self.part = part
  }
}

/// The caption and metadata of a sample: what `key.json` holds.
public struct SampleInfo: Sendable, Equatable, Codable {
  /// As `Sample.caption`.
  public var caption: String
  /// As `Sample.keywords`.
  public var keywords: [String]
  /// As `Sample.source`.
  public var source: String
  /// As `Sample.licence`.
  public var licence: String
  /// As `Sample.group`.
  public var group: String?
  /// As `Sample.style`.
  public var style: String?
  /// As `Sample.isCore`.
  public var core: Bool
  /// As `Sample.part`.
  public var part: DataSplit.Part?

  enum CodingKeys: String, CodingKey {
    case caption, keywords, source, licence, group, style, core, part
  }

  /// Takes the caption and metadata of a sample.
  public init(_ sample: Sample) {
    caption = sample.caption
    keywords = sample.keywords
    source = sample.source
    licence = sample.licence
    group = sample.group
    style = sample.style
    core = sample.isCore
    part = sample.part
  }

  /// Reads a record of ours or of another tool: the caption may be named `caption`, `text` or
  /// `prompt`, and fields that mean something else there are passed over.
  ///
  /// - Throws: `DecodingError` if it is no object or has no caption.
  public init(from decoder: any Decoder) throws {
    let fields = try SampleFields(from: decoder)
    guard let caption = fields.caption else {
      throw DecodingError.keyNotFound(
        CodingKeys.caption,
        .init(codingPath: decoder.codingPath, debugDescription: "there is no caption"))
    }
    self.init(caption: caption, fields)
  }

  /// Makes the metadata of an image that has only a caption, or other fields beside it.
  init(caption: String, _ fields: SampleFields? = nil) {
    self.caption = caption
    keywords = fields?.keywords ?? []
    source = fields?.source ?? "folder"
    licence = fields?.licence ?? "unknown"
    group = fields?.group
    style = fields?.style
    core = fields?.core ?? true
    part = fields?.part
  }

  /// The caption's words alone: images of one concept stay in one part of a split.
  public var concept: String {
    caption.lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: " ")
  }

  /// The first component of the group: `Food & Drink` of `Food & Drink/food-fruit`.
  public var topGroup: String? { group?.split(separator: "/").first.map(String.init) }

  /// The second component of the group: `food-fruit` of `Food & Drink/food-fruit`.
  public var subgroup: String? {
    guard let parts = group?.split(separator: "/", maxSplits: 1), parts.count == 2 else {
      return nil
    }
    return String(parts[1])
  }
}

/// A set of captioned images that can be walked in a fixed order.
public protocol SampleSource {
  /// Number of images that will be read; some may be skipped.
  var estimatedCount: Int { get }

  /// Gives each sample in order to `body`.
  ///
  /// - Throws: What `body` throws, or `DataError.malformed` if an image cannot be decoded.
  func forEachSample(_ body: (Sample) throws(DataError) -> Void) throws(DataError)
}

/// A source with random access to its samples.
public protocol IndexedSampleSource: SampleSource {
  /// Number of samples, known before any image is decoded.
  var count: Int { get }

  /// Returns the sample at `index`, 0 ..< count.
  ///
  /// - Throws: `DataError.malformed` if its image cannot be decoded.
  func sample(at index: Int) throws(DataError) -> Sample
}

extension IndexedSampleSource {
  /// The same as `count`.
  public var estimatedCount: Int { count }

  /// Gives each sample in order to `body`.
  ///
  /// - Throws: What `body` throws, or `DataError.malformed` if an image cannot be decoded.
  public func forEachSample(_ body: (Sample) throws(DataError) -> Void) throws(DataError) {
    for index in 0..<count { try body(sample(at: index)) }
  }
}
