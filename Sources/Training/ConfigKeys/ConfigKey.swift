/// A key of the training configurations, explained.
package struct ConfigKey: Sendable {
  /// The paths that it has, such as `model.text.hidden_size` and `model.vision.hidden_size`.
  package let paths: [String]
  /// The values that it may have, as errors say it: `1 to 65536`.
  package let values: String
  /// What it does, with its unit.
  package let meaning: String

  init(_ paths: String..., values: String, _ meaning: String) {
    self.paths = paths
    self.values = values
    self.meaning = meaning
  }

  /// Keys that belong together.
  package struct Section: Sendable {
    package let name: String
    package let summary: String
    package let keys: [ConfigKey]
  }

  /// Every key of every stage's configuration.
  package static let sections: [Section] = [training, data, objective, model, tokenizer]

  /// Finds the keys at `path` or below it.
  package static func keys(at path: String) -> [ConfigKey] {
    sections.flatMap(\.keys).filter { key in
      key.paths.contains { $0 == path || $0.hasPrefix(path + ".") || $0.hasSuffix("." + path) }
    }
  }
}

extension ConfigKey {
  /// The reference page of the documentation, in Markdown; a test compares it with the page there.
  package static var page: String {
    var text = """
      # The keys of a configuration

      What each key of a training configuration does, and the values that it may have.

      ## Overview

      `unclip config explain` prints the same, `unclip config explain training.steps` one key or section,
      and `unclip train … --set training.steps=200` replaces a value without another file. A key that is
      no key is refused, with the nearest one named. The section `data` and every key in it may be left
      out; images then come as they are.

      "Shipped" are the values in `Configs`, with the stages that have the key: `small-clip.yaml` and the
      others of the bundled model, and `fashion-vae.yaml` and the like of the classics.

      """
    for section in sections {
      text +=
        "\n## \(section.name)\n\n\(section.summary)\n\n| key | values | | shipped |\n|---|---|---|---|\n"
      for key in section.keys {
        let paths = key.paths.map { "`\($0)`" }.joined(separator: ", ")
        let neutral = key.neutral.map { "; if left out, \($0)" } ?? ""
        text +=
          "| \(paths) | \(key.values) | \(key.meaning) | \(key.shippedText ?? "")\(neutral) |\n"
      }
    }
    return text
  }
}
