import ArgumentParser

/// `unclip`: generates, trains and inspects.
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unclip",
    abstract: "Generate images from text with unCLIP (DALL·E 2).",
    discussion: """
      EXAMPLES:
        unclip generate "a red apple" --out apple.png
        unclip generate "a smiling cat face" -n 4 --seed 7 --grid cats.png
        unclip vary cat.jpg -n 4 --grid variations.png
        unclip interpolate cat.jpg "a lion" --grid way.png
        unclip inpaint apple.png --mask leaf.png --prompt "a red apple"
        unclip upscale apple.png
        unclip verify apple.png
        unclip serve
        unclip models
        unclip pull kakaobrain/karlo-v1-alpha
        unclip doctor

      \(ModelSearch.help)
      """,
    version: Version.current,
    subcommands: [
      GenerateCommand.self, VaryCommand.self, InterpolateImagesCommand.self, DiffCommand.self,
      MixCommand.self, InvertCommand.self, InpaintCommand.self, OutpaintCommand.self,
      UpscaleCommand.self, ProbeCommand.self, PCACommand.self, MomentsCommand.self,
      VerifyCommand.self, InspectImageCommand.self, EmbedCommand.self,
      ClassifyCommand.self, TokenizeCommand.self, TrainCommand.self, ClassicsCommand.self,
      AssembleCommand.self, ConvertCommand.self, DataCommand.self, ConfigCommand.self,
      EvaluateCommand.self, BenchCommand.self, ServeCommand.self, ModelsCommand.self,
      PullCommand.self,
      DoctorCommand.self, WorkerCommand.self,
    ])
}
