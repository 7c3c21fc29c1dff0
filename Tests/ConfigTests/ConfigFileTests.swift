import Config
import Foundation
import Testing
import TorchNN

private struct Small: Codable, Equatable {
  var width: Int
  var heads: Int?
  var inner: Inner
  struct Inner: Codable, Equatable { var rate: Double }
}

@Suite struct ConfigFileTests {
  private func decode(_ json: String) throws(ConfigError) -> Small {
    try ConfigFile.decode(
      Small.self, from: Data(json.utf8), file: "config.json",
      fixed: ["act_fn": .string("silu")], ignored: ["_class_name"])
  }

  private func refusal(_ json: String) -> String {
    do {
      return "no error: \(try decode(json))"
    } catch {
      return error.description
    }
  }

  @Test func readsWithFixedAndIgnoredKeys() throws {
    let small = try decode(
      #"{"_class_name": "X", "act_fn": "silu", "width": 3, "heads": null, "inner": {"rate": 1}}"#)
    #expect(small == Small(width: 3, heads: nil, inner: .init(rate: 1)))
  }

  @Test func roundTripsThroughJSON() throws {
    let small = Small(width: 3, heads: 2, inner: .init(rate: 0.5))
    let data = try ConfigFile.encode(small, extra: ["act_fn": .string("silu")])
    #expect(try decode(String(decoding: data, as: UTF8.self)) == small)
  }

  @Test(arguments: [
    (#"{"width": 3, "inner": {"rate": 1, "colour": 2}}"#, "unknown key 'inner.colour'"),
    (#"{"width": 3, "inner": {}}"#, "the key 'inner.rate' is missing"),
    (#"{"width": 3, "inner": {"rate": 1}, "width": 4}"#, "it has the key 'width' twice"),
    ("<html></html>", "it is a web page"),
    (
      #"{"width": "3", "inner": {"rate": 1}}"#,
      "'width' is the text \"3\", but it must be a whole number."
    ),
    (#"{"width": 3.5, "inner": {"rate": 1}}"#, "'width' is 3.5, but it must be a whole number"),
    (#"{"width": 1e300, "inner": {"rate": 1}}"#, "'width' is 1e+300, but it must be a whole"),
    (#"{"width": null, "inner": {"rate": 1}}"#, "'width' is null, but it must be a whole number."),
    (#"{"width": 3, "inner": [1]}"#, "'inner' is a list, but it must be a section with keys"),
    (#"{"width": 3, "inner": {"rate": "x"}}"#, "'inner.rate' is the text \"x\", but it must be"),
    (#"{"widht": 3, "inner": {"rate": 1}}"#, "unknown key 'widht' (did you mean 'width'?)"),
    (
      #"{"width": 3, "heads": 1, "haeds": 2, "inner": {"rate": 1}}"#,
      "unknown key 'haeds' (did you mean 'heads'?);"
    ),
    (#"{"act_fn": "relu", "width": 3, "inner": {"rate": 1}}"#, #"only "silu" is supported"#),
    ("[", "not a JSON object"),
  ])
  func refusesWithOneSentence(json: String, part: String) {
    #expect(refusal(json).contains(part), "\(refusal(json))")
  }
}
