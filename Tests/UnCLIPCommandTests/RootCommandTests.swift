import Foundation
import Testing

@testable import UnCLIPCommand

@Suite struct RootCommandTests {
  @Test func versionIsOneLine() throws {
    let outcome = try BuiltCommand.run("--version")
    #expect(outcome.status == 0)
    #expect(outcome.output == Version.current + "\n")
  }

  @Test func helpSaysWhatThereIs() throws {
    let help = """
      OVERVIEW: Generate images from text with unCLIP (DALL·E 2).

      EXAMPLES:
        unclip generate "a red apple" --out apple.png
        unclip generate "a smiling cat face" -n 4 --seed 7 --grid cats.png
        unclip vary cat.jpg -n 4 --grid variations.png
        unclip verify apple.png
        unclip models
        unclip doctor

      MODELS:
        --model takes the path of a model folder, or a name that is looked up in
        1. the folders of $UNCLIP_MODELS, separated by colons
        2. Models in the working folder
        3. share/unclip/Models of the installation, or Models of the checkout
        4. unclip/Models in $XDG_DATA_HOME, or in ~/.local/share if it is not set

      USAGE: unclip <subcommand>

      OPTIONS:
        --version               Show the version.
        -h, --help              Show help information.

      SUBCOMMANDS:
        generate                Generate images from prompts.
        vary                    Generate variations of images.
        verify                  Generate an image again from its metadata and compare.
        embed                   Write the CLIP embeddings of texts or images.
        classify                Classify images by the names of classes (zero-shot).
        tokenize                Show the token ids of texts.
        train                   Train a part of the model.
        classics                Use GAN, AE, DAE, VAE and VQ-VAE: the road to unCLIP.
        assemble                Make one model folder from parts of several.
        convert                 Make a model folder from original checkpoints or
                                pickles.
        data                    Write training data as WebDataset shards, or inspect
                                them.
        config                  List the presets, or print one as JSON.
        evaluate                Measure a trained model, stage by stage, on the
                                images it was trained on.
        bench                   Measure what generating an image costs on this
                                machine.
        models                  List the models that are found, and what each can do.
        doctor                  Show what was found: LibTorch, processor, devices,
                                models.

        See 'unclip help <subcommand>' for detailed help.

      """
    for arguments in [[], ["--help"], ["help"]] {
      let outcome = try BuiltCommand.run(arguments, environment: ["COLUMNS": "80"])
      #expect(outcome.status == 0)
      #expect(outcome.output == help)
      #expect(outcome.errors.isEmpty)
    }
  }

  @Test(arguments: [
    (["bogus"], "Unexpected argument 'bogus'; see 'unclip --help'"),
    (["--no-such-option"], "Unknown option '--no-such-option'; see 'unclip --help'"),
    (["doctor", "--jsom"], "'--jsom' (did you mean '--json'?); see 'unclip doctor --help'"),
    (["doctor", "more"], "Unexpected argument 'more'; see 'unclip doctor --help'"),
  ])
  func refusesWrongArguments(_ arguments: [String], sentence: String) throws {
    let outcome = CommandEntry.outcome(of: arguments)
    #expect(outcome.status == .usage)
    #expect(outcome.sentence?.contains(sentence) == true, "\(outcome)")
  }

  @Test func refusesBytesThatAreNotText() throws {
    let outcome = try BuiltCommand.shell(#"exec "$0" doctor "$(printf '\377\376')""#)
    expectFailure(outcome, status: 64, saying: "Argument 2 is not valid UTF-8")
  }

  @Test func sentencesAreOneLineWithAFullStop() {
    struct Fault: Error, CustomStringConvertible { var description: String { "a\nb" } }
    #expect(CommandEntry.sentence(for: Fault()) == "a b.")
    #expect(CommandEntry.sentence(for: CommandError.data("No.")) == "No.")
  }
}
