import Config
import Foundation

/// How an image was made, as far as its file says so, in any program's words.
struct StatedSettings: Encodable, Equatable {
  /// The program that wrote it, with its version where that is known.
  var program: String
  var prompt: String?
  var negative: String?
  var seed: UInt64?
  var steps: Int?
  var guidance: Double?
  var sampler: String?
  var width: Int?
  var height: Int?
  var model: String?
  /// How this program made it from others; nil where it did not.
  var edit: EditRecord?
  /// Everything else, by the program's own names.
  var others: [String: String] = [:]

  /// Whether brackets and tags in the prompt are instructions, as in `(a cat:1.2) <lora:ink:1>`.
  var hasPromptSyntax = false

  enum CodingKeys: CodingKey {
    case program, prompt, negative, seed, steps, guidance, sampler, width, height, model, edit
    case others
  }

  init(program: String) { self.program = program }

  /// Reads what an image's texts say; nil if no program that is known here wrote them.
  init?(_ texts: [String: String]) {
    if let software = texts["software"], software.hasPrefix("unclip ") {
      self.init(ownTexts: texts, software: software)
    } else if let text = texts["invokeai_metadata"] ?? texts["sd-metadata"],
      let settings = StatedSettings(invokeAI: text)
    {
      self = settings
    } else if let dream = texts["Dream"], let settings = StatedSettings(dream: dream) {
      self = settings
    } else if texts["Software"] == "NovelAI", let text = texts["Comment"],
      let settings = StatedSettings(object: text, program: "NovelAI")
    {
      self = settings
    } else if let text = texts["parameters"] ?? texts["UserComment"] {
      if let settings = StatedSettings(object: text, program: nil) {
        self = settings
      } else if let settings = StatedSettings(parameters: text) {
        self = settings
      } else {
        return nil
      }
    } else if let graph = Self.graph(in: texts), let settings = StatedSettings(comfyUI: graph) {
      self = settings
    } else {
      return nil
    }
  }

  /// ComfyUI's prompt: a PNG text, or in WebP files a tag that begins with its name.
  private static func graph(in texts: [String: String]) -> String? {
    if let text = texts["prompt"] { return text }
    let tag = ["Model", "Make", "ImageDescription"].compactMap { texts[$0] }
      .first { $0.hasPrefix("prompt:") || $0.hasPrefix("Prompt:") }
    return tag.map { String($0.dropFirst("prompt:".count)) }
  }

  /// Takes over the texts that this program wrote.
  private init(ownTexts texts: [String: String], software: String) {
    self.init(program: software)
    var rest = texts
    rest["software"] = nil
    prompt = rest.removeValue(forKey: "prompt")
    negative = rest.removeValue(forKey: "negative")
    seed = rest.removeValue(forKey: "seed").flatMap { UInt64($0) }
    width = rest.removeValue(forKey: "size").flatMap { Int($0) }
    height = width
    model = rest.removeValue(forKey: "model")
    do throws(CommandError) {
      edit = try EditRecord(chunks: rest, file: "the file")
      if edit != nil { (rest["edit"], rest["original"]) = (nil, nil) }
    } catch {
      // Its text stays among the others.
    }
    others = rest
  }

  /// Takes over an object of JSON whose names say what they mean: InvokeAI's, NovelAI's, Fooocus',
  /// SwarmUI's.
  init?(object text: String, program: String?) {
    guard case .object(var object)? = Self.json(text) else { return nil }
    var program = program
    for (key, name) in [("sui_image_params", "SwarmUI"), ("image", "InvokeAI")] {
      if case .object(let inner)? = object[key] {
        object[key] = nil
        object.merge(inner) { $1 }
        program = program ?? name
      }
    }
    self.init(program: program ?? "")
    func take(_ names: String...) -> JSONValue? {
      let found = names.first { object[$0].map { $0 != .null } ?? false }
      return found.flatMap { object.removeValue(forKey: $0) }
    }
    prompt = take("positive_prompt", "prompt").map(Self.text)
    guard prompt != nil else { return nil }
    negative = take("negative_prompt", "negativeprompt", "uc").map(Self.text)
    seed = take("seed").flatMap(Self.number)
    steps = take("steps").flatMap(Self.number)
    guidance = take("cfg_scale", "cfgscale", "guidance_scale", "guidance", "scale")
      .flatMap(Self.number)
    sampler = take("scheduler", "sampler", "sampler_name").map(Self.text)
    width = take("width").flatMap(Self.number)
    height = take("height").flatMap(Self.number)
    model = take("model_weights", "base_model", "model").map(Self.text)
    let version = take("app_version", "version", "swarm_version").map(Self.text)
    let names = [program, version].compactMap { $0 }
    self.program =
      names.isEmpty ? "a program that does not name itself" : names.joined(separator: " ")
    others = object.filter { $0.value != .null }.mapValues(Self.text)
  }

  // MARK: Values

  /// Reads JSON, which other programs write with NaN in it.
  static func json(_ text: String) -> JSONValue? {
    guard text.first(where: { !$0.isWhitespace }) == "{" else { return nil }
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    do { return try decoder.decode(JSONValue.self, from: Data(text.utf8)) } catch { return nil }
  }

  /// A value in words: a model by its name, a list of weighted prompts joined.
  static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): return text
    case .integer(let number): return "\(number)"
    case .object(let members):
      for key in ["name", "model_name", "prompt", "key"] {
        if case .string(let name)? = members[key] { return name }
        if case .object? = members[key], let inner = members[key] { return text(inner) }
      }
      return members.keys.sorted().joined(separator: ", ")
    case .array(let items): return items.map(text).joined(separator: ", ")
    default: return value.text
    }
  }

  /// A number, also one in quotes; nil if the type cannot hold it, or if it is not finite.
  static func number<Number: LosslessStringConvertible>(_ value: JSONValue) -> Number? {
    switch value {
    case .integer(let whole): number("\(whole)")
    case .number(let value):
      number("\(value)") ?? Int(exactly: value).flatMap { number("\($0)") }
    case .string(let text): number(text)
    default: nil
    }
  }

  /// A number that a text is.
  static func number<Number: LosslessStringConvertible>(_ text: String) -> Number? {
    guard let number = Number(text) else { return nil }
    return (number as? Double)?.isFinite == false ? nil : number
  }
}
