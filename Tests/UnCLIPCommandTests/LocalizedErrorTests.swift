import CLIP
import Classics
import Config
import Conversion
import Datasets
import Distribution
import Foundation
import ImageMetrics
import Imaging
import TestSupport
import Testing
import Torch
import TorchArchive
import Training
import UnCLIP
import UnCLIPServer

/// `localizedDescription`, which apps show, is the sentence that `description` is.
@Suite struct LocalizedErrorTests {
  @Test func everyErrorGivesItsSentence() {
    let errors: [any LocalizedError & CustomStringConvertible] = [
      APIError("no such image"),
      ArchiveError.damaged(file: "a", reason: "b"),
      CLIPFolderError.missing(folder: "a"),
      CheckpointError.unreadable(file: "a", reason: "b"),
      ClassicError.noModel(folder: "a"),
      ConfigError.unreadable(file: "a", reason: "b"),
      ConversionError.exists("a"),
      CostError.notCounted(file: "a"),
      DataError.unwritable(file: "a", reason: "b"),
      DeviceError.unknown("a"),
      DistributionError.notStarted,
      FeatureError.notFinite(source: "a"),
      ImageError.unknownExtension(name: "a"),
      LatentError.otherModel(made: "a", here: "model b"),
      ModelFolderError.notAModel("a"),
      EmbeddingPCAError.tooMany(9, possible: 4),
      RequestError.size(7, possible: [64]), RequestError.mask(.keepsAll),
      ServerError.notListening("a", reason: "b"),
      StoreError.locked(path: "a"),
      TokenizerError.missingFile(file: "a"),
      TrainingError.notWritten(path: "a", reason: "b"),
      TrainingError.lostProcess(rank: 1, of: 2, host: "a", seconds: nil, kept: nil),
    ]
    for error in errors {
      #expect(error.description.contains(" "))
      #expect((error as any Error).localizedDescription == error.description)
    }
  }

  /// Every error in `Sources` that a library user can catch is one of those above.
  @Test func noErrorIsForgotten() throws {
    let sources = Golden.url("../../Sources")
    let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path)
    var found: [String] = []
    for file in files where file.hasSuffix(".swift") {
      let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
      for line in text.split(separator: "\n") {
        guard let match = line.wholeMatch(of: /public (enum|struct) (\w+Error)\b.*/) else {
          continue
        }
        found.append(String(match.2))
        #expect(line.contains(": LocalizedError,"), "\(file): \(line)")
      }
    }
    let own = try String(contentsOf: URL(fileURLWithPath: #filePath), encoding: .utf8)
    for name in found { #expect(own.contains("\n      \(name)"), "\(name) is not tested") }
    #expect(found.count >= 13)
  }
}
