import Config
import Datasets
import Foundation

extension ConfigKey {
  /// A value of a key in the configurations that come with the package.
  package struct Shipped: Sendable, Equatable, Codable {
    /// The path of the key.
    package let key: String
    /// The value as JSON, a text without its quotes.
    package let value: String
    /// The stages whose configurations have it.
    package let stages: [String]

    /// The value and its stages, `32 (decoder, upsampler)`.
    package var text: String { "\(value) (\(stages.joined(separator: ", ")))" }
  }

  /// The values of each path, in the order of the stages.
  private static let shippedValues: [String: [Shipped]] = shippedTable.split(separator: "\n")
    .reduce(into: [:]) { values, line in
      guard let colon = line.firstIndex(of: ":") else { return }
      let path = String(line.prefix(upTo: colon))
      let entries = line.suffix(from: colon).dropFirst(2).split(separator: "; ")
      values[path] = entries.map { entry in
        let end = entry.lastIndex(of: " ") ?? entry.endIndex
        return Shipped(
          key: path, value: String(entry.prefix(upTo: end)),
          stages: entry.suffix(from: end).dropFirst().split(separator: ",").map(String.init))
      }
    }

  /// What the configurations that come with the package say; a stage that is not named does not have
  /// the key.
  package var shipped: [Shipped] { paths.flatMap { Self.shippedValues[$0] ?? [] } }

  /// The value of a key that may be left out; nil for one that may not.
  package var neutral: String? {
    paths.lazy.compactMap { Self.neutralValues[$0] }.first
  }

  /// The values of the keys of `data` that are left out.
  private static let neutralValues: [String: String] = {
    do {
      let content = try JSONDecoder().decode(
        [String: JSONValue].self, from: ConfigFile.encode(Mixture()))
      return content.reduce(into: [:]) { values, member in
        values["data." + member.key] = member.value == .object([:]) ? "{}" : member.value.text
      }
    } catch {
      preconditionFailure("the neutral mixture has a form in JSON: \(error)")
    }
  }()

  /// What is shipped, in words, with the path where the key has several; nil for no value.
  package var shippedText: String? {
    let names = paths.count > 1 && Set(shipped.map(\.value)).count > 1
    let values = shipped.map { shipped in
      names ? "\(shipped.key) \(shipped.text)" : shipped.text
    }
    var seen: Set<String> = []
    let unique = values.filter { seen.insert($0).inserted }
    return unique.isEmpty ? nil : unique.joined(separator: "; ")
  }
}
