import ArgumentParser
import Imaging
import UnCLIP

/// What of an image is generated anew.
struct MaskOptions: ParsableArguments {
  private static let featherRange = OptionRange("--feather", Inpainting.featherRange)

  @Option(
    help: ArgumentHelp(
      "An image of the same size: white is generated anew, black stays; or, if it has "
        + "transparency, what is transparent is generated anew. The image's own transparency if "
        + "not given.",
      valueName: "file"))
  var mask: String?

  @Flag(help: "Generate what the mask keeps, and keep the rest.")
  var invertMask = false

  @Flag(help: "Stretch a mask of another size to the image's.")
  var resizeMask = false

  @Option(
    help: featherRange.help(
      "Pixels inside the part over which the old image fades out", note: "0 if not given",
      valueName: "pixels"))
  var feather: Int?

  func validate() throws {
    try Self.featherRange.check(feather)
    guard mask == nil else { return }
    for (given, name, reason) in [
      (invertMask, "--invert-mask", "there is no mask to invert"),
      (resizeMask, "--resize-mask", "there is no mask to resize"),
      ((feather ?? 0) > 0, "--feather", "transparent pixels have no colours that could fade out"),
    ] where given {
      throw ValidationError("\(name) needs --mask: \(reason).")
    }
  }

  /// Records what was given.
  func apply(to record: inout EditRecord) {
    record.feather = feather
    if invertMask { record.invertsMask = true }
    if resizeMask { record.resizesMask = true }
  }
}

/// How decoder and upsampler work around what is known.
struct InpaintingOptions: ParsableArguments {
  private static let jumpRange = OptionRange("--jumps", SamplingSettings.jumpRange)
  private static let lengthRange = OptionRange("--jump-length", SamplingSettings.jumpLengthRange)
  private static let windowRange = OptionRange("--window", Inpainting.windowRange)

  @Option(
    help: ArgumentHelp(
      "What to generate; the image's own CLIP embedding if not given.", valueName: "prompt"))
  var prompt = ""

  @Option(
    help: jumpRange.help(
      "How often each stretch of steps is noised and denoised again, so that old and new agree",
      note: "the model's own if not given"))
  var jumps: Int?

  @Option(
    help: lengthRange.help("Steps in such a stretch", note: "the model's own if not given"))
  var jumpLength: Int?

  @Option(
    help: windowRange.help(
      "Side of the square that the model sees at once, pixels of the image",
      note: "larger ones see more and draw coarser", valueName: "pixels"))
  var window: Int?

  func validate() throws {
    try Self.jumpRange.check(jumps)
    try Self.lengthRange.check(jumpLength)
    try Self.windowRange.check(window)
  }

  /// Sets the options that were given.
  func apply(to settings: inout GenerationSettings) {
    settings.prompt = prompt
    if let jumps { settings.sampling.resamplingJumps = jumps }
    if let jumpLength { settings.sampling.resamplingLength = jumpLength }
  }
}

/// `--strength`.
struct StrengthRange {
  /// Refuses a strength outside (0, 1].
  /// - Throws: `ValidationError`.
  static func check(_ strength: Double?) throws {
    guard let strength, !(strength > 0 && Inpainting.strengthRange.contains(strength)) else {
      return
    }
    let text = "\(strength)"
    throw ValidationError(
      "--strength is \(text.hasSuffix(".0") ? String(text.dropLast(2)) : text), but it must be "
        + "more than 0 and at most 1.")
  }
}
