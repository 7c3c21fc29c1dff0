import Config
import Foundation

extension StatedSettings {
  /// Reads the graph of nodes that ComfyUI ran: the sampler's settings, and the texts that its
  /// inputs lead to.
  init?(comfyUI text: String) {
    guard case .object(let members)? = Self.json(text) else { return nil }
    let nodes = members.compactMapValues(Node.init)
    let samplers = nodes.filter { $0.value.kind.contains("Sampler") && !$0.value.inputs.isEmpty }
    // Of several samplers the one with most settings counts, of equal ones the first.
    let found = samplers.max {
      ($0.value.rank, $1.key.count, $1.key) < ($1.value.rank, $0.key.count, $0.key)
    }
    guard let (id, sampler) = found else { return nil }
    self.init(program: "ComfyUI")
    hasPromptSyntax = true
    let search = Search(nodes: nodes)
    func value(_ names: String...) -> JSONValue? { search.value(names, from: id) }
    seed = value("seed", "noise_seed").flatMap(Self.number)
    steps = value("steps").flatMap(Self.number)
    guidance = value("cfg", "guidance").flatMap(Self.number)
    self.sampler = value("sampler_name").map(Self.text)
    model = value("ckpt_name", "unet_name", "model_name").map(Self.text)
    width = value("width").flatMap(Self.number)
    height = value("height").flatMap(Self.number)
    let guider = search.link(["guider"], of: sampler) ?? id
    prompt = search.text(at: ["positive", "conditioning"], of: guider)
    negative = search.text(at: ["negative"], of: guider)
    guard prompt != nil || seed != nil else { return nil }
    if let scheduler = value("scheduler") { others["scheduler"] = Self.text(scheduler) }
    if let denoise = value("denoise") { others["denoise"] = Self.text(denoise) }
    others["nodes"] = Set(nodes.values.map(\.kind)).sorted().joined(separator: ", ")
  }

  /// A node of a graph.
  private struct Node {
    let kind: String
    let inputs: [String: JSONValue]

    init?(_ value: JSONValue) {
      guard case .object(let members) = value, case .string(let kind)? = members["class_type"],
        case .object(let inputs)? = members["inputs"]
      else { return nil }
      (self.kind, self.inputs) = (kind, inputs)
    }

    /// How many of a sampler's inputs it has.
    var rank: Int {
      ["seed", "noise_seed", "steps", "positive", "guider", "noise"].count { inputs[$0] != nil }
    }

    /// The nodes that inputs come from, in the order of the inputs' names.
    func links(where isWanted: (String) -> Bool = { _ in true }) -> [String] {
      inputs.sorted { $0.key < $1.key }.filter { isWanted($0.key) }.compactMap {
        Self.link($0.value)
      }
    }

    static func link(_ value: JSONValue) -> String? {
      guard case .array(let pair) = value, pair.count == 2, case .string(let id) = pair[0],
        pair[1].isNumber
      else { return nil }
      return id
    }
  }

  /// Follows the links of a graph, each node once, the nearest first.
  private struct Search {
    let nodes: [String: Node]

    func link(_ names: [String], of node: Node) -> String? {
      names.compactMap { node.inputs[$0].flatMap(Node.link) }.first
    }

    private func nodes(
      from id: String, where isWanted: (String) -> Bool = { _ in true }
    ) -> [Node] {
      var (waiting, seen, found) = ([id], Set([id]), [Node]())
      while !waiting.isEmpty {
        var next: [String] = []
        for id in waiting {
          guard let node = nodes[id] else { continue }
          found.append(node)
          next += node.links(where: isWanted).filter { seen.insert($0).inserted }
        }
        waiting = next
      }
      return found
    }

    /// The nearest input of one of the names that is no link; texts to encode lead elsewhere.
    func value(_ names: [String], from id: String) -> JSONValue? {
      for node in nodes(from: id, where: { $0 != "positive" && $0 != "negative" }) {
        for name in names {
          if let value = node.inputs[name], value.isNumber { return value }
          if case .string? = node.inputs[name], let value = node.inputs[name] { return value }
          // A number may come from a node of its own.
          if let link = node.inputs[name].flatMap(Node.link), let source = nodes[link] {
            let own = (names + ["value", "int", "float"]).compactMap { source.inputs[$0] }
            if let value = own.first(where: \.isNumber) { return value }
          }
        }
      }
      return nil
    }

    /// The texts that an input's nodes encode.
    func text(at names: [String], of id: String) -> String? {
      guard let node = nodes[id], let start = link(names, of: node) else { return nil }
      for node in nodes(from: start) {
        var texts: [String] = []
        for name in ["text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "string", "value"] {
          guard case .string(let text)? = node.inputs[name], !texts.contains(text) else { continue }
          texts.append(text)
        }
        if !texts.isEmpty { return texts.joined(separator: "\n") }
      }
      return nil
    }
  }

  // MARK: InvokeAI

  /// Reads InvokeAI's object, which in older versions holds the image's settings in `image` and the
  /// negative prompt in brackets.
  init?(invokeAI text: String) {
    guard var settings = StatedSettings(object: text, program: "InvokeAI") else { return nil }
    if settings.negative == nil { settings.takeBracketedNegative() }
    self = settings
  }

  /// Reads the command line of InvokeAI's beginnings: `"a red apple" -s 50 -S 7 -C 7.5 -A k_lms`.
  init?(dream line: String) {
    let line = line.trimmingCharacters(in: .whitespaces)
    guard line.first == "\"", let end = line.lastIndex(of: "\""), end > line.startIndex else {
      return nil
    }
    self.init(program: "InvokeAI")
    prompt = String(line[line.index(after: line.startIndex)..<end])
    for part in line[line.index(after: end)...].split(separator: " -") {
      let word = part.trimmingCharacters(in: .whitespaces)
      guard let name = word.first, name != "-" else { continue }
      let value = word.dropFirst().trimmingCharacters(in: .whitespaces)
      switch name {
      case "s": steps = Int(value)
      case "S": seed = UInt64(value)
      case "C": guidance = Self.number(value)
      case "A": sampler = value
      case "W": width = Int(value)
      case "H": height = Int(value)
      default: others["-\(name)"] = value
      }
    }
    takeBracketedNegative()
  }

  /// Parts `a cat [a dog]` into prompt and negative prompt.
  private mutating func takeBracketedNegative() {
    guard let whole = prompt, whole.contains("[") else { return }
    var (positive, inside, rest) = ("", [String](), Substring(whole))
    while let start = rest.firstIndex(of: "["), let end = rest[start...].firstIndex(of: "]") {
      positive += rest[..<start]
      inside.append(String(rest[rest.index(after: start)..<end]))
      rest = rest[rest.index(after: end)...]
    }
    guard !inside.isEmpty else { return }
    prompt = (positive + rest).trimmingCharacters(in: .whitespaces)
    negative = inside.joined(separator: ", ")
  }
}
