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
              "railway_car n 1 1 @ 1 0 02959942  ", "sports_car n 1 1 @ 1 0 04285146  ",
              "hot_rod n 1 1 @ 1 1 03538634  ", "stanley_steamer n 1 1 @ 1 0 04302124  ",
              "big_sports_car n 1 1 @ 1 1 00000004  ", "cabrio n 1 1 @ 1 0 00000005  ",
              "trabant n 1 1 @ 1 0 00000006  ", "dumper n 1 1 @ 1 1 00000007  ",
              "driver n 1 1 @ 1 1 10034906  ",
              "racing_driver n 1 1 @ 1 1 10034907  ",
            ]),
          nounData: write(
            "data.noun",
            [
              "02958343 06 n 03 car 0 automobile 0 motor_car 0 001 @ 1 n 0000 | a vehicle  ",
              "04285146 06 n 01 sports_car 0 002 ~ 3 n 0000 @ 02958343 n 0000 | fast  ",
              "03538634 06 n 01 hot_rod 0 001 @ 04285146 n 0000 | faster  ",
              "04302124 06 n 01 stanley_steamer 0 001 @ 04285146 n 0000 | slow  ",
              "00000005 06 n 01 cabrio 0 001 @ 02958343 n 0000 | open  ",
              "00000006 06 n 01 Trabant 0 001 @ 02958343 n 0000 | a name  ",
              "00000007 06 n 01 dumper 0 002 @ 05833840 n 0000 @ 02959942 n 0000 | of two kinds  ",
              "00000004 06 n 01 big_sports_car 0 001 @ 02958343 n 0000 | three words  ",
              "10034906 18 n 01 driver 0 001 @ 1 n 0000 | somebody  ",
              "10034907 18 n 01 racing_driver 0 001 @ 10034906 n 0000 | somebody  ",
              "02959942 06 n 03 car 1 railcar 0 railway_car 0 000 | of a train  ",
              "05833840 09 n 01 idea 0 000 | thought  ",
            ])))
    }
  }

  @Test func readsCommonAdjectivesThingsAndSynonymsOfTheFirstSense() throws {
    try withWordNet { files in
      let wordNet = try WordNet(files)
      #expect(wordNet.adjectives == ["able"])
      #expect(wordNet.places == ["automobile", "car", "dumper"])
      #expect(wordNet.synonyms(of: "Automobile") == ["car", "motor car"])
      // A car is an automobile more often.
      #expect(wordNet.synonyms(of: "railway car") == ["railcar"])
      #expect(wordNet.synonyms(of: "zebra").isEmpty)
    }
  }

  @Test func kindsOfAThingAreThoseThatPeopleKnow() throws {
    try withWordNet { files in
      let wordNet = try WordNet(files)
      // Directly below it, in the texts or ending with it; no names, no three words, and nobody who
      // drives.
      #expect(
        wordNet.hyponyms(of: ["automobile", "driver", "zebra"])
          == ["automobile": ["cabrio", "hot rod", "sports car"]])
      // The nearest has them, by any of the things that they are.
      #expect(
        wordNet.hyponyms(of: ["car", "sports car", "railway car"])
          == [
            "car": ["cabrio"], "sports car": ["hot rod", "stanley steamer"],
            "railway car": ["dumper"],
          ])
      #expect(
        CaptionWords.hyponyms(
          of: ["automobile", "racer"], besides: ["racer": ["hot rod"]], in: wordNet)
          == ["automobile": ["cabrio", "sports car"]])
    }
  }

  @Test func refusesAFileOfAnotherForm() throws {
    try withWordNet { files in
      var files = files
      files.nounData = files.nouns
      #expect(throws: DataError.self) { try WordNet(files) }
    }
  }

  @Test(arguments: [
    "02958343 06 n 7fffffffffffffff car 0 000 | more words than a number can double  ",
    "02958343 06 n -1 car 0 000 | fewer than none  ", "02958343 06 n 01 car 0 002 @ 1 n 0000  ",
    "02958343 06 n 01 car 0 -01 @ 1 n 0000  ", "02958343 06 n 01 car 0  ",
  ])
  func refusesCountsThatDoNotFitALine(_ line: String) throws {
    try withWordNet { files in
      try Data(line.utf8).write(to: files.nounData)
      #expect(throws: DataError.self) { try WordNet(files) }
    }
  }

  @Test(arguments: ["-6", "9223372036854775807", "9"])
  func refusesPointersThatDoNotFitALine(_ count: String) throws {
    try withWordNet { files in
      try Data("car n 1 \(count) @ 1 1 02958343  ".utf8).write(to: files.nouns)
      #expect(throws: DataError.self) { try WordNet(files) }
    }
  }

  @Test func hypernymsThatGoRoundInACircleEnd() throws {
    try withWordNet { files in
      try Data("car n 1 1 @ 1 1 02958343  \ntent n 1 1 @ 1 1 00000009  ".utf8)
        .write(to: files.nouns)
      try Data(
        """
        02958343 06 n 01 car 0 001 @ 02958344 n 0000 | a
        02958344 06 n 01 cart 0 001 @ 02958343 n 0000 | b
        00000009 06 n 01 tent 0 000 | c

        """.utf8
      ).write(to: files.nounData)
      #expect(try WordNet(files).hyponyms(of: ["tent"]).isEmpty)
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
      adjectives: ["able"], places: ["table"], synonyms: ["automobile": ["car"]],
      hyponyms: ["automobile": ["jeep"]])
    var counts: [String: Int] = [:]
    for seed in 0..<12000 {
      var random = SampleRandom(seed: UInt64(seed))
      counts[CaptionSampler().caption(for: info, words: words, using: &random), default: 0] += 1
    }
    for caption in [
      "automobile", "an automobile", "car", "a car", "a photo of an able car", "the automobile",
      "a car in a table", "a bunch of cars", "draw me a car", "please make an able automobile",
      "give me an automobile", "a jeep", "jeep", "an able jeep", "a purple automobile",
      "word number 1", "number 1 word",
    ] {
      #expect(counts[caption] != nil, "\(caption) is missing in \(counts.keys.sorted())")
    }
    let bare = ["automobile", "car", "jeep", "word number 1", "number 1 word"]
      .flatMap { [$0, NounPhrase.withArticle($0)] }.reduce(0) { $0 + (counts[$1] ?? 0) }
    // 0.4, of which 0.15 name the kind, and of the others 0.5 · 0.3 · 0.5 are bare by chance.
    #expect((4320...4920).contains(bare), "\(bare) of 12000 are bare")
    // A quarter may be of a kind, two fifths of it are.
    let kinds = counts.filter { $0.key.contains("jeep") }.values.reduce(0, +)
    #expect((1060...1340).contains(kinds), "\(kinds) of 12000 are jeeps")
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
      // Data sets of earlier versions have no hyponyms.
      try Data(#"{"adjectives":["zygotic"],"places":[],"synonyms":{}}"#.utf8)
        .write(to: folder.appendingPathComponent(CaptionWords.fileName))
      #expect(
        try TrainingStream(directory: folder, configuration: configuration).captions(count: 200)
          == captions)
      try Data("{}".utf8).write(to: folder.appendingPathComponent(CaptionWords.fileName))
      #expect(throws: DataError.self) {
        try TrainingStream(directory: folder, configuration: configuration)
      }
    }
  }
}
