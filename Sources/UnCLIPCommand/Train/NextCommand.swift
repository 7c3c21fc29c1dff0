import Classics
import Foundation
import Training

/// The command that goes on with what a run has trained, as one would type it.
struct NextCommand {
  private let command: TrainCommand

  init(_ command: TrainCommand) { self.command = command }

  /// The command line, without what it cannot know: words in capitals are to be filled in.
  var text: String {
    let model = Self.quoted(command.out) + "/model"
    switch command.stage {
    case .tokenizer: return train(.clip)
    case .clip: return train(.prior)
    case .prior, .autoregressivePrior: return train(config(of: .hint) == nil ? .decoder : .hint)
    case .hint: return train(.decoder)
    case .decoder: return train(.upsampler)
    case .upsampler:
      return "unclip assemble CLIP PRIOR DECODER \(model) --name NAME --out FOLDER"
    case .secondUpsampler:
      return "unclip assemble CLIP PRIOR DECODER UPSAMPLER \(model) --name NAME --out FOLDER"
    case .classic(let kind):
      let data = command.data.map { "--data " + Self.quoted($0) }.joined(separator: " ")
      switch kind.rawValue {
      case "vqvae": return train(.classic(CodeTransformer.kind))
      case "pixelcnn", "transformer", "rnn":
        let codes = command.model.last.map(Self.quoted) ?? "VQVAE"
        return "unclip classics sample \(codes) --prior \(model) --out samples.png"
      case "vae", "gan": return "unclip classics sample \(model) --out samples.png"
      case "dae": return "unclip classics denoise \(model) \(data) --out pairs.png"
      case "classifier": return "unclip classics evaluate MODEL \(data) --classifier \(model)"
      default: return "unclip classics reconstruct \(model) \(data) --out pairs.png"
      }
    }
  }

  /// Trains the next stage with the parts that there are: those that this one was given, then its
  /// own.
  private func train(_ stage: TrainingStage) -> String {
    var words = ["unclip train", stage.rawValue, "--config", config(of: stage) ?? "CONFIG"]
    words += command.data.flatMap { ["--data", Self.quoted($0)] }
    let models = command.stage == .tokenizer ? [] : command.model
    if stage != .upsampler {
      words += (models + [command.out + "/model"]).flatMap { ["--model", Self.quoted($0)] }
    }
    let out = URL(fileURLWithPath: command.out).lastPathComponent
    let folder = command.out.hasSuffix("/" + out) ? command.out.dropLast(out.count) : ""
    words += ["--out", Self.quoted(folder + stage.rawValue)]
    // What is said of the data holds for every stage.
    let data = command.overrides.filter { $0.hasPrefix("data=") || $0.hasPrefix("data.") }
    words += data.flatMap { ["--set", Self.quoted($0)] }
    return words.joined(separator: " ")
  }

  /// The configuration of another stage beside this one's, named alike; nil if there is none.
  private func config(of stage: TrainingStage) -> String? {
    let file = command.config
    guard let range = file.range(of: command.stage.rawValue, options: .backwards) else {
      return nil
    }
    let other = file.replacingCharacters(in: range, with: stage.rawValue)
    return FileManager.default.fileExists(atPath: other) ? Self.quoted(other) : nil
  }

  /// The word as a shell takes it.
  private static func quoted(_ word: String) -> String {
    let isPlain = word.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=+:,@%".contains($0))
    }
    return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }
}
