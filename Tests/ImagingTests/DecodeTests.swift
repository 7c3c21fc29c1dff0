import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct DecodeTests {
  @Test(arguments: try ImageCases.all.get().decode)
  func matchesPillow(_ golden: ImageCases.Decode) throws {
    let data = try ImageCases.bytes(golden.file)
    let header = try ImageHeader.read(data, name: golden.file)
    #expect(header.width == golden.width)
    #expect(header.height == golden.height)
    #expect(header.channels == golden.channels)
    let image = try ImageDecoder.decode(data, name: golden.file)
    #expect(image.width == golden.width)
    #expect(image.height == golden.height)
    #expect(image.channels == golden.channels)
    expectSamples(image.pixels, try golden.expected.bytes, within: golden.tolerance)
  }

  @Test func coversEveryVariant() throws {
    let cases = try ImageCases.all.get()
    #expect(cases.decode.count == 49)
    #expect(cases.resize.count == 80)
  }

  @Test func findsTheFormatInTheBytesNotTheName() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "image.jpg")
      try Data(ImageCases.bytes("png-8bit-3.png")).write(to: url)
      let image = try Image(contentsOf: url)
      #expect(image.channels == 3)
      #expect(try ImageHeader.read(Data(contentsOf: url), name: "x").format == .png)
    }
  }

  @Test func readsDataAndArraysAlike() throws {
    let bytes = try ImageCases.bytes("jpeg-420.jpg")
    let fromArray = try ImageDecoder.decode(bytes, name: "a")
    let fromData = try ImageDecoder.decode(Data(bytes), name: "a")
    #expect(fromArray == fromData)
  }

  private struct Orientation: Decodable {
    let name: String
    let file: Data
    let width: Int
    let height: Int
    let pixels: Data
  }

  /// Files that name an orientation in each way that Pillow reads, or that end early but whole.
  @Test func turnsUprightAsPillow() throws {
    let cases = try JSONDecoder().decode(
      [Orientation].self, from: Data(contentsOf: Golden.url("imaging/orientations.json")))
    #expect(cases.count > 50)
    for golden in cases {
      let image = try ImageDecoder.decode(golden.file, name: golden.name)
      #expect(image.width == golden.width && image.height == golden.height, "\(golden.name)")
      guard image.pixels.count == golden.pixels.count else { continue }
      let tolerance = golden.name.hasPrefix("jpeg") ? 2 : 0
      let most = zip(image.pixels, golden.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 0
      #expect(most <= tolerance, "\(golden.name)")
    }
  }

  @Test(arguments: 1...8) func readsTheOrientation(_ orientation: Int) throws {
    let data = try ImageCases.bytes("jpeg-turn\(orientation).jpg")
    let header = try ImageHeader.read(data, name: "turned")
    #expect(header.orientation == orientation)
    #expect(header.width == (orientation >= 5 ? 12 : 20))
    #expect(header.height == (orientation >= 5 ? 20 : 12))
  }
}
