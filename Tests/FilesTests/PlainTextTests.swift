import Files
import Foundation
import TestSupport
import Testing

@Suite struct PlainTextTests {
  @Test(arguments: [
    ("cat".utf8.map { $0 }, "cat"), ([0xEF, 0xBB, 0xBF, 0x63], "c"), ([], ""),
    ([0xFF, 0xFE, 0x63, 0, 0x3D, 0xD8, 0, 0xDE], "c\u{1F600}"), ([0xFE, 0xFF, 0, 0x63], "c"),
  ])
  func marksAreDropped(bytes: [UInt8], text: String) throws {
    #expect(try PlainText.decode(bytes) == text)
  }

  @Test(
    arguments: [
      (
        [0x0A, 0x63, 0xE9],
        "it is Latin-1 (Windows-1252) text, not UTF-8 (line 2 has \"é\" as the byte 0xE9); save it"
          + " as UTF-8"
      ),
      (
        [0x93, 0x63, 0x94],
        "it is Latin-1 (Windows-1252) text, not UTF-8 (line 1 has the byte 0x93); save it as UTF-8"
      ),
      (
        [0x83, 0x8A, 0x83, 0x93, 0x83, 0x53],
        "it is not UTF-8 text (line 1 has the byte 0x83); save it as UTF-8"
      ),
      ([0xFF, 0xFE, 0x63], "it is no whole UTF-16 text; save it as UTF-8"),
      ([0xFF, 0xFE, 0x3D, 0xD8], "it is no whole UTF-16 text; save it as UTF-8"),
      ([0xFF, 0xFE, 0, 0, 0x63, 0, 0, 0], "it is UTF-32 text; save it as UTF-8"),
      ([0, 0, 0xFE, 0xFF, 0, 0, 0, 0x63], "it is UTF-32 text; save it as UTF-8"),
      (
        [0x63, 0],
        "it holds zero bytes, as UTF-16 without a byte-order mark does; save it as UTF-8"
      ),
      (
        [0xEF, 0xBF, 0xBD], "it holds U+FFFD, which stands for letters that were lost in an earlier"
      ),
    ] as [([UInt8], String)])
  func otherBytesAreRefused(bytes: [UInt8], reason: String) throws {
    let error = try #require(throws: PlainText.NotText.self) { try PlainText.decode(bytes) }
    #expect(error.description.hasPrefix(reason))
  }
}

@Suite struct FolderWalkTests {
  @Test func eachFolderIsWalkedOnceUnderItsOwnName() throws {
    let folder = try TemporaryFolder()
    let files = FileManager.default
    for path in ["b/c", ".git"] {
      try files.createDirectory(
        at: folder.file(path), withIntermediateDirectories: true)
    }
    for path in ["x", "b/y", "b/c/z", ".git/w", ".v"] { _ = try folder.write("1", to: path) }
    try files.createSymbolicLink(at: folder.file("a"), withDestinationURL: folder.file("b/c"))
    try files.createSymbolicLink(at: folder.file("b/up"), withDestinationURL: folder.url)
    try files.createSymbolicLink(at: folder.file("gone"), withDestinationURL: folder.file("none"))
    #expect(try FolderWalk(folder.url).files == ["b/c/z", "b/y", "gone", "x"])
    #expect(
      try FolderWalk(folder.url, followingLinks: false).files == ["b/c/z", "b/y", "x"])
    #expect(throws: FileError(folder.file("none"), "there is no such file or folder")) {
      try FolderWalk(folder.file("none"))
    }
  }
}
