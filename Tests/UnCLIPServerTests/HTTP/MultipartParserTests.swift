import Foundation
import Testing

@testable import UnCLIPServer

struct MultipartParserTests {
  private static let type = "multipart/form-data; boundary=frontier"

  private static func form(_ text: String) -> [UInt8] {
    text.utf8.flatMap { $0 == 10 ? [13, 10] : [$0] }
  }

  /// Reads a body that comes in pieces, the last of which may be shorter.
  private static func parts(
    _ body: [UInt8], type: String = type, piece: Int = .max,
    limits: MultipartParser.Limits = .init()
  ) throws(MultipartError) -> [FormPart] {
    var parser = try MultipartParser(contentType: type, limits: limits)
    var start = 0
    while start < body.count {
      let end = start + min(piece, body.count - start)
      try parser.append(body[start..<end])
      start = end
    }
    return try parser.end()
  }

  /// What is nearly a boundary, and what is none because no line begins with it.
  private static let tricky = form(
    """
    a preamble
    --frontier  \u{20}
    Content-Disposition: form-data; name="prompt"

    a --frontier cat\r\r
    --frontie
    --frontier
    content-type: application/octet-stream
    CONTENT-DISPOSITION:form-data;filename="upload";name=image

    \r\r\r
    --fron\r
    --frontier
    Content-Disposition: form-data; name="empty"


    --frontier--
    an epilogue
    --frontier
    """)

  private static let expected = [
    FormPart(name: "prompt", data: Data("a --frontier cat\r\r\r\n--frontie".utf8)),
    FormPart(name: "image", data: Data("\r\r\r\r\n--fron\r".utf8)),
    FormPart(name: "empty", data: Data()),
  ]

  @Test func everySplitGivesTheSame() throws {
    let body = Self.tricky
    #expect(try Self.parts(body) == Self.expected)
    for piece in 1...body.count {
      #expect(try Self.parts(body, piece: piece) == Self.expected, "pieces of \(piece)")
    }
    for cut in 0...body.count {
      var parser = try MultipartParser(contentType: Self.type)
      try parser.append(body[..<cut])
      try parser.append([])
      try parser.append(body[cut...])
      #expect(try parser.end() == Self.expected, "cut at \(cut)")
    }
  }

  @Test func bytesComeOutAsTheyAre() throws {
    let bytes = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let body =
      Self.form("--frontier\nContent-Disposition: form-data; name=\"a\"\n\n") + bytes
      + Self.form("\n--frontier--\n")
    for piece in [1, 13, 1000, 10_000] {
      let parts = try Self.parts(body, piece: piece)
      #expect(parts == [FormPart(name: "a", data: Data(bytes))])
    }
  }

  @Test(arguments: [
    (#"form-data; name="image""#, "image"), ("form-data; name=image", "image"),
    (#"Form-Data ; filename="a;name=b" ; NAME = "image" "#, "image"),
    (#"form-data; name="a\"b\\c"; filename="C:\x""#, #"a"b\c"#),
    (#"form-data; name="a%22b%0D%0Ac""#, "a\"b\r\nc"),
    (#"form-data; filename*=UTF-8''x; name="größe""#, "größe"),
    (#"form-data; name="image[]"; name="other""#, "image[]"), (#"form-data; name="o[k]"#, "o[k]"),
  ])
  func bothWaysOfQuotingAreRead(_ value: String, _ name: String) throws {
    let body = Self.form("--frontier\nContent-Disposition: \(value)\n\nx\n--frontier--")
    #expect(try Self.parts(body) == [FormPart(name: name, data: Data("x".utf8))])
  }

  @Test(
    arguments: [
      ("multipart/form-data", .boundary), ("multipart/form-data; boundary=", .boundary),
      ("multipart/form-data; boundary=a\u{e9}", .boundary),
      (#"multipart/form-data; boundary="a ""#, .boundary),
      ("multipart/form-data; boundary=" + String(repeating: "b", count: 71), .boundary),
      ("application/json", .type), ("", .type),
    ] as [(String, MultipartError)])
  func aTypeWithoutABoundaryIsRefused(_ type: String, _ error: MultipartError) {
    #expect(throws: error) { try Self.parts([], type: type) }
  }

  @Test(arguments: [
    String(repeating: "b", count: 70), "0", "a b", "'()+_,-./:=?",
    "----WebKitFormBoundary7MA4YWxkTrZu0gW",
  ])
  func aBoundaryMayBeQuoted(_ boundary: String) throws {
    let body = Self.form(
      "--\(boundary)\nContent-Disposition: form-data; name=a\n\nx\n--\(boundary)--")
    let type = #"Multipart/Form-Data; charset=utf-8; Boundary="\#(boundary)""#
    #expect(try Self.parts(body, type: type).map(\.name) == ["a"])
  }

  @Test(
    arguments: [
      ("", .torn), ("--frontier", .torn), ("--frontier\n", .torn),
      ("--frontier\nContent-Disposition: form-data; name=a\n\nx", .torn),
      ("--frontier\nContent-Disposition: form-data; name=a\n\nx\n--frontier\n", .torn),
      ("--frontierx\n\n", .malformed("something stands behind a boundary")),
      ("--frontier\n\nx\n--frontier--", .malformed("a part has no name")),
      (
        "--frontier\nContent-Disposition: form-data\n\nx\n--frontier--",
        .malformed("a part has no name")
      ),
      (
        "--frontier\nContent-Disposition: attachment; name=a\n\nx\n--frontier--",
        .malformed("a part has no name")
      ),
      (
        "--frontier" + String(repeating: " ", count: 65),
        .malformed("a boundary has too many spaces")
      ),
      (
        "--frontier\nx: " + String(repeating: "x", count: 8192),
        .malformed("the headers of a part are longer than 8192 bytes")
      ),
    ] as [(String, MultipartError)])
  func aBrokenFormIsRefused(_ text: String, _ error: MultipartError) {
    for piece in [1, .max] {
      #expect(throws: error) { try Self.parts(Self.form(text), piece: piece) }
    }
  }

  @Test func headersThatAreNoTextAreRefused() {
    let body = Self.form("--frontier\nContent-Disposition: ") + [0xff] + Self.form("\n\nx")
    #expect(throws: MultipartError.malformed("the headers of a part are not UTF-8")) {
      try Self.parts(body)
    }
  }

  // MARK: Limits

  private static func form(parts count: Int, of size: Int) -> [UInt8] {
    let part =
      form("--frontier\nContent-Disposition: form-data; name=a\n\n")
      + [UInt8](repeating: 120, count: size) + form("\n")
    return (0..<count).flatMap { _ in part } + form("--frontier--")
  }

  @Test func aFormHasSoManyParts() throws {
    #expect(try Self.parts(Self.form(parts: 32, of: 1)).count == 32)
    #expect(throws: MultipartError.partCount(limit: 32)) {
      try Self.parts(Self.form(parts: 33, of: 1))
    }
  }

  @Test func aPartHasSoManyBytes() throws {
    let limit = MultipartParser.Limits().partSize
    #expect(limit == 4_000_000)
    let largest = try Self.parts(Self.form(parts: 1, of: limit), piece: 1 << 16)
    #expect(largest.map(\.data.count) == [limit])
    #expect(throws: MultipartError.partSize(name: "a", limit: limit)) {
      try Self.parts(Self.form(parts: 1, of: limit + 1), piece: 1 << 16)
    }
  }

  @Test func aBodyHasSoManyBytes() throws {
    let limits = MultipartParser.Limits(size: 1000)
    let around = Self.form(parts: 1, of: 0).count
    #expect(try Self.parts(Self.form(parts: 1, of: 1000 - around), limits: limits).count == 1)
    for body in [
      Self.form(parts: 1, of: 1001 - around), Self.form(parts: 1, of: 0) + Self.form("x\n" + text),
      Self.form(text),
    ] {
      for piece in [1, 100, .max] {
        #expect(throws: MultipartError.size(limit: 1000)) {
          try Self.parts(body, piece: piece, limits: limits)
        }
      }
    }
  }

  /// More than a body may have, without a boundary.
  private var text: String { String(repeating: "x", count: 1001) }

  @Test func everySentenceSaysWhatIsWrong() {
    #expect(
      "\(MultipartError.malformed("a part has no name"))"
        == "The form cannot be read: a part has no name.")
    #expect("\(MultipartError.torn)" == "The form ends before its last boundary; send all of it.")
    #expect("\(MultipartError.partCount(limit: 32))" == "The form has more than 32 parts.")
    #expect("\(MultipartError.size(limit: 5))" == "The body is larger than 5 bytes.")
    #expect(
      "\(MultipartError.partSize(name: "image", limit: 5))"
        == "The part 'image' is larger than 5 bytes.")
    #expect("\(MultipartError.boundary)".contains("1 to 70 characters"))
  }
}
