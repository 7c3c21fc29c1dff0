import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct FileTests {
  @Test(arguments: ["a.png", "b.PNG", "c.jpg", "d.jpeg", "e.webp"])
  func writesTheFormatOfTheExtension(_ name: String) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: name)
      let image = Image(width: 16, height: 9, color: [10, 200, 30])
      try image.write(to: url)
      let read = try Image(contentsOf: url)
      expectSamples(read.pixels, image.pixels, within: 4)
      let header = try ImageHeader.read(Data(contentsOf: url), name: name)
      #expect(header.format == ImageFormat(pathExtension: url.pathExtension))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [name])
    }
  }

  @Test func replacesAnOldFile() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "a.png")
      try Data(count: 100_000).write(to: url)
      let image = image(5, 5, 4)
      try image.write(to: url, text: [("prompt", "a cat")])
      #expect(try Image(contentsOf: url) == image)
      #expect(try PNGText.read(Data(contentsOf: url)) == ["prompt": "a cat"])
    }
  }

  @Test func refusesUnknownExtensions() throws {
    let error = try #require(throws: ImageError.self) {
      try image(2, 2, 3).write(to: URL(filePath: "/tmp/image.gif"))
    }
    #expect(
      error.description
        == "cannot tell the format of /tmp/image.gif: end the name in .png, .jpg, .jpeg or .webp")
  }

  @Test func refusesTextOutsidePNG() throws {
    let error = try #require(throws: ImageError.self) {
      try image(2, 2, 3).write(to: URL(filePath: "/tmp/image.jpg"), text: [("a", "b")])
    }
    #expect(
      error.description
        == "the image cannot be saved as JPEG: text can be stored in PNG only")
  }

  @Test func namesWhatCannotBeWritten() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "none/a.png")
      let missing = try #require(throws: ImageError.self) {
        try image(2, 2, 3).write(to: url)
      }
      #expect(
        missing.description == "cannot write image \(url.path): there is no such file or folder")
      let taken = folder.appending(path: "taken.png")
      try FileManager.default.createDirectory(at: taken, withIntermediateDirectories: true)
      let error = try #require(throws: ImageError.self) {
        try image(2, 2, 3).write(to: URL(filePath: taken.path))
      }
      #expect(error.description == "cannot write image \(taken.path): it is a folder")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["taken.png"])
    }
  }
}
