import Files
import Foundation
import TestSupport
import Testing

/// Every file of `Tests/Golden` is the one that its area's `manifest.json` names.
@Suite struct GoldenManifestTests {
  /// What one maker wrote.
  struct Entry: Decodable {
    let peers: [String: String]
    let seeds: [Int]
    /// SHA-256 by path.
    let files: [String: String]
    /// Why a file is over the limit, by path.
    let large: [String: String]?
  }

  static let limit = 200_000  // bytes

  static var areas: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: Golden.url("").path)
        .filter { !$0.hasPrefix(".") }.sorted()
    }
  }

  @Test func hashesAreThoseOfTheStandard() {
    #expect(
      sha256(Data("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    #expect(
      sha256(Data()) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      sha256(Data(repeating: 97, count: 119))
        == "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb")
  }

  @Test func everyFileIsTheOneInItsManifest() throws {
    let areas = try Self.areas
    #expect(areas.count >= 12)
    for area in areas {
      let folder = Golden.url(area)
      let makers = try JSONDecoder().decode(
        [String: Entry].self, from: Data(contentsOf: folder.appending(path: "manifest.json")))
      var listed: [String: String] = [:]
      for (maker, entry) in makers {
        let script = Golden.url("../../Scripts/golden/\(maker)")
        #expect(FileManager.default.fileExists(atPath: script.path), "\(area): no \(maker)")
        for (file, hash) in entry.files {
          #expect(listed.updateValue(hash, forKey: file) == nil, "\(area)/\(file) has two makers")
          let data = try Data(contentsOf: folder.appending(path: file))
          #expect(sha256(data) == hash, "\(area)/\(file) is not what \(maker) wrote")
          #expect(
            data.count <= Self.limit || entry.large?[file]?.isEmpty == false,
            "\(area)/\(file) has \(data.count) bytes, and \(maker) gives no reason")
        }
      }
      let found = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { path in
        var isFolder: ObjCBool = false
        let full = folder.appending(path: path).path
        return FileManager.default.fileExists(atPath: full, isDirectory: &isFolder)
          && !isFolder.boolValue && path != "manifest.json" && !path.hasSuffix(".DS_Store")
      }
      #expect(found.sorted() == listed.keys.sorted(), "\(area)")
    }
  }
}
