import Datasets
import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct StreamTests {
  private func stream(
    _ folder: URL, _ change: (inout StreamConfiguration) -> Void = { _ in }
  ) throws -> TrainingStream {
    var configuration = StreamConfiguration(
      batchSize: 6, imageSize: 16, seed: 3, workers: 0, split: DataSplit(heldOutFraction: 0))
    change(&configuration)
    return try TrainingStream(directory: folder, configuration: configuration)
  }

  @Test func batchesDependOnlyOnSeedAndIndex() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(20, to: folder)
      let inline = try stream(folder)
      let threaded = try stream(folder) { $0.workers = 3 }
      let order = [0, 1, 2, 7, 3, 4, 3, 100, 0]
      for index in order { #expect(try threaded.batch(at: index) == inline.batch(at: index)) }
      let first = try inline.batch(at: 0)
      #expect(first != (try inline.batch(at: 1)))
      #expect(first != (try stream(folder) { $0.seed = 4 }.batch(at: 0)))
      #expect(first.pixels.count == 6 * 16 * 16 * 3)
      #expect((first.count, first.size) == (6, 16))
      #expect(first.captions.count == 6)
      #expect(first.keys.count == 6)
      #expect(first.image(at: 5).width == 16)
    }
  }

  @Test func onePassShowsEverySampleOnce() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(24, to: folder)
      let stream = try stream(folder) {
        $0.sceneFraction = 0; $0.shapeFraction = 0
      }
      #expect(stream.epochLength == 24)
      #expect(stream.batchesPerEpoch == 4)
      for pass in 0..<3 {
        let keys = try (0..<4).flatMap { try stream.batch(at: pass * 4 + $0).keys }
        #expect(Set(keys).count == 24)
      }
    }
  }

  @Test func ranksShareAPass() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(24, to: folder)
      func keys(_ rank: Int) throws -> [String] {
        let stream = try stream(folder) {
          $0.sceneFraction = 0
          $0.shapeFraction = 0
          $0.rank = rank
          $0.worldSize = 2
        }
        return try (0..<2).flatMap { try stream.batch(at: $0).keys }
      }
      #expect(Set(try keys(0) + keys(1)).count == 24)
    }
  }

  @Test func weightsFiltersAndParts() throws {
    try withTemporaryFolder { folder in
      var writer = try ShardWriter(directory: folder, name: "set")
      for index in 0..<40 {
        var sample = Fixture.sample(
          index, side: index < 20 ? 16 : 32,
          group: index % 2 == 0 ? "People & Body/person" : "Objects/tool")
        sample.isCore = index != 7
        try writer.append(sample)
      }
      _ = try writer.finish()
      let plain = try stream(folder)
      #expect(plain.sampleCount == 39)
      #expect(plain.epochLength == 29)
      #expect(try stream(folder) { $0.coreOnly = false }.sampleCount == 40)
      #expect(try stream(folder) { $0.minimumSide = 32 }.sampleCount == 20)
      #expect(try stream(folder) { $0.groupWeights = ["People & Body": 0] }.sampleCount == 19)
      #expect(
        try stream(folder) { $0.groupWeights = ["People & Body/person": 0.25] }.epochLength == 24)
      #expect(try stream(folder) { $0.sourceWeights = ["noto-emoji": 0.1] }.epochLength == 39 - 10)
      let half = DataSplit(heldOutFraction: 0.5)
      let train = try stream(folder) {
        $0.split = half; $0.part = .train
      }
      let held = try stream(folder) {
        $0.split = half; $0.part = .heldOut
      }
      #expect(train.sampleCount + held.sampleCount == 39)
      let all = try stream(folder) {
        $0.split = half; $0.part = .all
      }
      #expect(try all.samples(in: .train).map(\.key) == train.samples().map(\.key))
      #expect(try all.samples(in: .heldOut).count == held.sampleCount)
      #expect(try all.samples(limit: 5).count == 5)
      #expect(
        Fixture.message { _ = try stream(folder) { $0.minimumSide = 999 } }?.contains(
          "no sample passes coreOnly, minimumSide 999, the weights and the part train") == true)
    }
  }

  @Test func largeSetsAreDecodedOnDemand() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(10, to: folder)
      let cached = try stream(folder) { $0.sceneFraction = 0 }
      let streamed = try stream(folder) {
        $0.sceneFraction = 0; $0.cacheLimit = 100
      }
      #expect(try cached.batch(at: 5) == streamed.batch(at: 5))
    }
  }

  @Test func evaluationPicturesAreUnchanged() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(3, to: folder)
      let samples = try stream(folder).samples()
      #expect(samples.map(\.caption) == ["a thing 0", "a thing 1", "a thing 2"])
      #expect(samples[1].image == Fixture.sample(1).image.composited(over: (255, 255, 255)))
    }
  }

  @Test func opaquePicturesFillTheFrame() throws {
    try withTemporaryFolder { folder in
      var writer = try ShardWriter(directory: folder, name: "set")
      var sample = Fixture.sample(0)
      sample.image = Image(width: 16, height: 16, color: [10, 200, 10, 255])
      try writer.append(sample)
      _ = try writer.finish()
      let stream = try stream(folder) {
        $0.sceneFraction = 0
        $0.shapeFraction = 0
        $0.augmentation.coloredBackgroundFraction = 1
      }
      let batch = try stream.batch(at: 0)
      #expect(batch.image(at: 0) == Image(width: 16, height: 16, color: [10, 200, 10]))
    }
  }

  @Test func fractionsDecideTheMixture() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(10, to: folder)
      let stream = try stream(folder) {
        $0.sceneFraction = 0.3
        $0.shapeFraction = 0.2
        $0.batchSize = 1000
      }
      let keys = try stream.batch(at: 0).keys
      #expect(abs(keys.count { $0.hasPrefix("scene_") } - 300) < 60)
      #expect(abs(keys.count { $0.hasPrefix("shape_") } - 200) < 60)
      #expect(try stream.captions(count: 1000) == stream.batch(at: 0).captions)
    }
  }

  @Test func sameKeyInTwoSetsIsNamed() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(3, to: folder)
      #expect(
        Fixture.message { _ = try TrainingStream(directories: [folder, folder]) }?.contains(
          "sample sample_0: the key occurs twice in the data sets") == true)
    }
  }

  @Test(arguments: Self.faults)
  func settingsAreChecked(fault: Fault) throws {
    var configuration = StreamConfiguration()
    try configuration.validate()
    fault.change(&configuration)
    #expect(Fixture.message { try configuration.validate() } == fault.text)
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let text: String
    let change: @Sendable (inout StreamConfiguration) -> Void
    var testDescription: String { text }
  }

  static let faults: [Fault] = [
    Fault(text: "The setting batchSize is 0; at least 1 is needed.") { $0.batchSize = 0 },
    Fault(text: "The setting imageSize is 2; 4 to 4096 pixels are drawn.") { $0.imageSize = 2 },
    Fault(text: "The setting workers is -1; 0 to 64 threads may be used.") { $0.workers = -1 },
    Fault(text: "The setting prefetch is -1; 0 to 1024 batches may be kept.") { $0.prefetch = -1 },
    Fault(text: "The setting sceneFraction is 1.5; a share lies between 0 and 1.") {
      $0.sceneFraction = 1.5
    },
    Fault(
      text: "The setting sceneFraction + shapeFraction is 1.25; a share lies between 0 and 1."
    ) {
      $0.sceneFraction = 0.75
      $0.shapeFraction = 0.5
    },
    Fault(
      text: "The setting augmentation.smallestScale is 0.01; it lies between 0.1 and largestScale."
    ) { $0.augmentation.smallestScale = 0.01 },
    Fault(text: "The setting augmentation.largestScale is 3.0; at most 2 is drawn.") {
      $0.augmentation.largestScale = 3
    },
    Fault(text: "The setting weight of x is -1.0; 0 or more is needed.") {
      $0.sourceWeights = ["x": -1]
    },
    Fault(text: "The setting monochromeWeight is 0.0; a number above 0 is needed.") {
      $0.monochromeWeight = 0
    },
    Fault(text: "The setting rank is 1; it lies in 0 ..< 1.") { $0.rank = 1 },
    Fault(text: "The setting worldSize is 0; at least 1 process is needed.") { $0.worldSize = 0 },
    Fault(
      text: "The setting split.heldOutFraction is 1.0; 0 to 0.9 of the concepts can be held out."
    ) { $0.split.heldOutFraction = 1 },
  ]

  @Test func configurationSurvivesJSON() throws {
    let configuration = StreamConfiguration(batchSize: 5, sourceWeights: ["a": 0.5])
    let data = try JSONEncoder().encode(configuration)
    #expect(try JSONDecoder().decode(StreamConfiguration.self, from: data) == configuration)
  }

  @Test func mirroringSparesWordsAndDirections() {
    var info = SampleInfo(Fixture.sample(1))
    info.caption = "red apple"
    #expect(Augmentation.mayFlip(info))
    for caption in ["left arrow", "calendar", "one o'clock clock", "musical note"] {
      info.caption = caption
      #expect(!Augmentation.mayFlip(info), "\(caption)")
    }
    info.caption = "red apple"
    for group in ["Symbols/arrow", "Flags/flag", "Objects/money", "signs_and_symbols"] {
      info.group = group
      #expect(!Augmentation.mayFlip(info), "\(group)")
    }
  }
}
