import Config
import Foundation
import TestSupport
import Testing
import Torch
import UnCLIP

@testable import Training

@Suite struct FrozenTowerTests {
  /// Plain images in one colour each, whose embedding is the mean colour.
  private func images(_ named: [(key: String, caption: String, level: UInt8)]) -> Images {
    Images(
      pixels: named.flatMap { [UInt8](repeating: $0.level, count: 4 * 4 * 3) }, size: 4,
      captions: named.map(\.caption), keys: named.map(\.key), device: .cpu)
  }

  private func embed(_ images: Tensor) -> Tensor { images.mean(over: [2, 3]) }

  @Test func captionsAreSearchedAmongTheDataAndTheComposedImages() throws {
    let catalogue = ImageCatalogue(
      of: [
        images([("a", "red disc", 0), ("b", "a red circle", 51)]),
        images([("c", "a blue disc", 102)]),
      ], embed: embed)
    let batch = images([
      ("c", "a disc", 102), ("scene_1", "two cats", 153), ("b", "a red circle", 51),
      ("shape_3", "a red circle", 204), ("scene_4", "two cats", 255), ("a", "two cats", 0),
    ])
    let search = catalogue.search(batch, rows: 0..<6, embed: embed)
    #expect(search.targets == [2, 3, 1, 4, 5, 0])
    let levels = [0, 51, 102, 153, 204, 255].map { Float($0) / 127.5 - 1 }
    expectClose(
      search.images, Tensor(levels.flatMap { [$0, $0, $0] }, shape: [6, 3]), .elements)
    // Another image of the same words is neither right nor wrong.
    let no = -Float.infinity
    let expected: [[Float]] = [
      [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, no], [0, 0, 0, 0, no, 0], [0, no, 0, 0, 0, 0],
      [0, 0, 0, no, 0, 0], [0, 0, 0, no, 0, no],
    ]
    #expect(search.mask?.array(of: Float.self) == expected.flatMap { $0 })

    // Each process searches among the same images.
    let share = catalogue.search(batch, rows: 1..<3, embed: embed)
    #expect(share.targets == [3, 1])
    expectClose(share.images, search.images, .elements)
    #expect(share.mask?.array(of: Float.self) == expected[1] + expected[2])

    // Without composed images it is the data alone, two of which may have one caption.
    let plain = catalogue.search(
      images([("b", "a red circle", 51), ("a", "a red circle", 0)]), rows: 0..<2, embed: embed)
    #expect(plain.targets == [1, 0] && plain.mask == nil && plain.images.shape == [3, 3])
  }

  /// The stream has scenes and shapes.
  @Test func aTextTowerIsTrainedAlone() throws {
    try withTemporaryFolder { folder in
      var tiny = try TinyRun(in: folder)
      for stage in [TrainingStage.tokenizer, .clip, .autoregressivePrior] {
        try tiny.run(stage).run()
      }
      tiny.locksImages = true
      let text = folder.appending(path: "text")
      try tiny.run(.clip, into: text, initial: tiny.out(.clip)).run()
      func bytes(_ run: URL, _ part: ModelFolder.Part) throws -> Data {
        try Data(contentsOf: run.appending(path: "model/\(part.rawValue)/model.safetensors"))
      }
      #expect(try bytes(text, .imageEncoder) == bytes(tiny.out(.clip), .imageEncoder))
      #expect(try bytes(text, .textEncoder) != bytes(tiny.out(.clip), .textEncoder))

      // The vision tower is the same, so the tokens of its embeddings are too.
      var run = try tiny.run(
        .autoregressivePrior, into: folder.appending(path: "more"),
        initial: tiny.out(.autoregressivePrior))
      run.models = [text.appending(path: "model")]
      try run.run()
      let clip = try ModelFolder(text.appending(path: "model")).clipFingerprint()
      let prior = try ModelFolder(folder.appending(path: "more/model")).loadAutoregressivePrior()
      #expect(prior.clip == clip)
    }
  }
}
