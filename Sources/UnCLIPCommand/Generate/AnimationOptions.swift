import ArgumentParser
import Foundation
import Imaging

/// All images of a run as one animation.
struct AnimationOptions: ParsableArguments {
  private static let durationRange = OptionRange("--frame-duration", Animation.durationRange)
  private static let loopRange = OptionRange("--loops", Animation.loopRange)

  @Option(
    name: .customLong("animation"),
    help: ArgumentHelp(
      "Write all images as an animation too: a .png (APNG), .webp or .gif file.",
      valueName: "file"))
  var file: String?

  @Option(
    help: durationRange.help(
      "How long the animation shows an image, seconds", note: "0.1 if not given",
      valueName: "seconds"))
  var frameDuration: Double?

  @Option(
    help: loopRange.help("How often the animation plays", note: "0, for ever, if not given"))
  var loops: Int?

  @Flag(help: "Let the animation run backwards after it ran forwards.")
  var backAndForth = false

  var url: URL? { file.map { URL(fileURLWithPath: $0) } }
  var output: OutputFile? { file.map { OutputFile($0, option: "--animation") } }

  func validate() throws {
    try Self.durationRange.check(frameDuration)
    try Self.loopRange.check(loops)
    guard let file else {
      guard frameDuration == nil, loops == nil, !backAndForth else {
        throw ValidationError(
          "--frame-duration, --loops and --back-and-forth need --animation, which names the file.")
      }
      return
    }
    if AnimationFormat(pathExtension: URL(fileURLWithPath: file).pathExtension) == nil {
      throw ValidationError(
        "--animation is \(file), but its name must end in .png, .webp or .gif.")
    }
  }

  /// Writes images in order.
  /// - Throws: `CommandError.data` for images of several sizes; `ImageError`.
  func write(_ images: [Image], to url: URL, replacing: Bool) throws {
    guard Set(images.map { [$0.width, $0.height] }).count == 1 else {
      throw CommandError.data(
        "The images have several sizes, so \(url.path) is not written; leave --animation out.")
    }
    try Animation(
      images, frameDuration: frameDuration ?? 0.1, loopCount: loops ?? 0,
      isForwardAndBack: backAndForth
    ).write(to: url, replacing: replacing)
  }
}
