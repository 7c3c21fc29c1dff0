import Files
import Foundation
import TestSupport
import Testing

@Suite struct AtomicTests {
  private struct Stop: Error {}

  @Test func aFileIsOldUntilItIsCommitted() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("a.txt")
    try AtomicFile.write(Data("old".utf8), to: url)
    do {
      let file = try AtomicFile(url)
      try file.write(Data("half".utf8))
      #expect(try String(contentsOf: url, encoding: .utf8) == "old")
    }
    #expect(try folder.names == ["a.txt"])
    let file = try AtomicFile(url)
    try file.write([UInt8]("new".utf8))
    try file.commit()
    #expect(try String(contentsOf: url, encoding: .utf8) == "new")
    #expect(try folder.names == ["a.txt"])
  }

  @Test func aFolderIsWholeOrNotThere() throws {
    let folder = try TemporaryFolder()
    #expect(throws: Stop.self) {
      try DurableFolder.create("model", in: folder.url) { partial in
        try Data("a".utf8).write(to: partial.appending(path: "a"))
        throw Stop()
      }
    }
    #expect(try folder.names.isEmpty)
    for text in ["one", "two"] {
      try DurableFolder.create("model", in: folder.url, replacing: true) { partial in
        let inner = partial.appending(path: "part")
        try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
        try AtomicFile.write(Data(text.utf8), to: inner.appending(path: "a"))
      }
      #expect(try folder.names == ["model"])
      let file = folder.file("model/part/a")
      #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }
  }

  @Test func aFolderHasOneOwner() throws {
    let folder = try TemporaryFolder()
    do {
      let owner = try FolderLock(folder.url)
      #expect(owner != nil)
      #expect(try FolderLock(folder.url) == nil)
      let text = try #require(FolderLock.owner(of: folder.url))
      #expect(text.hasPrefix("process \(getpid()) on \(hostName()), since 20"), "\(text)")
      withExtendedLifetime(owner) {}
    }
    #expect(FolderLock.owner(of: folder.url) == nil)
    #expect(FolderLock.owner(of: folder.file("no")) == nil)
    #expect(try FolderLock(folder.url) != nil)
  }

  @Test func whatIsNoPlainFileIsRefused() throws {
    let folder = try TemporaryFolder()
    #expect(throws: FileError(folder.url, "it is not a plain file")) {
      try FileContents.read(folder.url)
    }
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe.path, 0o600) == 0)
    #expect(throws: FileError(pipe, "it is not a plain file")) { try FileContents.read(pipe) }
    try Data(count: 11).write(to: folder.file("a"))
    #expect(try FileContents.read(folder.file("a")).count == 11)
    #expect(throws: FileError.self) { try FileContents.read(folder.file("a"), limit: 10) }
  }
}
