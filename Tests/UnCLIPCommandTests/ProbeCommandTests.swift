import Foundation
import Imaging
import TestSupport
import Testing
import Torch
import UnCLIP

@testable import UnCLIPCommand

@Suite struct ProbeCommandTests {
  private let folder: TemporaryFolder
  private let model: String

  init() throws {
    folder = try TemporaryFolder()
    model = folder.path("tiny")
    try TinyModel.write(to: URL(fileURLWithPath: model))
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "photos"), withIntermediateDirectories: true)
    for index in 0..<6 {
      let pixels = (0..<40 * 30 * 3).map { UInt8(($0 * (index + 3) + 31 * index) % 256) }
      try Image(width: 40, height: 30, channels: 3, pixels: pixels)
        .write(to: folder.file("photos/\(index).png"))
    }
  }

  private func run(_ arguments: String...) throws -> BuiltCommand.Outcome {
    try BuiltCommand.run(arguments, in: folder.url)
  }

  private func fit(_ out: String) throws {
    let outcome = try run("pca", "--images", "photos", "--model", model, "--out", out)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("\n1 component: "))
    #expect(outcome.output.contains("\n5 components: 100.0 % of the variance"))
  }

  @Test func fitsAndProbes() throws {
    try fit("tiny/pca.safetensors")
    let outcome = try run(
      "probe", "photos/1.png", "--model", model, "--seed", "3", "--size", "16",
      "--decoder-steps", "2", "--components", "0, 2,all", "--threads", "1")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("2 components: "))
    #expect(outcome.output.contains("cosine 1.000 to the whole embedding"))
    let strip = try Image(contentsOf: folder.file("1-probe.png"))
    #expect(strip.width == 4 * 18 + 2 && strip.height == 20, "the original and three")
    let square = try Image(contentsOf: folder.file("photos/1.png")).croppedToSquare()
    #expect(
      strip.cropped(x: 2, y: 2, width: 16, height: 16) == square.resized(width: 16, height: 16))

    let inspected = try run("inspect", "1-probe.png")
    #expect(
      inspected.output.contains(
        "unclip probe photos/1.png --components 0,2,5 --seed 3 --size 16"),
      "\(inspected.output)")
    let verified = try run("verify", "1-probe.png", "--model", model, "--json")
    #expect(verified.status == 0, "\(verified.errors)")
    #expect(verified.output.contains("\"operation\" : \"probe\""), "\(verified.output)")
    #expect(!verified.output.contains("prior_"), "\(verified.output)")
    expectFailure(
      try run("probe", "photos/1.png", "--model", model), status: 73,
      saying: "1-probe.png exists already")
  }

  @Test func aPCAOfItsOwnFile() throws {
    try fit("own.safetensors")
    let outcome = try run(
      "probe", "photos/0.png", "--model", model, "--pca", "own.safetensors", "--size", "16",
      "--decoder-steps", "1", "--components", "1,3", "--columns", "2", "--out", "s.webp", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("\"components\" : 3"))
    #expect(try Image(contentsOf: folder.file("s.webp")).width == 2 * 18 + 2)
    let png = try run(
      "probe", "photos/0.png", "--model", model, "--pca", "own.safetensors", "--size", "16",
      "--decoder-steps", "1", "--components", "3", "--out", "s.png", "--threads", "1")
    #expect(png.status == 0, "\(png.errors)")
    try FileManager.default.moveItem(
      at: folder.file("own.safetensors"), to: folder.file("moved.safetensors"))
    expectFailure(
      try run("verify", "s.png", "--model", model), status: 66,
      saying: "s.png was made from own.safetensors, which is not there any more", "--source")
    let verified = try run("verify", "s.png", "--model", model, "--source", "moved.safetensors")
    #expect(verified.status == 0, "\(verified.errors)")
    var fit = EmbeddingPCA.Fit()
    try fit.add(RandomSource(seed: 1).normal([9, 3]))
    try fit.pca().write(to: folder.file("narrow.safetensors"))
    expectFailure(
      try run("probe", "photos/0.png", "--model", model, "--pca", "narrow.safetensors"),
      status: 65, saying: "narrow.safetensors is of embeddings of 3 values")
  }

  @Test func refusals() throws {
    expectFailure(
      try run("probe", "photos/0.png", "--model", model), status: 65,
      saying: "has no pca.safetensors", "unclip pca --data DATA --model")
    try fit("tiny/pca.safetensors")
    expectFailure(
      try run("probe", "photos/0.png", "--model", model, "--components", "2,6"), status: 64,
      saying: "6 components are asked for, but the PCA has 0 to 5")
    for list in ["", "1,", "-1", "two"] {
      expectFailure(
        try run("probe", "photos/0.png", "--model", model, "--components=\(list)"), status: 64,
        saying: "--components")
    }
    expectFailure(
      try run("probe", "photos/0.png", "--model", model, "--components", "two"), status: 64,
      saying: "a list is numbers of 0 or more, or all, separated by commas")
    expectFailure(
      try run("probe", "photos/0.png", "--model", model, "--out", "s.gif"), status: 64,
      saying: "--out is s.gif")
    expectFailure(
      try run("probe", "photos/0.png", "--model", model, "--out", "photos/0.png", "--force"),
      status: 64, saying: "which is the input")
    expectFailure(try run("probe", "none.png", "--model", model), status: 66, saying: "none.png")
    #expect(!FileManager.default.fileExists(atPath: folder.path("0-probe.png")))
  }

  @Test func refusalsOfTheFit() throws {
    expectFailure(
      try run("pca", "--images", "photos/1.png", "--model", model, "--out", "p.safetensors"),
      status: 65, saying: "need two embeddings at least, and there is 1")
    expectFailure(
      try run("pca", "--out", "p.safetensors"), status: 64, saying: "give --data or --images")
    expectFailure(
      try run("pca", "--images", "photos", "--data", "x", "--out", "p.safetensors"), status: 64,
      saying: "Give one of --data and --images")
    expectFailure(
      try run("pca", "--images", "photos", "--out", "p.npy"), status: 64,
      saying: "must end in .safetensors")
    #expect(!FileManager.default.fileExists(atPath: folder.path("p.safetensors")))
  }

  @Test func listsOfComponents() {
    #expect(ComponentList("0, 2,all")?.resolved(7) == [0, 2, 7])
    let many = Array(repeating: "1", count: 1001)
    #expect(ComponentList(many.joined(separator: ",")) == nil)
    #expect(ComponentList(many.dropLast().joined(separator: ","))?.counts.count == 1000)
    #expect(ComponentList.powers(upTo: 0) == [0])
    #expect(ComponentList.powers(upTo: 1) == [0, 1])
    #expect(ComponentList.powers(upTo: 8) == [0, 1, 2, 4, 8])
    #expect(ComponentList.powers(upTo: 12) == [0, 1, 2, 4, 8, 12])
  }
}
