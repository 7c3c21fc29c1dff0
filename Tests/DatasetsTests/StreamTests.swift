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
      Mixture(workers: 0, heldOutFraction: 0), batchSize: 6, imageSize: 16, seed: 3)
    change(&configuration)
    return try TrainingStream(directory: folder, configuration: configuration)
  }

  @Test(arguments: [0, 2]) func rowsOfABatchAreThoseOfTheWhole(_ workers: Int) throws {
    try withTemporaryFolder { folder in
      try Fixture.write(20, to: folder)
      let stream = try stream(folder) { $0.mixture.workers = workers }
      for index in [0, 1, 5] {
        let whole = try stream.batch(at: index)
        let parts = try [0..<1, 1..<4, 4..<6].map { try stream.batch(at: index, rows: $0) }
        #expect(parts.map(\.count) == [1, 3, 2])
        #expect(parts.flatMap(\.pixels) == whole.pixels)
        #expect(parts.flatMap(\.captions) == whole.captions)
        #expect(parts.flatMap(\.keys) == whole.keys)
      }
    }
  }

  @Test func batchesDependOnlyOnSeedAndIndex() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(20, to: folder)
      let inline = try stream(folder)
      let threaded = try stream(folder) { $0.mixture.workers = 3 }
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
        $0.mixture.sceneFraction = 0; $0.mixture.shapeFraction = 0
      }
      #expect(stream.epochLength == 24)
      #expect(stream.batchesPerEpoch == 4)
      for pass in 0..<3 {
        let keys = try (0..<4).flatMap { try stream.batch(at: pass * 4 + $0).keys }
        #expect(Set(keys).count == 24)
      }
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
      func emoji(
        _ change: (inout StreamConfiguration) -> Void = { _ in }
      ) throws -> TrainingStream {
        try stream(folder) {
          $0.mixture.coreOnly = true
          $0.mixture.groupWeights = ["People & Body": 0.5]
          change(&$0)
        }
      }
      let plain = try emoji()
      #expect(plain.sampleCount == 39)
      #expect(plain.epochLength == 29)
      #expect(try emoji { $0.mixture.coreOnly = false }.sampleCount == 40)
      #expect(try emoji { $0.mixture.minimumSide = 32 }.sampleCount == 20)
      #expect(
        try emoji { $0.mixture.groupWeights = ["People & Body": 0] }.sampleCount == 19)
      #expect(
        try emoji { $0.mixture.groupWeights = ["People & Body/person": 0.25] }.epochLength
          == 24)
      #expect(
        try emoji { $0.mixture.sourceWeights = ["noto-emoji": 0.1] }.epochLength == 39 - 10
      )
      let train = try emoji {
        $0.mixture.heldOutFraction = 0.5; $0.part = .train
      }
      let held = try emoji {
        $0.mixture.heldOutFraction = 0.5; $0.part = .heldOut
      }
      #expect(train.sampleCount + held.sampleCount == 39)
      let all = try emoji {
        $0.mixture.heldOutFraction = 0.5; $0.part = .all
      }
      #expect(try all.samples(in: .train).map(\.key) == train.samples().map(\.key))
      #expect(try all.samples(in: .heldOut).count == held.sampleCount)
      #expect(try all.samples(limit: 5).count == 5)
      let keys = try all.samples().map(\.key)
      #expect(
        try all.samples(limit: 4, spread: true).map(\.key) == [0, 9, 19, 29].map { keys[$0] })
      #expect(try all.samples(limit: 99, spread: true).map(\.key) == keys)
      #expect(
        Fixture.message { _ = try stream(folder) { $0.mixture.minimumSide = 999 } }?.contains(
          "no sample passes core_only, minimum_side 999, the weights and the part train") == true)
    }
  }

  @Test func largeSetsAreDecodedOnDemand() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(10, to: folder)
      let cached = try stream(folder) { $0.mixture.sceneFraction = 0 }
      let streamed = try stream(folder) {
        $0.mixture.sceneFraction = 0; $0.cacheLimit = 100
      }
      #expect(try cached.batch(at: 5) == streamed.batch(at: 5))
    }
  }

  /// Returns the names of the cache files in a data set folder.
  private func caches(in folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent(".decoded").path
    ).filter { $0 != "lock" }.sorted()
  }

  @Test func decodedImagesAreSharedByLaterStreams() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(10, to: folder)
      let alone = try stream(folder) { $0.cacheLimit = 100 }
      let first = try stream(folder)
      let names = try caches(in: folder)
      #expect(names.count == 1 && names[0].hasPrefix("16-") && names[0].hasSuffix(".rgba"))
      let file = folder.appendingPathComponent(".decoded/\(names[0])")
      let inode = try FileManager.default.attributesOfItem(atPath: file.path)[.systemFileNumber]
      let second = try stream(folder) { $0.mixture.workers = 2 }
      for index in [0, 5] {
        #expect(try first.batch(at: index).keys.count == 6)
        #expect(try first.batch(at: index) == second.batch(at: index))
      }
      #expect(
        try alone.samples().map(\.image) == first.samples().map(\.image))
      let now = try FileManager.default.attributesOfItem(atPath: file.path)[.systemFileNumber]
      #expect(inode as? Int == now as? Int)
    }
  }

  @Test func changedDataAndDamageMakeANewCache() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(4, to: folder)
      let expected = try stream(folder).batch(at: 1)
      let name = try caches(in: folder)[0]
      let file = folder.appendingPathComponent(".decoded/\(name)")
      let whole = try Data(contentsOf: file)
      try whole.prefix(whole.count / 2).write(to: file)
      #expect(try stream(folder).batch(at: 1) == expected)
      #expect(try Data(contentsOf: file) == whole)
      for old in try FileManager.default.contentsOfDirectory(atPath: folder.path)
      where old != ".decoded" {
        try FileManager.default.removeItem(at: folder.appendingPathComponent(old))
      }
      try Fixture.write(5, to: folder)
      #expect(try stream(folder).sampleCount == 5)
      let names = try caches(in: folder)
      #expect(names.count == 1 && names[0] != name)
    }
  }

  @Test func withoutAPlaceForTheCacheImagesStayInMemory() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(4, to: folder)
      let expected = try stream(folder).batch(at: 1)
      try FileManager.default.removeItem(at: folder.appendingPathComponent(".decoded"))
      try Data().write(to: folder.appendingPathComponent(".decoded"))
      #expect(try stream(folder).batch(at: 1) == expected)
    }
  }

  @Test func evaluationImagesAreUnchanged() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(3, to: folder)
      let samples = try stream(folder).samples()
      #expect(samples.map(\.caption) == ["a thing 0", "a thing 1", "a thing 2"])
      #expect(samples[1].image == Fixture.sample(1).image.composited(over: (255, 255, 255)))
    }
  }

  @Test func opaqueImagesFillTheFrame() throws {
    try withTemporaryFolder { folder in
      var writer = try ShardWriter(directory: folder, name: "set")
      var sample = Fixture.sample(0)
      sample.image = Image(width: 16, height: 16, color: [10, 200, 10, 255])
      try writer.append(sample)
      _ = try writer.finish()
      let stream = try stream(folder) {
        $0.mixture.sceneFraction = 0
        $0.mixture.shapeFraction = 0
        $0.mixture.augmentation.coloredBackgroundFraction = 1
      }
      let batch = try stream.batch(at: 0)
      #expect(batch.image(at: 0) == Image(width: 16, height: 16, color: [10, 200, 10]))
    }
  }

  @Test func fractionsDecideTheMixture() throws {
    try withTemporaryFolder { folder in
      try Fixture.write(10, to: folder)
      let stream = try stream(folder) {
        $0.mixture.sceneFraction = 0.3
        $0.mixture.shapeFraction = 0.2
        $0.batchSize = 1000
      }
      let keys = try stream.batch(at: 0).keys
      #expect(abs(keys.count { $0.hasPrefix("scene_") } - 300) < 60)
      #expect(abs(keys.count { $0.hasPrefix("shape_") } - 200) < 60)
      #expect(try stream.captions(count: 1000) == stream.batch(at: 0).captions)
    }
  }

  @Test func theSameKeyInTwoSetsAndShardsIsJoined() throws {
    try withTemporaryFolder { folder in
      let (one, two) = (folder.appendingPathComponent("one"), folder.appendingPathComponent("two"))
      try Fixture.write(2, to: one)
      try FileManager.default.createDirectory(at: two, withIntermediateDirectories: true)
      for (shard, caption) in [("a", "red car"), ("b", "blue car")] {
        var tar = Tar()
        tar.add("sample_0.png", try PNGEncoder.encode(Fixture.square(9, 9, 200)))
        tar.add("sample_0.txt", Array(caption.utf8))
        try tar.write(to: two.appendingPathComponent("\(shard).tar"))
      }
      #expect(try ShardReader(directory: two).keys == ["a/sample_0", "b/sample_0"])
      let mixture = Mixture(workers: 0, heldOutFraction: 0)
      let joined = try TrainingStream(
        directories: [one, two, one], configuration: StreamConfiguration(mixture, imageSize: 16))
      #expect(
        joined.infos.mapValues(\.caption) == [
          "one/sample_0": "thing 0", "one/sample_1": "thing 1", "a/sample_0": "red car",
          "b/sample_0": "blue car", "one/sample_0#2": "thing 0", "one/sample_1#2": "thing 1",
        ])
    }
  }

  /// With and without images in memory or on disk.
  @Test(arguments: [4 << 30, 1])
  func brokenImagesAreSkippedUnlessStrict(cacheLimit: Int) throws {
    try withTemporaryFolder { folder in
      var tar = Tar()
      for index in 0..<5 {
        let png = try PNGEncoder.encode(Fixture.square(UInt8(index * 50), 9, 200))
        tar.add("s\(index).png", index == 2 ? Array(png.prefix(60)) : png)
        tar.add("s\(index).txt", Array("thing \(index)".utf8))
      }
      try tar.write(to: folder.appendingPathComponent("x.tar"))
      let stream = try stream(folder) {
        ($0.mixture.sceneFraction, $0.mixture.shapeFraction) = (0, 0)
        $0.cacheLimit = cacheLimit
      }
      #expect(stream.sampleCount == (cacheLimit == 1 ? 5 : 4))
      let keys = try (0..<5).flatMap { try stream.batch(at: $0).keys }
      #expect(Set(keys) == ["s0", "s1", "s3", "s4"])
      #expect(try stream.samples().map(\.key) == ["s0", "s1", "s3", "s4"])
      let text = Fixture.message {
        let strict = try self.stream(folder) {
          ($0.mixture.sceneFraction, $0.mixture.shapeFraction) = (0, 0)
          ($0.strict, $0.cacheLimit) = (true, cacheLimit)
        }
        for index in 0..<5 { _ = try strict.batch(at: index) }
      }
      #expect(text?.contains("x.tar, entry s2.png: it is not a whole PNG file") == true)
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
    Fault(text: "The setting batch_size is 0; it must be 1 to 65536.") { $0.batchSize = 0 },
    Fault(text: "The setting image_size is 2; it must be 4 to 4096.") { $0.imageSize = 2 },
    Fault(text: "The setting workers is -1; it must be 0 to 64.") { $0.mixture.workers = -1 },
    Fault(text: "The setting prefetch is -1; it must be 0 to 1024.") { $0.mixture.prefetch = -1 },
    Fault(text: "The setting minimum_side is -1; it must be 0 to 65536.") {
      $0.mixture.minimumSide = -1
    },
    Fault(text: "The setting scene_fraction is 1.5; it must be 0 to 1.") {
      $0.mixture.sceneFraction = 1.5
    },
    Fault(text: "The setting scene_fraction is nan; it must be 0 to 1.") {
      $0.mixture.sceneFraction = .nan
    },
    Fault(
      text: "The setting shape_fraction is 0.5; with scene_fraction, 0.75, it must be at most 1."
    ) {
      $0.mixture.sceneFraction = 0.75
      $0.mixture.shapeFraction = 0.5
    },
    Fault(text: "The setting smallest_scale is 0.01; it must be 0.1 to 1.") {
      $0.mixture.augmentation.smallestScale = 0.01
    },
    Fault(text: "The setting largest_scale is 3.0; it must be 0.1 to 2.") {
      $0.mixture.augmentation.largestScale = 3
    },
    Fault(text: "The setting shift is -1.0; it must be 0 to 0.5.") {
      $0.mixture.augmentation.shift = -1
    },
    Fault(text: "The setting shift is 1e+300; it must be 0 to 0.5.") {
      $0.mixture.augmentation.shift = 1e300
    },
    Fault(text: "The setting source_weights.x is -1.0; it must be 0 to 1000.") {
      $0.mixture.sourceWeights = ["x": -1]
    },
    Fault(text: "The setting monochrome_weight is 0.0; it must be 0.001 to 1000.") {
      $0.mixture.monochromeWeight = 0
    },
    Fault(text: "The setting held_out_fraction is 1.0; it must be 0 to 0.9.") {
      $0.mixture.heldOutFraction = 1
    },
  ]

  /// One flat section, whose keys are those of the YAML files.
  @Test func aMixtureIsTheDataSectionOfAConfiguration() throws {
    var mixture = Mixture(sceneFraction: 0.25, sourceWeights: ["a": 0.5])
    mixture.augmentation.flipFraction = 0.125
    let data = try JSONEncoder().encode(mixture)
    #expect(try JSONDecoder().decode(Mixture.self, from: data) == mixture)
    let section = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(
      section.keys.sorted() == [
        "colored_background_fraction", "core_only", "flip_fraction", "group_weights",
        "held_out_fraction", "minimum_side", "prefetch", "scene_fraction", "shape_fraction",
        "shift", "smallest_scale", "source_weights", "workers",
      ])
    #expect(section["flip_fraction"] as? Double == 0.125)
  }

  /// Settings made for emoji must not be those of other people's images.
  @Test func aMixtureWithoutKeysChangesNothing() throws {
    let mixture = try JSONDecoder().decode(Mixture.self, from: Data(#"{"shift": 0.25}"#.utf8))
    #expect(mixture == Mixture(augmentation: Augmentation(shift: 0.25)))
    #expect(Mixture().augmentation == .none && !Mixture().coreOnly)
    #expect(Mixture().sceneFraction == 0 && Mixture().groupWeights.isEmpty)
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
