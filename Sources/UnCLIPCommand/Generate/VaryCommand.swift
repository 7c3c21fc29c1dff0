import ArgumentParser
import Foundation
import Imaging
import UnCLIP

/// `unclip vary`: pictures to other pictures of the same thing.
struct VaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vary",
    abstract: "Draw variations of pictures.",
    discussion: """
      A picture's CLIP embedding is drawn again: what it shows and its style stay, what the \
      embedding does not tell changes with the seed. The prior is not needed. PNG, JPEG and WebP \
      files of any size will do; their middle square is what the encoder sees.

      EXAMPLES:
        unclip vary cat.jpg -n 4 --grid cats.png
        unclip vary apple.png --seed 3 --out other-apple.png
      """)

  @Argument(help: ArgumentHelp("Pictures to vary.", valueName: "picture"))
  var originals: [String]

  @OptionGroup var pictures: PictureOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let plan = try PicturePlan(
      of: originals, count: pictures.count, seed: pictures.seed, out: pictures.out
    ) { URL(fileURLWithPath: $0).deletingPathExtension().lastPathComponent }
    // All are read before anything is drawn: the last may be the one that is broken.
    let images = try Dictionary(
      originals.map { ($0, try Image(contentsOf: URL(fileURLWithPath: $0))) },
      uniquingKeysWith: { first, _ in first })
    let pipeline = try model.open(on: machine, drawingFrom: [.pictures])
    let request = try sampling.request(for: pipeline)
    let artist = Artist(pipeline: pipeline, progress: ProgressReporter())
    try pictures.draw(plan, sources: originals.count, output: output) { item, title in
      try artist.draw(
        "", varying: images[item.subject].map { (item.subject, $0) }, seed: item.seed,
        settings: request, title: title)
    }
  }
}
