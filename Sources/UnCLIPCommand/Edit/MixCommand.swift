import ArgumentParser
import Foundation
import UnCLIP

/// `unclip mix`: images of several prompts and images at once.
struct MixCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mix",
    abstract: "Generate images of several prompts and images at once.",
    discussion: """
      Decodes the weighted mean of the CLIP image embeddings, on the sphere they lie on. Each \
      input may be followed by its weight, which is 1 if it is not; only the ratios of weights matter. \
      What names an image file is an image, all else is a prompt.

      EXAMPLES:
        unclip mix "a cat" 0.6 photo.png 0.4
        unclip mix "a red apple" "a blue car" "a house" -n 4 --grid mixed.png
      """)

  @Argument(
    help: ArgumentHelp(
      "Prompts, images and latents, each with its weight after it.", valueName: "input [weight]"))
  var inputs: [String]

  @OptionGroup var images: ImageOptions
  @OptionGroup var options: EditOptions

  func run() throws {
    let parts = try Self.weighted(inputs)
    let read = try parts.map { try EditInput($0.text) }
    let edit = try ImageEdit.mixture(
      of: zip(read, parts).map { (source: $0.source, weight: $1.weight) })
    let plan = try images.plan(
      of: [read.map(\.name).joined(separator: " ")], inputs: read.compactMap(\.path),
      output: options.output)
    try options.run(plan, Edit(.mix, edit, of: read), to: images.destination, columns: nil)
  }

  /// Gives each input the weight after it.
  /// - Throws: `CommandError.usage` for a weight without an input before it.
  static func weighted(
    _ words: [String]
  ) throws(CommandError) -> [(text: String, weight: Double)] {
    var parts: [(text: String, weight: Double)] = []
    var isWeighted = true
    for word in words {
      guard let weight = Double(word) else {
        parts.append((word, 1))
        isWeighted = false
        continue
      }
      guard !isWeighted else {
        throw .usage(
          "The weight \(word) has no prompt or image before it; a prompt that is a number needs "
            + "another word.")
      }
      parts[parts.count - 1].weight = weight
      isWeighted = true
    }
    return parts
  }
}
