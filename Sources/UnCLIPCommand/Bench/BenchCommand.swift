import ArgumentParser
import CLIP
import Foundation
import UnCLIP

/// `unclip bench`: what generating an image or a training step costs on this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure what an image or a shared training step costs on this machine.",
    discussion: """
      EXAMPLES:
        unclip bench pipeline
        unclip bench pipeline --model karlo --dtype bfloat16 --json
        unclip bench folder --preset karlo --out karlo-size
        mpirun -np 2 unclip bench ranks
      """,
    subcommands: [PipelineBenchCommand.self, FolderCommand.self, RanksBenchCommand.self])

  /// `unclip bench folder`.
  struct FolderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "folder",
      abstract: "Write a model with random weights in the sizes of a preset, to measure.",
      discussion: """
        Its images are noise. Time and memory are those of a trained model of the sizes; karlo \
        takes 7.5 GB in float16 and as much memory as its largest part in float32, 4 GB.

        EXAMPLES:
          unclip bench folder --preset karlo --out karlo-size
        """)

    @Option(help: "The preset: \(UnCLIPPreset.all.map(\.name).joined(separator: ", ")).")
    var preset: String

    @Option(help: ArgumentHelp("Seed of the weights, \(SeedChoice.range).", valueName: "n"))
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Element type of the weights.", valueName: "type"))
    var dtype = ElementType.float16

    @Option(
      name: .out, help: ArgumentHelp("The folder to write; it must not exist.", valueName: "folder")
    )
    var out: String

    func run() throws {
      let preset = try UnCLIPPreset.named(preset)
      guard !FileManager.default.fileExists(atPath: out) else {
        throw CommandError.cannotCreate(path: out, reason: "it exists already")
      }
      // The tokens are the bytes: random weights need no better vocabulary.
      let tokenizer = CLIPTokenizer.train(
        on: [], vocabularySize: min(514, preset.clip.text.vocabSize),
        contextLength: preset.clip.text.maxPositionEmbeddings)
      try ModelFolder(URL(fileURLWithPath: out)).writeRandom(
        preset, tokenizer: tokenizer, seed: seed, dtype: dtype.dtype)
      try Output.line(out)
    }
  }
}
