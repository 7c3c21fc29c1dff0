import Files
import Foundation
import Testing

@Suite struct ReasonTests {
  @Test func aMissingFileIsReportedInPlainWords() {
    let url = URL(fileURLWithPath: "/no/such/file")
    #expect(throws: FileError(url, "there is no such file or folder")) { try FileMapping(url) }
    let error = #expect(throws: (any Error).self) { try Data(contentsOf: url) }
    #expect(error.map(reason(of:)) == "there is no such file or folder")
  }
}
