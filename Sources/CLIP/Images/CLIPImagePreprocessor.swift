public import Config
public import Foundation
public import Imaging
public import Torch
import TorchNN

/// The preprocessing of images for a vision tower; in JSON the keys of transformers'
/// `CLIPImageProcessor`.
public struct CLIPImagePreprocessor: Sendable, Equatable {
  /// Side of the square output, pixels.
  public var size: Int
  /// Length of the shorter side before the centre crop, pixels; at least `size`.
  public var shortestEdge: Int
  /// Means of red, green and blue, for samples in 0 ... 1.
  public var mean: [Double]
  /// Standard deviations of red, green and blue, for samples in 0 ... 1.
  public var deviation: [Double]

  /// How transparency and odd borders are handled.
  public var convention: Convention

  /// The details in which transformers and open_clip prepare images differently.
  ///
  /// Both resize as Pillow does; opaque images with even borders give the same result.
  public enum Convention: String, Sendable, CaseIterable {
    /// Transparent images are blended over white first; an odd border is cropped less at the left
    /// and top. Models trained by this package expect this too.
    /// Source: transformers 5 `CLIPImageProcessorPil`.
    case transformers
    /// Transparency is dropped after the resize, which weights colours by it; half a pixel of
    /// border is rounded to even. Source: open_clip `image_transform`, torchvision.
    case openCLIP = "open_clip"
  }

  /// OpenAI's means of red, green and blue.
  public static let stockMean = [0.48145466, 0.4578275, 0.40821073]
  /// OpenAI's standard deviations of red, green and blue.
  public static let stockDeviation = [0.26862954, 0.26130258, 0.27577711]

  /// Groups the values, by default with OpenAI's statistics and without a crop.
  ///
  /// - Precondition: The size is 1 to the shortest edge, and the statistics have three channels.
  public init(
    size: Int, shortestEdge: Int? = nil, mean: [Double] = stockMean,
    deviation: [Double] = stockDeviation, convention: Convention = .transformers
  ) {
    let edge = shortestEdge ?? size
    precondition(size > 0 && size <= edge, "a square of \(size) of a shortest edge of \(edge)")
    precondition(
      mean.count == 3 && deviation.count == 3 && deviation.allSatisfy { $0 > 0 },
      "means \(mean) and deviations \(deviation) are not those of three channels")
    self.size = size
    self.shortestEdge = edge
    self.mean = mean
    self.deviation = deviation
    self.convention = convention
  }

  /// Scales samples to -1 ... 1, the range of the generative models, for a tower trained on the
  /// same images as these.
  ///
  /// - Precondition: `size` is at least 1.
  public static func symmetric(size: Int) -> CLIPImagePreprocessor {
    let halves = [0.5, 0.5, 0.5]
    return CLIPImagePreprocessor(size: size, mean: halves, deviation: halves)
  }

  /// Reads a `preprocessor_config.json`; without a note of the convention it is transformers'.
  ///
  /// - Throws: `ConfigError` for unreadable, unknown, missing or impossible keys.
  public init(contentsOf url: URL) throws(ConfigError) {
    try self.init(ConfigFile.object(at: url), file: url.path)
  }

  /// Reads what a folder says, if it does: the `image_processor` of a `processor_config.json`, as
  /// transformers 5 writes it, or else a `preprocessor_config.json`.
  ///
  /// Source: transformers `ImageProcessingMixin.get_image_processor_dict`.
  init?(folder: URL) throws(ConfigError) {
    let whole = folder.appending(path: "processor_config.json")
    if FileManager.default.fileExists(atPath: whole.path),
      let section = try ConfigFile.object(at: whole)["image_processor"], section != .null
    {
      guard case .object(let keys) = section else {
        throw ConfigError.invalid(
          file: whole.path, key: "image_processor", value: section.text,
          expected: "it must be an object")
      }
      try self.init(keys, file: "\(whole.path) (image_processor)")
      return
    }
    let file = folder.appending(path: "preprocessor_config.json")
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    try self.init(contentsOf: file)
  }

  private init(_ keys: [String: JSONValue], file name: String) throws(ConfigError) {
    let file = try ConfigFile.decode(
      PreprocessorFile.self, from: ConfigFile.encode(keys), file: name,
      fixed: PreprocessorFile.fixed, ignored: PreprocessorFile.ignored,
      defaults: { _ in PreprocessorFile.defaults })
    let check = ConfigCheck(file: name)
    try Self.check(file.image_mean, "image_mean", file.image_std, "image_std", check)
    let crop = file.crop_size
    try check.require(
      crop.height == crop.width, "crop_size", "\(crop.height)x\(crop.width)",
      "a vision tower takes squares")
    try check.count("crop_size", crop.height, in: 1...ConfigLimit.side)
    try check.require(
      file.size.shortest_edge >= crop.height, "size", file.size.shortest_edge,
      "the shortest edge must not be shorter than crop_size, \(crop.height)")
    try check.count("size", file.size.shortest_edge, in: 1...ConfigLimit.side)
    let name = file.unclip_convention ?? Convention.transformers.rawValue
    guard let convention = Convention(rawValue: name) else {
      throw check.invalid("unclip_convention", "\"\(name)\"", "\(Convention.names) are known")
    }
    self.init(
      size: crop.height, shortestEdge: file.size.shortest_edge, mean: file.image_mean,
      deviation: file.image_std, convention: convention)
  }

  /// Checks means and deviations: of three channels, without overflow for samples in 0 ... 1.
  static func check(
    _ mean: [Double], _ meanKey: String, _ deviation: [Double], _ deviationKey: String,
    _ check: ConfigCheck
  ) throws(ConfigError) {
    try check.require(
      mean.count == 3 && mean.allSatisfy { (0...1).contains($0) }, meanKey, mean,
      "it must be three numbers of 0 to 1, for red, green and blue")
    try check.require(
      deviation.count == 3 && deviation.allSatisfy { (1e-6...1000).contains($0) }, deviationKey,
      deviation, "it must be three numbers above 0 and at most 1000, for red, green and blue")
  }

  /// Returns the `preprocessor_config.json`.
  ///
  /// - Throws: `ConfigError` when a number has no JSON form.
  public func encoded() throws(ConfigError) -> Data {
    let file = PreprocessorFile(
      size: .init(shortest_edge: shortestEdge), crop_size: .init(height: size, width: size),
      image_mean: mean, image_std: deviation,
      unclip_convention: convention == .transformers ? nil : convention.rawValue)
    let type = ["image_processor_type": JSONValue.string("CLIPImageProcessor")]
    return try ConfigFile.encode(file, extra: PreprocessorFile.fixed.merging(type) { $1 })
  }

  /// Prepares images of any size: a bicubic resize of the shorter side as in Pillow, a centre crop.
  ///
  /// Shapes: to `[B, 3, size, size]` float32.
  /// - Precondition: At least one image.
  public func callAsFunction(_ images: [Image]) -> Tensor {
    precondition(!images.isEmpty, "no image to prepare")
    return normalized(Tensor(images: images.map(square), range: .unit).contiguous())
  }

  /// Returns the RGB square of an image, before normalisation.
  ///
  /// Only the centre is resized, so a thin image takes no more memory than a square one.
  public func square(_ image: Image) -> Image {
    let short = min(image.width, image.height)
    let (width, height) = (image.width * shortestEdge / short, image.height * shortestEdge / short)
    func middle(of length: Int) -> Range<Int> {
      let border = length - size
      // open_clip rounds half a pixel of border to even, transformers down.
      let isOdd = convention == .openCLIP && border % 4 == 3
      let start = isOdd ? border / 2 + 1 : border / 2
      return start..<start + size
    }
    let part = PixelRect(x: middle(of: width), y: middle(of: height))
    switch convention {
    case .transformers:
      return image.composited(over: (255, 255, 255))
        .resized(width: width, height: height, part: part)
    case .openCLIP:
      return image.resized(width: width, height: height, part: part).converted(toChannels: 3)
    }
  }

  /// Prepares square images of the generative models.
  ///
  /// Shapes: `[B, 3, S, S]` to `[B, 3, size, size]`.
  /// Range: in -1 ... 1.
  /// - Precondition: The images are square RGB.
  public func callAsFunction(_ images: Tensor) -> Tensor { normalized(images * 0.5 + 0.5) }

  /// Returns `(x - mean) / deviation` of samples in 0 ... 1, bicubically resized if needed.
  private func normalized(_ x: Tensor) -> Tensor {
    let (_, c, h, w) = x.shape4
    precondition(c == 3 && h == w, "images of \(x.shape) are not square RGB")
    var x = x
    if h != size {
      x = F.interpolate(x, size: (size, size), mode: .bicubic, antialias: true)
        .clamped(to: 0...1)
    }
    func channels(_ values: [Double]) -> Tensor {
      Tensor(values, shape: [1, 3, 1, 1]).to(device: x.device, dtype: x.dtype)
    }
    return (x - channels(mean)) / channels(deviation)
  }
}

extension CLIPImagePreprocessor.Convention {
  fileprivate static var names: String {
    allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
  }
}

/// A `preprocessor_config.json`; each of the two sizes may be one number.
private struct PreprocessorFile: Codable {
  var size: Edge
  var crop_size: Crop
  var image_mean: [Double]
  var image_std: [Double]
  /// A key of this package, which transformers ignores.
  var unclip_convention: String?

  struct Edge: Codable {
    var shortest_edge: Int

    init(shortest_edge: Int) { self.shortest_edge = shortest_edge }

    private enum CodingKeys: String, CodingKey { case shortest_edge }

    init(from decoder: any Decoder) throws {
      do {
        shortest_edge = try decoder.singleValueContainer().decode(Int.self)
      } catch {
        shortest_edge = try decoder.container(keyedBy: CodingKeys.self)
          .decode(Int.self, forKey: .shortest_edge)
      }
    }
  }

  struct Crop: Codable {
    var height: Int
    var width: Int

    init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

    private enum CodingKeys: String, CodingKey { case height, width }

    init(from decoder: any Decoder) throws {
      do {
        height = try decoder.singleValueContainer().decode(Int.self)
        width = height
      } catch {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        height = try container.decode(Int.self, forKey: .height)
        width = try container.decode(Int.self, forKey: .width)
      }
    }
  }

  /// The steps that a vision tower needs, and Pillow's id of the bicubic filter.
  static let fixed: [String: JSONValue] = [
    "do_resize": .bool(true), "do_center_crop": .bool(true), "do_rescale": .bool(true),
    "do_normalize": .bool(true), "do_convert_rgb": .bool(true), "resample": .number(3),
    "rescale_factor": .number(1.0 / 255),
  ]

  /// What transformers takes for keys that are not there.
  static let defaults: [String: JSONValue] = [
    "size": .number(224), "crop_size": .number(224),
    "image_mean": .array(CLIPImagePreprocessor.stockMean.map(JSONValue.number)),
    "image_std": .array(CLIPImagePreprocessor.stockDeviation.map(JSONValue.number)),
  ]

  /// Keys that name Python classes or the layout of Python arrays.
  static let ignored: Set<String> = [
    "feature_extractor_type", "image_processor_type", "processor_class", "data_format",
    "input_data_format", "default_to_square", "device", "return_tensors", "disable_grouping",
    "_valid_processor_keys",
  ]
}
