import Datasets
import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct SourceTests {
  @Test func clipArtIsFilteredAndFramed() throws {
    try withTemporaryFolder { folder in
      let files = try clipArt(in: folder)
      let source = try ClipArtSource(files)
      var samples: [Sample] = []
      try source.forEachSample { sample in samples.append(sample) }
      #expect(samples.map(\.caption) == ["dog", "big apple", "purple hat"])
      let apple = try #require(samples.first { $0.caption == "big apple" })
      #expect(apple.keywords == ["tasty", "food", "fruit"])
      #expect(apple.group == "food/fruit")
      #expect(apple.key == "clipart_food_fruit_apple")
      #expect(apple.licence == "CC-PDDC")
      #expect(apple.style == "clip art")
      // 40 visible pixels and 8 % on each side.
      #expect((apple.image.width, apple.image.height, apple.image.channels) == (46, 46, 4))
      #expect(Array(apple.image[0, 0])[3] == 0)
      #expect(Array(apple.image[23, 23]) == [200, 0, 0, 255])
      let hat = try #require(samples.first { $0.caption == "purple hat" })
      #expect(max(hat.image.width, hat.image.height) <= source.largestSide)
      var small: [Int] = []
      try ClipArtSource(files, largestSide: 40).forEachSample { small.append($0.image.width) }
      #expect(small.max() == 40)
    }
  }

  /// With librsvg's program, where it is.
  @Test func drawingsAreRenderedAsLargeAsAsked() throws {
    guard Self.hasRenderer else {
      return print("drawingsAreRenderedAsLargeAsAsked: skipped, there is no rsvg-convert")
    }
    try withTemporaryFolder { folder in
      var files = try clipArt(in: folder)
      files.images = nil
      // A circle in the corner of a large page, and a stripe that is too long.
      let shapes = [
        "food/fruit/apple": #"<circle cx="30" cy="30" r="20" fill="rgb(200,0,0)"/>"#,
        "hats/hat": #"<rect x="0" y="0" width="450" height="9"/>"#,
      ]
      for (path, shape) in shapes {
        let file = files.drawings.appendingPathComponent(path + ".svg")
        let text = try String(contentsOf: file, encoding: .utf8)
          .replacing(
            "<svg>",
            with: #"<svg xmlns="http://www.w3.org/2000/svg" "#
              + #"xmlns:rdf="r" xmlns:cc="c" xmlns:dc="d" viewBox="0 0 500 500">"#
          )
          .replacing("</svg>", with: shape + "</svg>")
        try text.write(to: file, atomically: true, encoding: .utf8)
      }
      var samples: [Sample] = []
      try ClipArtSource(files, largestSide: 300).forEachSample { samples.append($0) }
      #expect(samples.map(\.caption) == ["big apple"])
      let image = try #require(samples.first).image
      #expect((image.width, image.height) == (300, 300))
      #expect(Array(image[150, 150]) == [200, 0, 0, 255])
      #expect(Array(image[10, 150])[3] == 0)
    }
  }

  private static let hasRenderer = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].contains {
    FileManager.default.isExecutableFile(atPath: $0 + "/rsvg-convert")
  }

  @Test func clipArtWithoutAnyUseIsNamed() throws {
    try withTemporaryFolder { folder in
      var files = try clipArt(in: folder)
      let words = folder.appendingPathComponent("none.txt")
      try "zebra\n".write(to: words, atomically: true, encoding: .utf8)
      files.words = words
      #expect(
        Fixture.message { _ = try ClipArtSource(files) }
          == "No images to use in \(files.drawings.path): no drawing has an English name and"
          + " an image.")
    }
  }

  @Test func fashionImagesAndLabels() throws {
    try withTemporaryFolder { folder in
      let files = try fashion(in: folder, count: 12)
      let source = try FashionMNISTSource(files)
      #expect(source.count == 12)
      #expect(source.labels == (0..<12).map { UInt8($0 % 10) })
      let sample = try source.sample(at: 7)
      #expect(sample.caption == "sneaker")
      #expect(sample.key == "fashion_train_7")
      #expect((sample.image.width, sample.image.height) == (28, 28))
      #expect(Array(sample.image[3, 0]) == [10, 10, 10, 255])
      #expect(try FashionMNISTSource(files, limit: 5).count == 5)
    }
  }

  @Test func wrongFashionFilesAreNamed() throws {
    try withTemporaryFolder { folder in
      let files = try fashion(in: folder, count: 3)
      let swapped = FashionMNISTSource.Files(images: files.labels, labels: files.images)
      #expect(
        Fixture.message { _ = try FashionMNISTSource(swapped) }?.contains(
          "the file begins with 2049 but an IDX file of this kind with 2051") == true)
      let other = try fashion(in: folder.appendingPathComponent("b"), count: 4)
      let mixed = FashionMNISTSource.Files(images: files.images, labels: other.labels)
      #expect(
        Fixture.message { _ = try FashionMNISTSource(mixed) }?.contains(
          "3 images of 28x28 do not fit 4 labels") == true)
      let broken = folder.appendingPathComponent("broken.gz")
      try Data([0x1F, 0x8B, 8, 0, 1, 2]).write(to: broken)
      #expect(
        Fixture.message {
          _ = try FashionMNISTSource(.init(images: broken, labels: files.labels))
        }?.contains("it is damaged or cut short") == true)
    }
  }

  @Test func folderTakesCaptionsFromTextOrName() throws {
    try withTemporaryFolder { folder in
      let sub = folder.appendingPathComponent("pets")
      try FileManager.default.createDirectory(at: sub, withIntermediateDirectories: true)
      let image = Fixture.square(0, 90, 200)
      try image.write(to: folder.appendingPathComponent("red_apple.png"))
      try image.write(to: sub.appendingPathComponent("a.png"))
      try "a small\n cat \n".write(
        to: sub.appendingPathComponent("a.txt"), atomically: true, encoding: .utf8)
      let source = try FolderSource(directory: folder)
      #expect(source.count == 2)
      let cat = try source.sample(at: 0)
      #expect(cat.caption == "a small cat")
      #expect(cat.group == "pets")
      #expect(cat.key == "file_pets_a")
      #expect(try source.sample(at: 1).caption == "red apple")
      #expect(try FolderSource(directory: folder, largestSide: 8).sample(at: 1).image.width == 8)
      try "\n".write(to: sub.appendingPathComponent("a.txt"), atomically: true, encoding: .utf8)
      #expect(
        Fixture.message { _ = try source.sample(at: 0) }?.contains(
          "a.txt: the caption is empty; write what the image shows") == true)
      #expect(
        Fixture.message {
          _ = try FolderSource(directory: folder.appendingPathComponent("none"))
        }?.contains("there is no such file or folder") == true)
    }
  }

  @Test func emptyFolderIsNamed() throws {
    try withTemporaryFolder { folder in
      #expect(
        Fixture.message { _ = try FolderSource(directory: folder) }
          == "No images to use in \(folder.path): there is no .png, .jpg, .webp or"
          + " .tar file.")
    }
  }

  @Test func unknownPackageSaysWhatToDo() throws {
    try withTemporaryFolder { folder in
      let store = PackageStore(directory: folder)
      let text = try #require(
        Fixture.message {
          _ = try store.root(of: "no-such-package-unclip", containing: ["usr/none"])
        })
      #expect(text.hasPrefix("Cannot get the Debian package no-such-package-unclip: "))
      #expect(text.contains("apt-get install no-such-package-unclip"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test func unpackedPackageIsUsed() throws {
    try withTemporaryFolder { folder in
      let root = folder.appendingPathComponent("packages/some-package")
      try FileManager.default.createDirectory(
        at: root.appendingPathComponent("usr/x"), withIntermediateDirectories: true)
      let found = try PackageStore(directory: folder)
        .root(of: "some-package", containing: ["usr/x"])
      #expect(found.path == root.path)
    }
  }

  @Test func inspectionCounts() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(30, to: folder)
      let reader = try ShardReader(directory: folder)
      let report = DatasetInspection(reader, captionCount: 4)
      #expect(report.samples == 30)
      #expect(report.concepts == 30)
      #expect(report.sources == ["noto-emoji": 30])
      #expect(report.groups == ["Objects": 30])
      #expect(report.sides == ["64": 30])
      #expect(report.averageCaptionWords == 2)
      #expect(report.captions.count == 4)
      #expect(report.vocabulary == 33)
      let sheet = try DatasetInspection.contactSheet(of: reader, count: 6, side: 20, columns: 3)
      #expect(sheet.width >= 60 && sheet.height >= 40)
      let page = try DatasetInspection.page(of: reader, count: 3, side: 20)
      #expect(page.contains("a thing"))
    }
  }

  // MARK: Fixtures

  private func clipArt(in folder: URL) throws -> ClipArtSource.Files {
    let drawings = folder.appendingPathComponent("svg")
    let images = folder.appendingPathComponent("png")
    let words = folder.appendingPathComponent("words.txt")
    try "apple\nbig\ndog\nhat\npurple\ncat\nblank\nred\n".write(
      to: words, atomically: true, encoding: .utf8)
    func add(
      _ path: String, _ title: String, _ image: Image, keywords: [String] = [],
      creator: String = "", licence: String = "PublicDomain"
    ) throws {
      let svg = drawings.appendingPathComponent(path + ".svg")
      let png = images.appendingPathComponent(path + ".png")
      for url in [svg, png] {
        try FileManager.default.createDirectory(
          at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      }
      let items = keywords.map { "<rdf:li>\($0)</rdf:li>" }.joined()
      try """
      <?xml version="1.0"?><!DOCTYPE svg [ <!ENTITY ns "x>y"> ]>
      <svg><metadata id="m"><rdf:RDF><cc:Work rdf:about=""><dc:title>\(title)</dc:title>
      <dc:subject><rdf:Bag>\(items)<rdf:li/></rdf:Bag></dc:subject>
      <dc:creator><cc:Agent><dc:title>\(creator)</dc:title></cc:Agent></dc:creator>
      <cc:license rdf:resource="http://web.resource.org/cc/\(licence)"/></cc:Work>
      </rdf:RDF></metadata></svg>
      """.write(to: svg, atomically: true, encoding: .utf8)
      try image.write(to: png)
    }
    let red = Fixture.square(side: 60, margin: 10, 200, 0, 0)
    try add("food/fruit/apple", "A Big Apple (b and w)", red, keywords: ["hash", "", "Tasty"])
    try add("food/fruit/twin", "Big Apple", red)
    try add("animals/dog_jane_doe_01", "My icon collection", disc(80), creator: "Jane Doeson")
    try add("hats/hat", "Purple hat", Fixture.square(side: 900, margin: 20, 120, 0, 200))
    try add("hats/foreign", "Chapeau melon", Fixture.square(side: 60, 0, 120, 200))
    try add("hats/gpl", "Red hat", Fixture.square(side: 60, 0, 120, 90), licence: "GPL")
    try add("hats/blank", "Blank", Image(width: 50, height: 50, color: [255, 255, 255, 255]))
    try add("shapes/stars/cat", "Cat", Fixture.square(side: 60, 90, 120, 90))
    try add("animals/tiny", "Cat", Fixture.square(side: 16, 90, 120, 90))
    return ClipArtSource.Files(drawings: drawings, images: images, words: words)
  }

  private func disc(_ side: Int) -> Image {
    var pixels = [UInt8](repeating: 255, count: side * side * 4)
    for y in 0..<side {
      for x in 0..<side
      where (x - side / 2) * (x - side / 2) + (y - side / 2) * (y - side / 2) < 900 {
        pixels[(y * side + x) * 4] = 40
        pixels[(y * side + x) * 4 + 1] = 90
      }
    }
    return Image(width: side, height: side, channels: 4, pixels: pixels)
  }

  private func fashion(in folder: URL, count: Int) throws -> FashionMNISTSource.Files {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    func number(_ value: Int) -> [UInt8] { [0, 0, UInt8(value >> 8), UInt8(value & 255)] }
    let images = folder.appendingPathComponent("train-images")
    let labels = folder.appendingPathComponent("train-labels")
    let pixels = (0..<count * 784).map { UInt8($0 / 784 + $0 % 784 % 28) }
    try Data(number(2051) + number(count) + number(28) + number(28) + pixels).write(to: images)
    try Data(number(2049) + number(count) + (0..<count).map { UInt8($0 % 10) }).write(to: labels)
    return FashionMNISTSource.Files(images: images, labels: labels)
  }
}
