import CLIP
import Config
import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct CLIPImagePreprocessorTests {
  @Test(arguments: ["wide", "tall", "small", "exact"])
  func matchesTransformers(_ name: String) throws {
    let golden = Golden("clip/preprocess")
    let prepare = try CLIPImagePreprocessor(contentsOf: Golden.url("clip/preprocess.json"))
    let bytes = try golden.tensor("image." + name)
    let image = Image(
      width: bytes.dim(1), height: bytes.dim(0), channels: 3, pixels: bytes.array(of: UInt8.self))
    expectClose(prepare([image])[0], try golden.tensor("pixels." + name))
  }

  /// The image processor nested in a `processor_config.json`, which comes before the older file.
  @Test func readsWhatTransformers5Writes() throws {
    try withTemporaryFolder(copying: Golden.url("clip/folders/vision")) { url in
      let golden = Golden("clip/processor/expected")
      let old = CLIPImagePreprocessor(size: 16)
      try old.encoded().write(to: url.appending(path: "preprocessor_config.json"))
      let file = url.appending(path: "processor_config.json")
      try FileManager.default.copyItem(
        at: Golden.url("clip/processor/whole/processor_config.json"), to: file)
      let bytes = try golden.tensor("image")
      let image = Image(
        width: bytes.dim(1), height: bytes.dim(0), channels: 3,
        pixels: bytes.array(of: UInt8.self))
      let prepare = try CLIPFolder(url).loadPreprocessor()
      expectClose(prepare([image])[0], try golden.tensor("pixels"))

      try Data(#"{"processor_class": "CLIPProcessor"}"#.utf8).write(to: file)
      #expect(try CLIPFolder(url).loadPreprocessor() == old)
      try Data(#"{"image_processor": {"do_center_crop": false}}"#.utf8).write(to: file)
      let error = #expect(throws: ConfigError.self) { try CLIPFolder(url).loadPreprocessor() }
      #expect(
        error?.description == "\(file.path) (image_processor): 'do_center_crop' is false, but only "
          + "true is supported.")
    }
  }

  @Test func allWaysInAgree() {
    let prepare = CLIPImagePreprocessor(size: 16)
    let bytes = RandomSource(seed: 1).integers(in: 0..<256, [2, 16, 16, 3])
    let pixels = bytes.array(of: UInt8.self)
    let images = (0..<2).map {
      Image(width: 16, height: 16, channels: 3, pixels: Array(pixels[$0 * 768..<($0 + 1) * 768]))
    }
    expectClose(
      prepare(Tensor(images: images, range: .symmetric)), prepare(images), .products)
  }

  @Test func symmetricLeavesTheGenerativeModelsRangeAsItIs() {
    let images = RandomSource(seed: 1).uniform([2, 3, 16, 16], in: -1..<1)
    expectClose(CLIPImagePreprocessor.symmetric(size: 16)(images), images)
  }

  @Test func otherSidesAreResized() {
    let prepare = CLIPImagePreprocessor(size: 8, mean: [0, 0, 0], deviation: [1, 1, 1])
    let white = prepare(Tensor.ones([1, 3, 20, 20]))
    #expect(white.shape == [1, 3, 8, 8])
    expectClose(white, Tensor.ones([1, 3, 8, 8]))
  }

  @Test func transparencyIsWhite() {
    let prepare = CLIPImagePreprocessor(size: 2, mean: [0, 0, 0], deviation: [1, 1, 1])
    expectClose(
      prepare([Image(width: 2, height: 2, color: [10, 20, 30, 0])]), Tensor.ones([1, 3, 2, 2]))
  }

  /// Each would become a strip of 224 million pixels if it were enlarged whole.
  @Test(arguments: CLIPImagePreprocessor.Convention.allCases)
  func thinImagesAreCutBeforeTheyAreEnlarged(_ convention: CLIPImagePreprocessor.Convention) {
    let prepare = CLIPImagePreprocessor(size: 224, convention: convention)
    let square = Image(width: 224, height: 224, color: [1, 2, 3])
    #expect(prepare.square(Image(width: 1, height: 1_000_000, color: [1, 2, 3])) == square)
    #expect(prepare.square(Image(width: 1_000_000, height: 1, color: [1, 2, 3])) == square)
  }

  @Test func writesWhatItReads() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("preprocessor_config.json")
    let prepare = CLIPImagePreprocessor(size: 16, shortestEdge: 20, mean: [0.1, 0.2, 0.3])
    try prepare.encoded().write(to: url)
    #expect(try CLIPImagePreprocessor(contentsOf: url) == prepare)
  }

  /// The message that a file with other lines gives.
  func message(_ json: String) throws -> String? {
    let folder = try TemporaryFolder()
    let url = folder.file("preprocessor_config.json")
    try Data(json.utf8).write(to: url)
    do {
      _ = try CLIPImagePreprocessor(contentsOf: url)
      return nil
    } catch {
      return error.description.replacingOccurrences(of: url.path, with: "file")
    }
  }

  @Test func olderFilesAndFaults() throws {
    func file(_ size: String, _ crop: String, _ more: String = "") -> String {
      """
      {"size": \(size), "crop_size": \(crop), "image_mean": [0.5, 0.5, 0.5],
       "image_std": [0.5, 0.5, 0.5], "feature_extractor_type": "CLIPFeatureExtractor"\(more)}
      """
    }
    #expect(try message(file("224", "224")) == nil)
    #expect(
      try message(file("224", "256"))
        == "file: 'size' is 224, but the shortest edge must not be shorter than crop_size, 256.")
    #expect(
      try message(file("224", "{\"height\": 3, \"width\": 4}"))
        == "file: 'crop_size' is 3x4, but a vision tower takes squares.")
    #expect(
      try message(file("224", "224", ", \"resample\": 2"))
        == "file: 'resample' is 2, but only 3 is supported.")
    #expect(
      try message(file("224", "224", ", \"sharpen\": true"))
        == "file: unknown key 'sharpen'; remove it or correct its spelling.")
    #expect(
      try message(file("224", "224").replacingOccurrences(of: "[0.5, 0.5, 0.5]", with: "[0.5]"))
        == "file: 'image_mean' is [0.5], but it must be three numbers of 0 to 1, for red, green and "
        + "blue.")
    #expect(
      try message(
        file("224", "224").replacingOccurrences(
          of: "\"image_std\": [0.5, 0.5, 0.5]", with: "\"image_std\": [0.5, 0, 0.5]"))
        == "file: 'image_std' is [0.5, 0.0, 0.5], but it must be three numbers above 0 and at "
        + "most 1000, for red, green and blue.")
  }
}
