import Foundation
import Testing

@testable import CLIP

@Suite struct VocabularyFileTests {
  @Test(arguments: [
    #"{}"#, #" { "a" : 0 , "b</w>" : 12 } "#, #"{"\u0041\n\"\\\/":1,"é":2}"#,
    #"{"\ud83d\ude00":3,"😀b":4}"#,
  ])
  func agreesWithJSONDecoder(_ text: String) throws {
    let data = Data(text.utf8)
    #expect(
      VocabularyFile.parse(data) == (try JSONDecoder().decode([String: Int].self, from: data)))
  }

  @Test(arguments: [
    #"{"\ud83d  \ude00":1}"#, #"{"\ud83d\u0041":1}"#, #"{"\ud83d":1}"#, #"{"\ude00":1}"#,
    #"{"a":-1}"#, #"{"a":1.5}"#, #"{"a":1,}"#, #"{"a" 1}"#, #"{"a":1"#, #"{"a\"#, "", "[]",
    "{\"a\nb\":1}",
  ])
  func whatIsNoVocabularyIsRefused(_ text: String) {
    #expect(VocabularyFile.parse(Data(text.utf8)) == nil)
  }
}
