import Diffusion
import Foundation
import UnCLIP

/// The command line that comes nearest to how an image was made, and what it leaves out.
struct GenerateLine: Equatable {
  private(set) var words: [String] = []
  /// What the new image does not take from the old one, a sentence each.
  private(set) var notes: [String] = []

  /// The line for a shell.
  var text: String { words.map(Self.quoted).joined(separator: " ") }

  /// Makes the line for an image of another program; nil if it does not say its prompt.
  init?(_ settings: StatedSettings) {
    guard let whole = settings.prompt else { return nil }
    func plain(_ text: String) -> String {
      settings.hasPromptSyntax ? StatedSettings.plain(text) : text
    }
    let (prompt, negative) = (plain(whole), settings.negative.map(plain) ?? "")
    words = ["unclip", "generate"]
    if let seed = settings.seed { add("--seed", "\(seed)") }
    if !negative.isEmpty { add("--negative", negative) }
    if let steps = settings.steps {
      if SamplingSettings.stepRange.contains(steps) {
        add("--decoder-steps", "\(steps)")
      } else {
        notes.append("\(steps) steps are more than are possible here.")
      }
    }
    if let guidance = settings.guidance {
      if SamplingSettings.guidanceRange.contains(guidance) {
        add("--decoder-guidance", Self.short(guidance))
      } else {
        notes.append("A guidance of \(Self.short(guidance)) is not possible here.")
      }
    }
    if let name = settings.sampler {
      if let kind = Self.sampler(name) {
        add("--sampler", kind)
      } else {
        notes.append("The sampler \(name) is not one of those here; the model's own is taken.")
      }
    }
    finish([prompt])
    if prompt.split(separator: " ") != whole.split(whereSeparator: \.isWhitespace) {
      notes.append("Weights in brackets and tags such as <lora:…> are left out of the prompt.")
    }
    if let model = settings.model {
      notes.append("The model \(model) is not an unCLIP model; another one reads the prompt.")
    }
    if let width = settings.width, let height = settings.height {
      notes.append("The size, \(width)x\(height), is the model's own here.")
    }
  }

  /// Makes the line for an image that this program made; nil for one that no line makes alone.
  ///
  /// Settings become the options that the command has for them.
  init?(own settings: StatedSettings, isStandardModel: Bool) {
    // What cannot be read as an edit was none of a prompt alone.
    guard settings.others["edit"] == nil else { return nil }
    let line: EditRecord.Line? =
      if let edit = settings.edit {
        edit.line(prompt: settings.prompt ?? "")
      } else {
        settings.prompt.map { ("generate", [$0], []) }
      }
    guard let (command, arguments, own) = line else { return nil }
    let options = CommandWords.options(of: [command])
    words = ["unclip", command]
    for (name, value) in own {
      if let value { add("--" + name, value) } else { words.append("--" + name) }
    }
    if let seed = settings.seed { add("--seed", "\(seed)") }
    if let negative = settings.negative, !negative.isEmpty, options.contains("--negative") {
      add("--negative", negative)
    }
    if let size = settings.width, options.contains("--size") { add("--size", "\(size)") }
    let prior = settings.others["prior"].flatMap(PriorKind.init) ?? .diffusion
    let unused = PriorKind.allSettingKeys.subtracting(prior.settingKeys)
    // Of an upscale, the settings of its own stage alone.
    let stage =
      command == "upscale" ? (settings.edit?.upsampler ?? .first).stage.rawValue + "_" : ""
    let samplers = settings.others.filter { key, _ in
      key.hasSuffix("_sampler") && !unused.contains(key) && key.hasPrefix(stage)
    }
    if let only = Set(samplers.values).first, Set(samplers.values).count == 1 {
      add("--sampler", only)
    }
    if options.contains("--guidance-interval"), let start = settings.others["guidance_start"],
      let end = settings.others["guidance_end"], (Double(start), Double(end)) != (0, 1)
    {
      add("--guidance-interval", "\(start):\(end)")
    }
    for (key, value) in settings.others.sorted(by: { $0.key < $1.key }) {
      if unused.contains(key) || key.contains("upsampler_") && !key.hasPrefix(stage) { continue }
      if key == "threshold", value == ThresholdKind.model.rawValue { continue }
      if samplers[key] != nil, Set(samplers.values).count == 1 { continue }
      if key == "decoder_eta", Double(value) == 0 { continue }
      let option = Self.otherNames[key] ?? "--" + key.replacing("_", with: "-")
      guard options.contains(option), !Self.machineKeys.contains(key) else { continue }
      add(option, value)
    }
    if let model = settings.model, !isStandardModel { add("--model", model) }
    finish(arguments)
  }

  /// Options that are not called as the settings are.
  private static let otherNames = [
    "decoder_eta": "--eta", "resampling_jumps": "--jumps", "resampling_length": "--jump-length",
  ]

  /// Texts that say on what machine an image was made.
  private static let machineKeys: Set<String> = ["threads", "dtype", "device", "model"]

  private mutating func add(_ option: String, _ value: String) {
    words += value.hasPrefix("-") ? ["\(option)=\(value)"] : [option, value]
  }

  /// Adds what stands alone.
  private mutating func finish(_ arguments: [String]) {
    if arguments.contains(where: { $0.hasPrefix("-") }) {
      words += ["--"] + arguments
    } else {
      words.insert(contentsOf: arguments, at: 2)
    }
  }

  /// The sampler here that is nearest to another program's, by the family its name tells.
  static func sampler(_ name: String) -> String? {
    let name = name.lowercased().replacing("_", with: " ")
    if name.contains("dpm++") || name.contains("dpmpp") || name.contains("dpm solver")
      || name.contains("dpmsolver")
    {
      return "dpm++"
    }
    if name.contains("ddim") { return "ddim" }
    let isAncestral = name.hasSuffix(" a") || name.contains("ancestral")
    return isAncestral || name.contains("ddpm") ? "ddpm" : nil
  }

  private static func short(_ value: Double) -> String {
    Int(exactly: value).map { "\($0)" } ?? "\(value)"
  }

  // MARK: Quoting

  /// A word for POSIX shells; control characters, which a terminal would obey, become escapes that
  /// bash, zsh and ksh read.
  static func quoted(_ word: String) -> String {
    let isPlain = { (scalar: Unicode.Scalar) in
      scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
        || "_-+./:,=@%".unicodeScalars.contains(scalar)
    }
    if !word.isEmpty, word.unicodeScalars.allSatisfy(isPlain) { return word }
    guard Output.printable(word) != word else {
      return "'" + word.replacing("'", with: "'\\''") + "'"
    }
    var text = "$'"
    for scalar in word.unicodeScalars {
      switch scalar {
      case "'": text += "\\'"
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case _ where Output.printable(String(scalar)) != String(scalar):
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "'"
  }
}
