import ArgumentParser
import Foundation

/// A number of bytes, as `500MB`, `4.5GB` or `8GiB`.
struct ByteCount: ExpressibleByArgument, Equatable {
  let bytes: Int

  init?(argument: String) {
    let units: [String: Double] = [
      "": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 1024, "MIB": 1_048_576,
      "GIB": 1_073_741_824, "TIB": 1_099_511_627_776,
    ]
    let digits = argument.prefix { $0.isASCII && $0.isNumber || $0 == "." }
    let unit = argument.dropFirst(digits.count).trimmingCharacters(in: .whitespaces).uppercased()
    guard let number = Double(digits), let factor = units[unit],
      let bytes = Int(exactly: (number * factor).rounded()), bytes > 0
    else { return nil }
    self.bytes = bytes
  }
}
