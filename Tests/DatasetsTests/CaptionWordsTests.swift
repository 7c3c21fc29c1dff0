import Datasets
import Foundation
import TestSupport
import Testing

@Suite struct CaptionWordsTests {
  /// WordNet's files with a few lines, in a folder of their own.
  private func withWordNet<Result>(_ body: (WordNet.Files) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      func write(_ name: String, _ lines: [String]) throws -> URL {
        let url = folder.appendingPathComponent(name)
        let text = (["  1 This software is licensed", ""] + lines).joined(separator: "\n")
        try Data(text.utf8).write(to: url)
        return url
      }
      return try body(
        WordNet.Files(
          adjectives: write(
            "index.adj",
            ["able a 1 1 & 1 1 00001740  ", "zygotic a 1 1 \\ 1 0 02955553  "]),
          nouns: write(
            "index.noun",
            [
              "automobile n 1 2 @ ~ 1 1 02958343  ", "car n 2 1 @ 2 2 02958343 02959942  ",
              "idea n 1 1 @ 1 1 05833840  ", "motorcar n 1 1 @ 1 0 02958343  ",
              "railway_car n 1 1 @ 1 0 02959942  ",
            ]),
          nounData: write(
            "data.noun",
            [
              "02958343 06 n 03 car 0 automobile 0 motor_car 0 001 @ 1 n 0000 | a vehicle  ",
              "02959942 06 n 03 car 1 railcar 0 railway_car 0 000 | of a train  ",
              "05833840 09 n 01 idea 0 000 | thought  ",
            ])))
    }
  }

  @Test func readsCommonAdjectivesThingsAndSynonymsOfTheFirstSense() throws {
    try withWordNet { files in
      let wordNet = try WordNet(files)
      #expect(wordNet.adjectives == ["able"])
      #expect(wordNet.places == ["automobile", "car"])
      #expect(wordNet.synonyms(of: "Automobile") == ["car", "motor car"])
      // A car is an automobile more often.
      #expect(wordNet.synonyms(of: "railway car") == ["railcar"])
      #expect(wordNet.synonyms(of: "zebra").isEmpty)
    }
  }

  @Test func refusesAFileOfAnotherForm() throws {
    try withWordNet { files in
      var files = files
      files.nounData = files.nouns
      #expect(throws: DataError.self) { try WordNet(files) }
    }
  }

  @Test func aWordGoesToWhoHasTheBestClaim() throws {
    try withWordNet { files in
      let words = try CaptionWords.synonyms(
        of: [
          (name: "automobile", keywords: ["tree", "wheels"]), (name: "palm tree", keywords: []),
          (name: "deciduous tree", keywords: ["leaves"]), (name: "leaf", keywords: ["palm tree"]),
          (name: "one", keywords: ["number"]), (name: "two", keywords: ["number"]),
          (name: "three", keywords: ["number"]), (name: "four", keywords: ["number"]),
        ], in: WordNet(files))
      #expect(words["automobile"] == ["car", "motor car", "wheels"])
      #expect(words["palm tree"] == ["palm", "tree"])
      #expect(words["deciduous tree"] == ["deciduous", "leaves", "tree"])
      #expect(words["leaf"] == nil)
      #expect(words["one"] == nil)
    }
  }

  @Test func captionsVaryAndTwoFifthsAreBare() {
    var info = SampleInfo(Fixture.sample(1))
    info.caption = "automobile"
    let words = CaptionWords(
      adjectives: ["able"], places: ["table"], synonyms: ["automobile": ["car"]])
    var counts: [String: Int] = [:]
    for seed in 0..<4000 {
      var random = SampleRandom(seed: UInt64(seed))
      counts[CaptionSampler().caption(for: info, words: words, using: &random), default: 0] += 1
    }
    for caption in [
      "automobile", "an automobile", "car", "a car", "a photo of an able car", "the automobile",
      "a car in a table", "a bunch of cars", "draw me a car", "please make an able automobile",
      "give me an automobile",
    ] {
      #expect(counts[caption] != nil, "\(caption) is missing in \(counts.keys.sorted())")
    }
    let bare = ["automobile", "an automobile", "car", "a car"].reduce(0) { $0 + (counts[$1] ?? 0) }
    // 0.4, of which 0.15 name the kind, and of the others 0.5 · 0.3 · 0.5 are bare by chance.
    #expect((1440...1640).contains(bare), "\(bare) of 4000 are bare")
  }

  @Test func streamsUseTheWordsOfTheirDataSet() throws {
    try withTemporaryFolder { folder in
      var writer = try ShardWriter(directory: folder, name: "set", samplesPerShard: 8)
      for index in 0..<4 { try writer.append(Fixture.sample(index)) }
      _ = try writer.finish()
      let words = CaptionWords(adjectives: ["zygotic"], places: [], synonyms: [:])
      try words.write(to: folder)
      let configuration = StreamConfiguration(
        Mixture(workers: 0, sceneFraction: 0, shapeFraction: 0), batchSize: 4, imageSize: 16,
        part: .all)
      let captions = try TrainingStream(directory: folder, configuration: configuration)
        .captions(count: 200)
      #expect(captions.contains { $0.contains("zygotic thing") })
      try Data("{}".utf8).write(to: folder.appendingPathComponent(CaptionWords.fileName))
      #expect(throws: DataError.self) {
        try TrainingStream(directory: folder, configuration: configuration)
      }
    }
  }
}
