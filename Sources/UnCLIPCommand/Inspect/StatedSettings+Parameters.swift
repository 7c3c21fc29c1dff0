import Foundation

extension StatedSettings {
  /// Reads the text that AUTOMATIC1111's web UI writes, and many programs after it: lines of the
  /// prompt, lines of the negative prompt, and one line of settings.
  ///
  /// Source: stable-diffusion-webui, `parse_generation_parameters`.
  init?(parameters text: String) {
    var lines = text.trimmingCharacters(in: .whitespacesAndNewlines)
      .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    guard let last = lines.last else { return nil }
    // A line with fewer settings is the end of a prompt.
    let settings = Self.settings(in: last)
    guard settings.count >= 3 else { return nil }
    lines.removeLast()
    self.init(program: "AUTOMATIC1111 or a program that writes as it does")
    hasPromptSyntax = true
    let mark = "Negative prompt:"
    let start = lines.firstIndex { $0.hasPrefix(mark) } ?? lines.endIndex
    prompt = lines[..<start].joined(separator: "\n")
    if start < lines.endIndex {
      lines[start] = lines[start].dropFirst(mark.count).trimmingCharacters(in: .whitespaces)
      negative = lines[start...].joined(separator: "\n")
    }
    for (key, value) in settings {
      switch key {
      case "Steps": steps = Int(value)
      case "CFG scale": guidance = Self.number(value)
      case "Seed": seed = UInt64(value)
      case "Sampler": sampler = value
      case "Model": model = value
      case "Size":
        let sides = value.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        if sides.count == 2, let first = sides[0], let second = sides[1] {
          (width, height) = (first, second)
        }
      default: others[key] = value
      }
    }
  }

  /// The settings of a line: `Steps: 20, Sampler: Euler a, Lora hashes: "a: 1, b: 2"`.
  private static func settings(in line: String) -> [(key: String, value: String)] {
    var found: [(key: String, value: String)] = []
    var rest = Substring(line)
    while let mark = rest.firstIndex(where: { $0 == ":" || $0 == "," }) {
      let key = rest[..<mark].trimmingCharacters(in: .whitespaces)
      let isKey = rest[mark] == ":" && key.count > 1 && key.first.map(isWord) == true
      rest = rest[rest.index(after: mark)...]
      guard isKey, key.allSatisfy({ isWord($0) || " -/".contains($0) }) else { continue }
      let value = rest.drop { $0 == " " }
      var end = rest.firstIndex(of: ",") ?? rest.endIndex
      var plain = rest[..<end].trimmingCharacters(in: .whitespaces)
      if value.first == "\"", let (text, after) = unquoted(value) {
        plain = text
        end = rest[after...].firstIndex(of: ",") ?? rest.endIndex
      }
      found.append((key, plain))
      rest = end < rest.endIndex ? rest[rest.index(after: end)...] : ""
    }
    return found
  }

  private static func isWord(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_"
  }

  /// The text in the quotes that `text` begins with, and where it goes on; nil without their end.
  private static func unquoted(_ text: Substring) -> (String, String.Index)? {
    var plain = ""
    var isEscaped = false
    for index in text.indices.dropFirst() {
      let character = text[index]
      if isEscaped {
        plain.append(character == "n" ? "\n" : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        return (plain, text.index(after: index))
      } else {
        plain.append(character)
      }
    }
    return nil
  }

  /// The prompt without the instructions that brackets and tags are to some programs.
  static func plain(_ prompt: String) -> String {
    var plain = ""
    var rest = Substring(prompt)
    while let character = rest.popFirst() {
      switch character {
      case "\\":
        if let next = rest.popFirst() { plain.append(next) }
      case "<":
        // `<lora:name:1>`
        let tag = rest.prefix { $0 != ">" && $0 != "<" && !$0.isNewline }
        if tag.contains(":"), rest[tag.endIndex...].first == ">" {
          rest = rest[tag.endIndex...].dropFirst()
        } else {
          plain.append(character)
        }
      case "(", ")", "[", "]": break
      case ":":
        // `:1.2)`
        let weight = rest.prefix { $0.isNumber || $0 == "." || $0 == " " }
        if Double(weight.trimmingCharacters(in: .whitespaces)) != nil,
          rest[weight.endIndex...].first == ")" || rest[weight.endIndex...].first == "]"
        {
          rest = rest[weight.endIndex...]
        } else {
          plain.append(character)
        }
      default: plain.append(character)
      }
    }
    let words = plain.split(whereSeparator: \.isWhitespace).filter { $0 != "BREAK" && $0 != "," }
    return words.joined(separator: " ")
      .trimmingCharacters(in: CharacterSet(charactersIn: ", "))
  }
}
