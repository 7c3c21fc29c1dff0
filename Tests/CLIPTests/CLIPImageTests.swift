import CLIP
import Foundation
import Imaging
import TestSupport
import Testing

/// Images of every kind against transformers and open_clip; see Scripts/golden/clip_preprocess.py.
@Suite struct CLIPImageTests {
  /// The largest difference of a sample from the reference square, 0 … 255.
  func difference(
    _ convention: CLIPImagePreprocessor.Convention, position: Int, of index: Int, name: String
  ) throws -> Int {
    let side = 16
    let all = try Data(contentsOf: Golden.url("clip/images/squares.bin"))
    let length = side * side * 3
    let start = (2 * index + position) * length
    let expected = [UInt8](all[start..<start + length])
    let image = try Image(contentsOf: Golden.url("clip/images/\(name).png"))
    let square = CLIPImagePreprocessor(size: side, convention: convention).square(image)
    #expect(square.width == side && square.height == side && square.channels == 3)
    return zip(square.pixels, expected).map { abs(Int($0) - Int($1)) }.max() ?? 256
  }

  @Test func everyKindIsPreparedAsTheReferencesDo() throws {
    let names = try JSONDecoder().decode(
      [String].self, from: Data(contentsOf: Golden.url("clip/images/cases.json")))
    #expect(names.count == 20)
    for (index, name) in names.enumerated() {
      let transformers = try difference(.transformers, position: 0, of: index, name: name)
      #expect(transformers <= 1, "\(name)")
      let openCLIP = try difference(.openCLIP, position: 1, of: index, name: name)
      // The borders of a palette image are cut as open_clip's, its pixels as transformers'.
      if !name.hasPrefix("palette") { #expect(openCLIP <= 1, "\(name)") }
    }
  }

  @Test func theConventionIsKeptInTheFile() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("preprocessor_config.json")
    for convention in CLIPImagePreprocessor.Convention.allCases {
      let prepare = CLIPImagePreprocessor(size: 8, convention: convention)
      try prepare.encoded().write(to: url)
      #expect(try CLIPImagePreprocessor(contentsOf: url) == prepare)
    }
  }
}
