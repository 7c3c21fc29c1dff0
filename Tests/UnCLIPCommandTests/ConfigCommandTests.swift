import Config
import Foundation
import TestSupport
import Testing
import TorchNN
import UnCLIP

@testable import UnCLIPCommand

@Suite struct ConfigCommandTests {
  @Test func listsEveryPreset() throws {
    let outcome = try BuiltCommand.run("config", "list")
    #expect(outcome.status == 0)
    let names = outcome.output.split(separator: "\n").map { $0.prefix { $0 != " " } }
    #expect(names == ["tiny", "small", "karlo", "paper"])
    let json = try BuiltCommand.run("config", "list", "--json")
    #expect(json.output.contains("\"name\" : \"karlo\""))
  }

  @Test(arguments: UnCLIPPreset.all.map(\.name))
  func showsEveryPartOfAPreset(name: String) throws {
    let outcome = try BuiltCommand.run("config", "show", name)
    let parts = try JSONDecoder().decode(
      [String: JSONValue].self, from: Data(outcome.output.utf8))
    let preset = try #require(UnCLIPPreset.all.first { $0.name == name })
    let absent =
      [.tokenizer, .featureExtractor, .lastUpsampler]
      + (preset.imageHint == nil ? [ModelFolder.Part.imageHint] : [])
      + (preset.autoregressivePrior == nil ? [.autoregressivePrior] : [])
      + (preset.secondUpsampler == nil
        ? [.secondUpsampler, .secondUpsamplerScheduler] : [])
    let folders = ModelFolder.Part.allCases.filter { !absent.contains($0) }
    #expect(Set(parts.keys) == Set(folders.map(\.rawValue)))
  }

  @Test func aPartIsAConfigurationFile() throws {
    let folder = try TemporaryFolder()
    let outcome = try BuiltCommand.run("config", "show", "small", "--part", "prior")
    let file = try folder.write(outcome.output, to: "config.json")
    #expect(try PriorConfig.read(at: URL(fileURLWithPath: file)) == UnCLIPPreset.small.prior)
  }

  @Test func refusesUnknownNames() throws {
    expectFailure(
      try BuiltCommand.run("config", "show", "large"), status: 64,
      saying: "There is no preset large; the presets are tiny, small, karlo, paper.")
    expectFailure(
      try BuiltCommand.run("config", "show", "tiny", "--part", "vae"), status: 64,
      saying: "The preset tiny has no part vae; its parts are decoder, ")
  }
}
