import Diffusion
import Foundation
import UnCLIP

extension JobRequest {
  /// Range: prompts and labels, Unicode scalars.
  public static let textRange = 0...10_000
  /// Range: sources of an operation that takes several.
  public static let sourceRange = 1...64
  /// Range: labels to classify by.
  public static let labelRange = 1...1000
  /// Range: images of one job.
  public static let countRange = 1...1000
  /// Range: partial images of an image.
  public static let partialImageRange = 0...3

  /// What an operation can be given beside its seed.
  private static func fields(of operation: Operation) -> Set<CodingKeys> {
    let drawing: Set<CodingKeys> = [
      .negativePrompt, .count, .size, .settings, .previews, .partialImages,
    ]
    return switch operation {
    case .generate: drawing.union([.prompt, .sources, .strength])
    case .vary: drawing.union([.sources, .noise])
    case .interpolate: drawing.union([.sources, .noise, .theta])
    case .diff: drawing.union([.sources, .noise, .from, .to, .theta])
    case .mix: drawing.union([.sources, .noise])
    case .inpaint: drawing.union([.prompt, .sources, .mask, .strength, .feather])
    case .outpaint: drawing.union([.prompt, .sources, .left, .top, .right, .bottom])
    case .upscale: [.sources, .upsampler, .count, .settings, .previews, .partialImages]
    case .embed: [.sources]
    case .classify: [.sources, .labels]
    }
  }

  /// The fields that differ from what a request without them has.
  private var given: [CodingKeys] {
    CodingKeys.allCases.filter { key in
      switch key {
      case .operation, .seed: false
      case .prompt: prompt != nil
      case .negativePrompt: negativePrompt != nil
      case .count: count != 1
      case .size: size != nil
      case .settings: !settings.isEmpty
      case .sources: !sources.isEmpty
      case .mask: mask != nil
      case .from: from != nil
      case .to: to != nil
      case .theta: theta != nil
      case .noise: noise != nil
      case .strength: strength != nil
      case .feather: feather != nil
      case .left: left != nil
      case .top: top != nil
      case .right: right != nil
      case .bottom: bottom != nil
      case .upsampler: upsampler != nil
      case .labels: labels != nil
      case .previews: previews
      case .partialImages: partialImages != 0
      }
    }
  }

  /// Checks every field against its operation and a model, so far as that can be told without the
  /// content of the files.
  ///
  /// - Throws: `JobRefusal.invalid`, which names the first field at fault.
  public func check(for model: ModelDescription) throws(JobRefusal) {
    guard model.operations.contains(operation) else {
      let possible = model.operations.map(\.rawValue).joined(separator: ", ")
      throw .invalid(
        "The model \(model.name) lacks a part that \(operation.rawValue) needs; it can do "
          + "\(possible.isEmpty ? "nothing" : possible).", field: "operation")
    }
    let taken = Self.fields(of: operation)
    if let other = given.first(where: { !taken.contains($0) }) {
      throw .invalid(
        "\(operation.rawValue) takes no '\(other.rawValue)'; leave it out.",
        field: other.rawValue)
    }
    try checkTexts()
    try checkSources()
    try checkUpsampler(for: model)
    try checkNumbers(for: model)
    if makesImages { _ = try sampling(over: Self.defaults(of: model), parts: model.parts) }
  }

  private var makesImages: Bool { operation.makesImages }

  // MARK: Texts

  private func checkTexts() throws(JobRefusal) {
    if operation == .generate, prompt == nil { throw Self.missing(.prompt) }
    if operation == .diff {
      if from == nil { throw Self.missing(.from) }
      if to == nil { throw Self.missing(.to) }
    }
    for (key, text) in [
      (.prompt, prompt), (.negativePrompt, negativePrompt), (.from, from), (.to, to),
    ] as [(CodingKeys, String?)] {
      if let text { try Self.check(text, key.rawValue) }
    }
    if let noise, ImageEdit.Noise(rawValue: noise) == nil {
      throw .invalid(
        "'\(noise.prefix(60))' is not one of ['fresh', 'inverted'] - 'noise'", field: "noise")
    }
    guard operation == .classify else { return }
    guard let labels, !labels.isEmpty else { throw Self.missing(.labels) }
    try Self.check(labels.count, .labels, in: Self.labelRange)
    var seen: Set<String> = []
    for label in labels {
      try Self.check(label, CodingKeys.labels.rawValue)
      if label.isEmpty { throw .invalid("A label is empty - 'labels'", field: "labels") }
      if !seen.insert(label).inserted {
        throw .invalid(
          "The label '\(label.prefix(60))' is given twice; give each once - 'labels'",
          field: "labels")
      }
    }
  }

  private static func check(_ text: String, _ field: String) throws(JobRefusal) {
    let count = text.unicodeScalars.count
    guard textRange.contains(count) else {
      throw .invalid(
        "The text has \(count) characters, more than the maximum of \(textRange.upperBound) - "
          + "'\(field)'", field: field)
    }
    if text.unicodeScalars.contains("\0") {
      throw .invalid("The text holds a NUL character; leave it out - '\(field)'", field: field)
    }
  }

  private static func missing(_ key: CodingKeys) -> JobRefusal {
    .invalid("'\(key.rawValue)' is a required property", field: key.rawValue)
  }

  // MARK: Sources

  private func checkUpsampler(for model: ModelDescription) throws(JobRefusal) {
    guard let upsampler else { return }
    guard let level = Upsampler.Level(rawValue: upsampler) else {
      throw .invalid(
        "'\(upsampler.prefix(60))' is not one of ['first', 'second'] - 'upsampler'",
        field: "upsampler")
    }
    guard model.parts.contains(level.part.rawValue) else {
      throw .invalid(
        "The model has no \(level.part.rawValue), which the upsampler '\(upsampler)' is",
        field: "upsampler")
    }
  }

  private func checkSources() throws(JobRefusal) {
    if let mask { try Self.checkFile(mask, "mask") }
    let range: ClosedRange<Int> =
      switch operation {
      case .generate: 0...1
      case .vary, .diff, .inpaint, .outpaint, .upscale: 1...1
      case .interpolate: 2...Self.sourceRange.upperBound
      case .mix, .embed, .classify: Self.sourceRange
      }
    if sources.isEmpty, range.lowerBound > 0 { throw Self.missing(.sources) }
    try Self.check(sources.count, .sources, in: range)
    let takesPrompts = [.interpolate, .mix, .embed].contains(operation)
    for (index, source) in sources.enumerated() {
      let field = "sources[\(index)]"
      guard (source.prompt == nil) != (source.file == nil) else {
        throw .invalid(
          "A source has either a 'prompt' or a 'file', and this has "
            + "\(source.prompt == nil ? "neither" : "both") - '\(field)'", field: field)
      }
      if let prompt = source.prompt {
        guard takesPrompts else {
          throw .invalid(
            "\(operation.rawValue) takes a 'file' as its source, not a 'prompt' - '\(field)'",
            field: field)
        }
        try Self.check(prompt, field)
      }
      if let file = source.file { try Self.checkFile(file, field) }
      guard let weight = source.weight else { continue }
      guard operation == .mix else {
        throw .invalid("\(operation.rawValue) takes no weights - '\(field)'", field: field)
      }
      guard weight >= 0, weight <= 1e6 else {
        throw .invalid(
          "\(Self.short(weight)) is not in 0 to 1000000 - 'weight' of '\(field)'", field: field)
      }
    }
    if operation == .mix, sources.allSatisfy({ $0.weight == 0 }) {
      throw .invalid("All weights are 0; one must be more - 'sources'", field: "sources")
    }
    if operation == .generate, strength != nil, sources.isEmpty {
      throw .invalid(
        "'strength' is for an image to start from; give it as the source", field: "strength")
    }
    if feather ?? 0 > 0, mask == nil {
      throw .invalid(
        "'feather' needs a mask: transparent pixels have no colours that could fade out",
        field: "feather")
    }
  }

  /// Refuses what is no hash, such as a path.
  private static func checkFile(_ file: String, _ field: String) throws(JobRefusal) {
    let isHash =
      file.utf8.count == 64
      && file.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    guard isHash else {
      throw .invalid(
        "'\(file.prefix(64))' is not the SHA-256 of a stored file, 64 digits 0-9 and a-f - "
          + "'\(field)'", field: field)
    }
  }

  // MARK: Numbers

  private func checkNumbers(for model: ModelDescription) throws(JobRefusal) {
    try Self.check(count, .count, in: Self.countRange)
    try Self.check(partialImages, .partialImages, in: Self.partialImageRange)
    if let seed, seed > UInt64.max - UInt64(count - 1) {
      throw .invalid(
        "\(seed) is greater than the maximum of \(UInt64.max - UInt64(count - 1)) for \(count) "
          + "images - 'seed'", field: "seed")
    }
    if let size, !model.sizes.contains(size) {
      let list = model.sizes.map(String.init).joined(separator: ", ")
      throw .invalid("\(size) is not one of [\(list)] - 'size'", field: "size")
    }
    if let theta {
      if operation == .interpolate, count > 1 {
        throw .invalid(
          "'theta' is where a single image lies on the way; leave it out, or make 'n' 1",
          field: "theta")
      }
      try Self.check(theta, .theta, in: ImageEdit.thetaRange)
    }
    if let strength {
      guard strength > 0, Inpainting.strengthRange.contains(strength) else {
        throw .invalid(
          "\(Self.short(strength)) is not more than 0 and at most 1 - 'strength'",
          field: "strength")
      }
    }
    if let feather { try Self.check(feather, .feather, in: Inpainting.featherRange) }
    let spaces: [(CodingKeys, Int?)] = [
      (.left, left), (.top, top), (.right, right), (.bottom, bottom),
    ]
    for (key, space) in spaces {
      if let space { try Self.check(space, key, in: Inpainting.spaceRange) }
    }
    if operation == .outpaint, spaces.allSatisfy({ ($0.1 ?? 0) == 0 }) {
      throw .invalid(
        "There is no new space; give 'left', 'top', 'right' or 'bottom'", field: "left")
    }
  }

  private static func check<Value: Comparable>(
    _ value: Value, _ key: CodingKeys, in range: ClosedRange<Value>
  ) throws(JobRefusal) {
    guard !range.contains(value) else { return }
    let name = key.rawValue
    let of = key == .sources || key == .labels ? "the number of " : ""
    let text =
      value < range.lowerBound
      ? "\(short(value)) is less than the minimum of \(short(range.lowerBound)) - \(of)'\(name)'"
      : value > range.upperBound
        ? "\(short(value)) is greater than the maximum of \(short(range.upperBound)) - \(of)'\(name)'"
        : "\(value) is no number - '\(name)'"
    throw .invalid(text, field: name)
  }

  private static func short<Value>(_ value: Value) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
