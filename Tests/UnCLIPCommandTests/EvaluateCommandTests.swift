import Datasets
import Foundation
import ImageMetrics
import Imaging
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

@testable import UnCLIPCommand

/// `unclip evaluate` of two folders of images.
@Suite struct EvaluateFoldersTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("tiny"))
    try Self.writeImages(to: folder.file("a"), 6, shade: 0)
    try Self.writeImages(to: folder.file("b"), 8, shade: 90)
  }

  private static func writeImages(to url: URL, _ count: Int, shade: UInt8) throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    for index in 0..<count {
      let kind = index % 8
      var image = Image(width: 20, height: 20 + index, color: [shade, 128, UInt8(kind * 20)])
      image.paste(
        Image(width: 3 + kind, height: 5, color: [UInt8(kind * 30), shade, 9]), x: kind, y: 2)
      try image.write(to: url.appending(path: "\(index).png"))
    }
  }

  private func evaluate(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      ["evaluate", "--model", folder.path("tiny"), "--threads", "1"] + arguments, in: folder.url)
  }

  private func json(_ outcome: BuiltCommand.Outcome) throws -> [String: Any] {
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    return try #require(json as? [String: Any])
  }

  @Test func foldersAreCompared() throws {
    let found = try json(evaluate("--images", "a", "--data", "b", "--page", "p.html"))
    for key in ["frechet", "kid", "precision", "recall", "density", "coverage"] {
      #expect((found[key] as? Double)?.isFinite == true, "\(key)")
      let interval = (found["intervals"] as? [String: [Double]])?[key]
      #expect(interval?.count == 2, "\(key)")
    }
    #expect(found["images"] as? Int == 6 && found["references"] as? Int == 8)
    #expect(found["frechet_is_biased"] as? Bool == true)
    let features = try #require(found["features"] as? [String: Any])
    #expect(features["network"] as? String == "clip" && features["size"] as? Int == 16)
    #expect((features["fingerprint"] as? String)?.count == 16)
    let page = try String(contentsOf: folder.file("p.html"), encoding: .utf8)
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("Kernel distance (KID)"))
    #expect(page.components(separatedBy: "data:image/png;base64,").count == 6 + 8 + 1)
    let same = try json(evaluate("--images", "a", "--data", "a"))
    #expect(try #require(same["frechet"] as? Double) < 1e-6)
    #expect(same["precision"] as? Double == 1 && same["recall"] as? Double == 1)
  }

  @Test func biasIsSaid() throws {
    let outcome = try evaluate("--images", "a", "--data", "b")
    #expect(
      outcome.errors.contains(
        "warning: the Fréchet distance of fewer than 2048 images is too large"))
  }

  @Test func brokenImagesAreSkippedAndSaid() throws {
    try Data("no image".utf8).write(to: folder.file("a/broken.png"))
    let outcome = try evaluate("--images", "a", "--data", "b")
    let found = try json(outcome)
    #expect(found["images"] as? Int == 6 && outcome.errors.contains("broken.png"))
    let skipped = try #require(found["skipped"] as? [[String: Any]])
    #expect(skipped.count == 1 && skipped[0]["count"] as? Int == 1)
    expectFailure(
      try evaluate("--images", "a", "--data", "b", "--strict"), status: 65, saying: "broken.png")
  }

  /// Nobody asks for an image of a letter, and `data.core_only` keeps them from a model.
  @Test func modelsAreMeasuredOnThingsNotOnSigns() throws {
    var writer = try ShardWriter(directory: folder.file("mixed"), name: "set", samplesPerShard: 8)
    for index in 0..<7 {
      try writer.append(
        Sample(
          key: "\(index)", image: Image(width: 16, height: 16, color: [UInt8(index * 30), 9, 99]),
          caption: "thing \(index)", keywords: [], source: "folder", licence: "CC0-1.0",
          isCore: index != 2 && index != 5))
    }
    _ = try writer.finish()
    let found = try json(evaluate("--data", "mixed", "--only", "text"))
    #expect(found["images"] as? Int == 5, "\(found)")
  }

  /// Several processes take turns with the batches; what they print is that of one, once.
  @Test(.enabled(if: Launcher.isThere && Launcher.hasMPI, "no mpirun, or no MPI in the command"))
  func severalProcessesShareTheImages() throws {
    try Self.writeImages(to: folder.file("many"), 70, shade: 3)
    try Data("no image".utf8).write(to: folder.file("many/35.png"))
    let arguments =
      "evaluate --model \(folder.path("tiny")) --threads 1 --images \(folder.path("many"))"
    let data = " --data \(folder.path("b"))"
    let alone = try Launcher.run(1, arguments + data)
    #expect(alone.status == 0 && alone.errors.contains("35.png"), "\(alone.errors)")
    let kept = " --statistics \(folder.path("shared.safetensors"))"
    for more in [data, data + kept, kept] {
      let shared = try Launcher.run(3, arguments + more)
      #expect(shared.status == 0, "\(shared.errors)")
      #expect(shared.output == alone.output)
      #expect(shared.errors.components(separatedBy: "35.png").count == 2, "\(shared.errors)")
    }
    for (more, status, words) in [
      (data + " --strict", 65, "35.png"),
      (" --data \(folder.path("none"))", 66, "There is no folder"),
      (" --data \(folder.path("b"))-$RANK", 66, "There is no folder"),
    ] {
      let run = try Launcher.run(3, arguments + more)
      #expect(run.status == status, "\(more): \(run.errors)")
      let sentences = Launcher.sentences(run)
      #expect(sentences.count == 1 && sentences[0].contains(words), "\(run.errors)")
    }
    let model = try Launcher.run(2, "evaluate --model \(folder.path("tiny"))" + data)
    #expect(model.status == 64 && Launcher.sentences(model).count == 1, "\(model.errors)")
    #expect(model.errors.contains("A model is measured by one process"))
  }

  @Test func featuresAreKept() throws {
    let first = try json(evaluate("--images", "a", "--data", "b", "--statistics", "b.safetensors"))
    let again = try json(evaluate("--images", "a", "--statistics", "b.safetensors"))
    for key in ["frechet", "kid", "precision"] {
      let (one, other) = (first[key] as? Double ?? .nan, again[key] as? Double ?? .nan)
      #expect(abs(one - other) < 1e-6 * max(1, abs(one)), "\(key)")
    }
    #expect(again["references"] as? Int == 8)
    expectFailure(
      try evaluate("--images", "a", "--data", "a", "--statistics", "b.safetensors"), status: 65,
      saying: "b.safetensors holds features of 8 images that are not those of --data")
    try TinyModel.write(to: folder.file("other"), seed: 2)
    expectFailure(
      try evaluate(
        "--images", "a", "--statistics", "b.safetensors", "--model", folder.path("other")),
      status: 65, saying: "which cannot be compared with those of clip")
    expectFailure(
      try evaluate("--images", "a", "--statistics", "c.safetensors"), status: 66,
      saying: "There is no file c.safetensors; give --data to make it.")
    try Data("{}".utf8).write(to: folder.file("d.safetensors"))
    expectFailure(
      try evaluate("--images", "a", "--statistics", "d.safetensors"), status: 65,
      saying: "d.safetensors is damaged or of another format")
  }

  @Test func badInputIsRefused() throws {
    try Self.writeImages(to: folder.file("one"), 1, shade: 1)
    expectFailure(
      try evaluate("--images", "one", "--data", "b"), status: 65,
      saying: "one holds 1 image that can be read, but only sets of 2 or more can be compared")
    expectFailure(
      try evaluate("--images", "none", "--data", "b"), status: 66,
      saying: "There is no folder none")
    expectFailure(
      try evaluate("--images", "a/0.png", "--data", "b"), status: 65,
      saying: "a/0.png is a file; name the folder of images that it lies in.")
    try FileManager.default.createDirectory(
      at: folder.file("empty"), withIntermediateDirectories: true)
    expectFailure(
      try evaluate("--images", "empty", "--data", "b"), status: 65, saying: "empty holds no image")
    expectFailure(
      try evaluate("--images", "a", "--data", "b", "--page", "a/0.png"), status: 73,
      saying: "a/0.png exists already; choose another name with --page")
    expectFailure(try evaluate("--images", "a"), status: 64, saying: "Missing what to compare with")
    expectFailure(try evaluate(), status: 64, saying: "give --data")
    expectFailure(
      try evaluate("--images", "a", "--data", "b", "--sheet", "s.png"), status: 64,
      saying: "--sheet is for a model's own images; leave --images out")
  }

  @Test func optionsOfModelsAreRefused() throws {
    expectFailure(
      try evaluate("--images", "a", "--data", "b", "--decoder-steps", "3"), status: 64,
      saying: "Sampling options are for a model's own images")
    expectFailure(
      try evaluate("--images", "a", "--data", "b", "--guidance", "1,2"), status: 64,
      saying: "--guidance is for a model's own images")
  }

  @Test func featureWeightsOfAnotherKindAreRefused() throws {
    expectFailure(
      try evaluate("--images", "a", "--data", "b", "--features", "inception"), status: 64,
      saying: "whose weights --feature-weights must name")
    expectFailure(
      try evaluate("--images", "a", "--data", "b", "--feature-weights", "w.pth"), status: 64,
      saying: "--feature-weights is for --features inception")
    try Safetensors.write(["fc.weight": Tensor.zeros([2, 2])], to: folder.file("w.safetensors"))
    let weights = ["--features", "inception", "--feature-weights"]
    for (file, status, text) in [
      ("w.safetensors", 65, "w.safetensors does not hold the Inception network"),
      ("none.pth", 66, "none.pth"),
    ] {
      let outcome = try BuiltCommand.run(
        ["evaluate", "--images", "a", "--data", "b"] + weights + [file], in: folder.url)
      expectFailure(outcome, status: Int32(status), saying: text)
    }
  }

  @Test func inceptionFeaturesAreCompared() throws {
    let network = InceptionV3(using: RandomSource(seed: 1))
    try Safetensors.write(network.stateDict(), to: folder.file("w.safetensors"))
    let found = try json(
      evaluate(
        "--images", "a", "--data", "b", "--features", "inception", "--feature-weights",
        "w.safetensors"))
    let features = try #require(found["features"] as? [String: Any])
    #expect(features["network"] as? String == "inception" && features["width"] as? Int == 2048)
    #expect(features["filter"] as? String == "bilinear as TensorFlow 1's")
    #expect((found["frechet"] as? Double)?.isFinite == true)
  }
}

/// `unclip evaluate` of a model.
@Suite struct EvaluateModelTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("tiny"), hasBothPriors: true)
    try writeDataSet(to: folder.file("data"), count: 12)
    try FileManager.default.createDirectory(
      at: folder.file("run"), withIntermediateDirectories: true)
    let lines = (1...3).map { step in
      "{\"step\":\(step),\"loss\":\(1 / Double(step)),\"parts\":{},\"learning_rate\":0.1,"
        + "\"gradient_norm\":1,\"images_per_second\":2,\"seconds\":1,\"seconds_left\":1,"
        + "\"memory\":1,\"metrics\":{\"held_out_loss\":\(step),\"seen_loss\":2}}\n"
    }
    try Data(lines.joined().utf8).write(to: folder.file("run/log.jsonl"))
  }

  private func evaluate(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try evaluate(arguments)
  }

  private func evaluate(_ arguments: [String]) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(
      [
        "evaluate", "--model", folder.path("tiny"), "--threads", "1", "--data", "data",
        "--decoder-steps", "1", "--upsampler-steps", "1", "--captions", "4",
      ] + arguments, in: folder.url)
  }

  private func json(_ outcome: BuiltCommand.Outcome) throws -> [String: Any] {
    #expect(outcome.status == 0, "\(outcome.errors)")
    let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    return try #require(json as? [String: Any])
  }

  /// Everything at once: each key is on the page of the documentation, and the page shows each part.
  @Test func everyFieldIsDocumentedAndShown() throws {
    let found = try json(
      evaluate(
        "--prior-steps", "1", "--page", "p.html", "--run", "run", "--guidance", "1,3", "--sheet",
        "s.png"))
    let documentation = try String(
      contentsOf: Golden.url("../../Sources/Training/Training.docc/MeasureAModel.md"),
      encoding: .utf8)
    let guidance = try #require(found["guidance"] as? [[String: Any]])
    #expect(guidance.count == 4 && guidance[0]["scale"] as? Double == 1)
    let settings = try JSONEncoder().encode(SamplingSettings())
    let sampling = try #require(
      try JSONSerialization.jsonObject(with: settings) as? [String: Any])
    let names = Set(found.keys).subtracting(sampling.keys)
      .union(try #require(found["features"] as? [String: Any]).keys)
      .union(guidance[0].keys)
    for name in names.map({ $0.hasSuffix("_true") ? String($0.dropLast(5)) : $0 }) {
      #expect(documentation.contains("`\(name)`"), "\(name)")
    }
    #expect(found["fault"] is String, "a model of random weights is at fault")
    let page = try String(contentsOf: folder.file("p.html"), encoding: .utf8)
    for text in [
      "is at fault", "Which stage", "Metrics", "Guidance", "Training", "held-out images",
      "How the model sampled", "<svg viewBox", "prefers-color-scheme: dark",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(!page.contains("<script") && !page.contains("http"), "it needs nothing else")
    #expect(page.components(separatedBy: "<svg").count >= 8)
    let svg = try #require(page.range(of: "<svg[^$]*?</svg>", options: .regularExpression))
    #expect(!page[svg].contains("nan") && !page[svg].contains("inf"))
  }

  @Test(arguments: ["diffusion", "ar", "none", "text"])
  func everyPriorIsMeasured(_ prior: String) throws {
    let steps = prior == "diffusion" ? ["--prior-steps", "2"] : []
    let found = try json(
      evaluate(
        ["--prior", prior, "--only", "captions", "--only", "prior", "--only", "stages"] + steps))
    #expect(found["prior"] as? String == prior)
    #expect((found["captions_kid"] as? Double)?.isFinite == true)
    #expect((found["prior_cosine"] == nil) == (prior == "none"))
    #expect((found["stage_prior"] == nil) == (prior == "none"))
  }

  @Test func averagesAreCompared() throws {
    for decay in ["0.5", "0.9"] {
      let average = folder.file("averaged/model-ema-\(decay)")
      try FileManager.default.createDirectory(at: average, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: folder.file("tiny/decoder"), to: average.appending(path: "decoder"))
    }
    let found = try json(
      evaluate("--only", "captions", "--prior-steps", "1", "--ema", "averaged", "--page", "p.html"))
    let averages = try #require(found["averages"] as? [[String: Any]])
    #expect(averages.map { $0["decay"] as? Double } == [nil, 0.5, 0.9])
    for average in averages {
      // The same weights give the same images.
      #expect(average["captions_error"] as? Double == found["captions_error"] as? Double)
    }
    #expect(
      try String(contentsOf: folder.file("p.html"), encoding: .utf8)
        .contains("Averages of the weights"))
    expectFailure(
      try evaluate("--only", "captions", "--ema", "run"), status: 66,
      saying: "run keeps no other average than its model's")
  }

  @Test func badInputIsRefused() throws {
    expectFailure(
      try evaluate("--run", "run"), status: 64, saying: "--run shows its curves on the page")
    expectFailure(
      try evaluate("--run", "data", "--page", "p.html"), status: 66,
      saying: "There is no training log in data; name the folder of a run with --run.")
    expectFailure(
      try evaluate("--prior", "text", "--prior-steps", "2"), status: 64,
      saying: "--prior-steps is for --prior diffusion, but the prior is text.")
    expectFailure(
      try evaluate("--guidance", "1,x"), status: 64, saying: "'1,x' is invalid for '--guidance")
    expectFailure(
      try evaluate("--guidance", "1,200"), status: 64,
      saying: "--guidance is 200, but it must be 0 to 100")
    expectFailure(
      try evaluate("--statistics", "s.safetensors"), status: 64,
      saying: "--statistics keeps the features of --data for --images")
    expectFailure(
      try evaluate("--only", "guidance"), status: 64, saying: "give --guidance, such as 1,2,4")
  }
}

@Suite struct EvaluationPageTests {
  @Test func textIsEscaped() {
    let html = HTML.tag("a", ["href": "\"<x>\""], "1 < 2 & 3", .tag("br"))
    #expect(html.source == "<a href=\"&quot;&lt;x&gt;&quot;\">1 &lt; 2 &amp; 3<br></a>")
  }

  @Test func ticksAreRound() {
    #expect(CurvePlot.ticks(0...10) == [0, 2, 4, 6, 8, 10])
    #expect(
      CurvePlot.ticks(-0.03...0.017).map(CurvePlot.short) == [
        "-0.03", "-0.02", "-0.01", "0", "0.01",
      ])
    #expect(CurvePlot.ticks(1...1).isEmpty && CurvePlot.short(12_300) == "12.3k")
  }

  @Test func curvesWithoutValuesAreLeftOut() {
    let nothing = CurvePlot(
      title: "t", axis: "x", series: [.init(name: "s", points: [.init(x: 1, y: .nan)])])
    #expect(nothing.html == nil)
    let many = CurvePlot(
      title: "t", axis: "x",
      series: [.init(name: "s", points: (0..<5000).map { .init(x: Double($0), y: 3) })])
    #expect((many.html?.source.count ?? .max) < 20_000)
  }
}
