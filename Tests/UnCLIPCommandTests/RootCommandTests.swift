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
        unclip interpolate cat.jpg "a lion" --grid way.png
        unclip inpaint apple.png --mask leaf.png --prompt "a red apple"
        unclip upscale apple.png
        unclip verify apple.png
        unclip serve
        unclip models
        unclip pull kakaobrain/karlo-v1-alpha
        unclip doctor

      MODELS:
        --model takes the path of a model folder, or a name that is looked up in
        1. the folders of $UNCLIP_MODELS, separated by colons
        2. Models in the working folder
        3. share/unclip/Models of the installation, or Models of the checkout
        4. unclip/Models in $XDG_DATA_HOME, or in ~/.local/share if it is not set
        5. the Hugging Face cache, which 'unclip pull' fills, by OWNER/NAME or NAME

      USAGE: unclip <subcommand>

      OPTIONS:
        --version               Show the version.
        -h, --help              Show help information.

      SUBCOMMANDS:
        generate                Generate images from prompts.
        vary                    Generate variations of images.
        interpolate             Generate images between images and prompts.
        diff                    Change an image by the difference of two texts.
        mix                     Generate images of several prompts and images at once.
        invert                  Save the latent of an image: its CLIP embedding and
                                its noise.
        inpaint                 Generate a part of an image anew.
        outpaint                Continue an image beyond its border.
        upscale                 Enlarge images fourfold with one of a model's
                                upsamplers.
        probe                   Show what an image's embedding says first.
        pca                     Fit the principal components of image embeddings.
        moments                 Measure a model's errors on data, for --sampler
                                analytic.
        verify                  Generate an image again from its metadata and compare.
        inspect                 Show what image files say about how they were made.
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
        config                  List the presets, print one as JSON, count its cost,
                                or explain the keys of training.
        evaluate                Measure a trained model, stage by stage, or compare
                                two folders of images.
        bench                   Measure what an image or a shared training step costs
                                on this machine.
        serve                   Serve a page, a jobs API and the OpenAI Images API.
        models                  List the models that are found, and what each can do.
        pull                    Fetch a model from Hugging Face or another hub.
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
    (["bogus"], "There is no command 'bogus'; see 'unclip --help', or for an image type: unclip"),
    (["a red apple"], "type: unclip generate \"a red apple\"."),
    (["a", "red", "apple", "--size", "64"], "type: unclip generate \"a red apple\"."),
    (["generat", "x"], "no command 'unclip generat' (did you mean 'unclip generate'?)."),
    (["classics", "smaple"], "(did you mean 'unclip classics sample'?)."),
    (["data", "zzz"], "no command 'unclip data zzz'; there are emoji, clipart, "),
    (["help", "generat"], "(did you mean"),
    (["--no-such-option"], "Unknown option '--no-such-option'; see 'unclip --help'"),
    (["doctor", "--jsom"], "'--jsom' (did you mean '--json'?); see 'unclip doctor --help'"),
    (["doctor", "more"], "Unexpected argument 'more'; see 'unclip doctor --help'"),
  ])
  func refusesWrongArguments(_ arguments: [String], sentence: String) throws {
    let outcome = CommandEntry.outcome(of: arguments)
    #expect(outcome.status == .usage)
    #expect(outcome.sentence?.contains(sentence) == true, "\(outcome)")
  }

  /// What other programs call an option is hinted at, with the options that the command has.
  @Test(arguments: [
    (["generate", "a", "--steps", "10"], "--prior-steps, --decoder-steps and --upsampler-steps;"),
    (["vary", "a", "--steps", "10"], "steps: --decoder-steps and --upsampler-steps;"),
    (["generate", "a", "--num_inference_steps", "10"], "--prior-steps"),
    (["generate", "a", "--cfg", "7"], "--prior-guidance and --decoder-guidance;"),
    (["generate", "a", "--cfg-scale=7"], "'--cfg-scale': each stage has its own"),
    (["generate", "a", "--guidance", "7"], "--prior-guidance"),
    (["generate", "a", "--guidance-scale", "7"], "--prior-guidance"),
    (["generate", "a", "--width", "7"], "images are square, and one side is given: --size;"),
    (["generate", "a", "-W", "7"], "--size;"), (["generate", "a", "-H", "7"], "--size;"),
    (["generate", "--prompt", "a"], "the prompt stands alone, as in unclip generate"),
    (["generate", "-p", "a"], "the prompt stands alone"),
    (["generate", "a", "--sampling-method", "x"], ": --sampler;"),
    (["generate", "a", "--mask", "m.png"], "generated anew by unclip inpaint"),
    (["generate", "a", "--init-img", "m.png"], "has another name here: --image;"),
    (["generate", "a", "--quiet"], "2>/dev/null"),
    (["generate", "a", "--batch-size", "2"], ": --count;"),
    (["embed", "a", "--out", "x.npy", "--batch-size", "2"], ": --batch;"),
    (["generate", "a", "--decodersteps", "2"], "(did you mean '--decoder-steps'?)"),
    (["generate", "a", "--zzzz"], "Unknown option '--zzzz'; see 'unclip generate --help'."),
    (["doctor", "--steps"], "Unknown option '--steps'; see 'unclip doctor --help'."),
  ])
  func hintsAtOptionsOfOthers(_ arguments: [String], part: String) {
    let outcome = CommandEntry.outcome(of: arguments)
    #expect(outcome.status == .usage)
    #expect(outcome.sentence?.contains(part) == true, "\(outcome)")
  }

  @Test func aHintNamesOptionsThatThereAre() {
    let all = ExamplesTests.all.reduce(into: Set<String>()) {
      $0.formUnion(CommandWords.options(of: Array($1.path.dropFirst())))
    }
    #expect(all.contains("--decoder-steps") && all.contains("-n"))
    for entry in PeerOptions.all {
      #expect(all.isSuperset(of: entry.here), "\(entry.here)")
    }
  }

  @Test func helpMayComeBeforeTheCommand() throws {
    let before = try BuiltCommand.run("--help", "generate")
    #expect(before.status == 0 && before.output.contains("USAGE: unclip generate"))
  }

  @Test(arguments: [
    (["--decoder-guidance", "-3"], "--decoder-guidance is -3, but it must be 0 to 100;"),
    (["--guidance-rescale", "-.5"], "--guidance-rescale is -0.5, but it must be 0 to 1;"),
    (["--threads", "-1"], "--threads is -1, but it must be 1 to 1024;"),
    (["--prior-steps", "1001"], "--prior-steps is 1001, but it must be 1 to 1000;"),
    (["-n", "-2"], "--count is -2, but it must be 1 to 10000;"),
    (["--seed", "-3"], "a seed is 0 to 18446744073709551615, or random"),
    (["--seed", "18446744073709551616"], "a seed is 0 to 18446744073709551615, or random"),
  ])
  func negativeNumbersAreValues(_ words: [String], part: String) {
    let outcome = CommandEntry.outcome(of: ["generate", "a"] + words)
    #expect(outcome.status == .usage)
    #expect(outcome.sentence?.contains(part) == true, "\(outcome)")
  }

  @Test func wordsWithoutQuotesAreAskedAbout() throws {
    expectFailure(
      try BuiltCommand.run("generate", "a", "red", "apple"), status: 64,
      saying: "put quotes around it, \"a red apple\"", "--prompts-file")
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
