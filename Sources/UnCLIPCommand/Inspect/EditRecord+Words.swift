import UnCLIP

extension EditRecord {
  /// What it says, line by line, for people.
  var rows: [(title: String, text: String)] {
    func name(_ file: File) -> String {
      file.path + (file.sha256.map { " (SHA-256 \($0.prefix(12))…)" } ?? "")
    }
    var rows = [("edit", operation.rawValue)]
    rows += sources.map { source in
      let weight = source.weight.map { ", weight \(Self.short($0))" } ?? ""
      return ("of", (source.file.map(name) ?? "\"\(source.prompt ?? "")\"") + weight)
    }
    rows += [("mask", mask), ("pca", pca)].compactMap { title, file in
      file.map { (title, name($0)) }
    }
    if let noise { rows.append(("noise", noise.rawValue)) }
    if let from, let to { rows.append(("difference", "from \"\(from)\" to \"\(to)\"")) }
    rows += options.map { ($0.name, $0.value ?? "yes") }
    return rows
  }

  /// A command, what stands alone after it, and its options without hyphens; flags have no value.
  typealias Line = (
    command: String, arguments: [String], options: [(name: String, value: String?)]
  )

  /// The command line that makes such an image: nil for a frame of several, which no line makes alone.
  ///
  /// - Parameter prompt: That of the settings.
  func line(prompt: String) -> Line? {
    let path = sources.first?.path ?? ""
    var own = options
    switch operation {
    case .interpolate: return nil
    case .mix:
      let words = sources.flatMap { source in
        [source.path ?? source.prompt ?? ""] + (source.weight.map { [Self.short($0)] } ?? [])
      }
      return (operation.rawValue, words, own)
    case .start: return ("generate", [prompt], [("image", path)] + own)
    case .vary: if noise == .inverted { own.append(("noise", "inverted")) }
    case .diff:
      if let noise { own.append(("noise", noise.rawValue)) }
      own = [("from", from ?? ""), ("to", to ?? "")] + own
    case .inpaint, .outpaint:
      if let mask { own = [("mask", mask.path)] + own }
      if !prompt.isEmpty { own.append(("prompt", prompt)) }
    case .probe: if let pca { own.append(("pca", pca.path)) }
    case .upscale: break
    }
    return (operation.rawValue, [path], own)
  }

  /// The numbers and flags, by the names of their options.
  private var options: [(name: String, value: String?)] {
    let numbers: [(String, Double?)] = [
      ("theta", theta), ("strength", strength), ("feather", feather.map(Double.init)),
      ("window", window.map(Double.init)), ("left", left.map(Double.init)),
      ("top", top.map(Double.init)), ("right", right.map(Double.init)),
      ("bottom", bottom.map(Double.init)), ("tile", tile.map(Double.init)),
      ("columns", columns.map(Double.init)),
    ]
    var options: [(name: String, value: String?)] = numbers.compactMap { name, value in
      value.map { (name, Self.short($0)) }
    }
    if let upsampler { options.append(("upsampler", upsampler.rawValue)) }
    if invertsMask == true { options.append(("invert-mask", nil)) }
    if resizesMask == true { options.append(("resize-mask", nil)) }
    if let components {
      options.append(("components", components.map(String.init).joined(separator: ",")))
    }
    return options
  }

  private static func short(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
