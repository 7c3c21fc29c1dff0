/// Looks for keys that stand twice in one JSON object, of which decoders drop one without a word.
package enum JSONKeys {
  /// The first key that an object of the text repeats; nil when there is none.
  ///
  /// The text is taken to be JSON. Keys are compared as they are spelled.
  package static func repeated(in bytes: UnsafeRawBufferPointer) -> String? {
    // The keys of each open object; nil for an array.
    var open: [Set<ArraySlice<UInt8>>?] = []
    let text = [UInt8](bytes)
    var (last, index) = (0..<0, 0)
    while index < text.count {
      switch text[index] {
      case UInt8(ascii: "\""):
        let start = index + 1
        index = start
        while index < text.count, text[index] != UInt8(ascii: "\"") {
          index += text[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        last = start..<max(start, min(index, text.count))
      case UInt8(ascii: ":"):
        guard let keys = open.last, keys != nil else { break }
        let key = text[last]
        guard open[open.count - 1]?.insert(key).inserted == true else {
          return String(decoding: key, as: UTF8.self)
        }
      case UInt8(ascii: "{"): open.append([])
      case UInt8(ascii: "["): open.append(nil)
      case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
      default: break
      }
      index += 1
    }
    return nil
  }
}
