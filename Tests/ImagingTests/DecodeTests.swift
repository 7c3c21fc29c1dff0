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

  @Test(arguments: 1...8) func readsTheOrientation(_ orientation: Int) throws {
    let data = try ImageCases.bytes("jpeg-turn\(orientation).jpg")
    let header = try ImageHeader.read(data, name: "turned")
    #expect(header.orientation == orientation)
    #expect(header.width == (orientation >= 5 ? 12 : 20))
    #expect(header.height == (orientation >= 5 ? 20 : 12))
  }
}
