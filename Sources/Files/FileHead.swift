/// What people save by mistake instead of the file that they wanted, told by the first bytes.
package enum FileHead {
  /// Whether the bytes begin as a web page does.
  package static func isPage(_ bytes: some Collection<UInt8>) -> Bool {
    let start = bytes.prefix(1000).drop { [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF].contains($0) }
    let text = String(decoding: start.prefix(20), as: UTF8.self).lowercased()
    return ["<!doctype", "<html", "<head", "<!--"].contains { text.hasPrefix($0) }
  }

  /// The first words of a short text, as a server sends in place of a file; nil for other bytes.
  package static func message(_ bytes: some Collection<UInt8>) -> String? {
    let start = bytes.prefix(60)
    guard start.count >= 8, start.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 10 || $0 == 13 })
    else { return nil }
    return String(decoding: start.prefix { $0 >= 0x20 }, as: UTF8.self)
  }

  /// Why a web page is no file of weights, and what to do about it.
  package static let pageReason =
    "it is a web page; download the file itself, which may need a login"
}
