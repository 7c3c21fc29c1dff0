import Foundation
import ModelHub
import TestSupport
import Testing

@testable import UnCLIPCommand

@Suite struct ModelSearchTests {
  private let folder: TemporaryFolder
  private let search: ModelSearch

  init() throws {
    folder = try TemporaryFolder()
    search = ModelSearch(roots: [folder.url])
    for name in ["small", "empty"] {
      try FileManager.default.createDirectory(
        atPath: folder.path(name), withIntermediateDirectories: true)
    }
    _ = try folder.write("{}", to: "small/model_index.json")
  }

  private func sentence(
    _ name: String?, for purpose: ModelSearch.Purpose = .generating
  ) -> String {
    do {
      return try search.folder(of: name, for: purpose).path
    } catch {
      return CommandEntry.sentence(for: error)
    }
  }

  @Test func findsByNameByPathAndByDefault() throws {
    #expect(search.names == ["small"])
    #expect(try search.folder(of: nil).path == folder.path("small"))
    #expect(try search.folder(of: "small").path == folder.path("small"))
    #expect(try search.folder(of: folder.path("small")).path == folder.path("small"))
  }

  @Test func searchesInOrder() {
    func paths(
      _ environment: [String: String], executable: String = "/opt/u/bin/unclip"
    ) -> [String] {
      ModelSearch(
        environment: environment, work: URL(fileURLWithPath: "/here", isDirectory: true),
        home: URL(fileURLWithPath: "/home/a", isDirectory: true),
        executable: URL(fileURLWithPath: executable)
      ).roots.map(\.path)
    }
    let user = "/home/a/.local/share/unclip/Models"
    #expect(paths([:]) == ["/here/Models", "/opt/u/share/unclip/Models", user])
    #expect(
      paths(["UNCLIP_MODELS": "/a:/b::/a/", "XDG_DATA_HOME": "/data"])
        == ["/a", "/b", "/here/Models", "/opt/u/share/unclip/Models", "/data/unclip/Models"])
    #expect(paths(["XDG_DATA_HOME": "relative"]).last == user)
    #expect(paths(["HOME": "/home/b"]).last == "/home/b/.local/share/unclip/Models")
    // A checkout, also when it is the working folder; and a copied command.
    #expect(
      paths([:], executable: "/src/.build/x86_64/release/unclip")
        == ["/here/Models", "/src/Models", user])
    #expect(paths([:], executable: "/here/.build/debug/unclip") == ["/here/Models", user])
    #expect(paths([:], executable: "/tools/unclip")[1] == "/tools/Models")
  }

  @Test func findsTheModelBesideALink() throws {
    try FileManager.default.createDirectory(
      at: folder.file("prefix/bin"), withIntermediateDirectories: true)
    let installed = try folder.write("", to: "prefix/bin/unclip")
    let link = folder.file("unclip")
    try FileManager.default.createSymbolicLink(
      at: link, withDestinationURL: URL(fileURLWithPath: installed))
    let roots = ModelSearch(
      environment: [:], work: folder.url, home: folder.url, executable: link
    ).roots.map(\.path)
    #expect(roots.contains { $0.hasSuffix("/prefix/share/unclip/Models") }, "\(roots)")
  }

  @Test func saysWhatToDo() throws {
    let place = folder.url.path
    #expect(
      sentence("large")
        == "There is no model large in \(place); give --model the path of a model folder, or one "
        + "of the names that 'unclip models' lists.")
    #expect(
      sentence("./runs/large")
        == "There is no folder ./runs/large; name a model folder, or a model that 'unclip models' "
        + "lists.")
    #expect(
      sentence(folder.path("empty"))
        == "\(place)/empty holds no model_index.json, so it is not a model; name a model folder.")
    let clip = Golden.url("clip/folders/model").path
    #expect(sentence(clip).contains("so it is not an unCLIP model but a CLIP; name"))
    #expect(sentence(clip, for: .embedding) == clip)
    let elsewhere = ModelSearch(roots: [folder.file("a"), folder.file("b"), folder.file("c")])
    #expect(
      throws: CommandError.unavailable(
        "The bundled model small is not in \(place)/a, \(place)/b or \(place)/c; install the command "
          + "with 'make install', name a model folder with --model, or set UNCLIP_MODELS to the "
          + "folder that holds small.")
    ) { try elsewhere.folder(of: nil) }
  }

  /// A CLIP on the path is found by its name, which no unCLIP model has.
  @Test func findsEachKindByName() throws {
    let search = ModelSearch(roots: [Golden.url("clip/folders")])
    #expect(
      try search.folder(of: "open_clip", for: .embedding).path
        == Golden.url("clip/folders/open_clip").path)
    #expect(throws: CommandError.self) { try search.folder(of: "open_clip") }
  }

  // MARK: Pulled models

  /// Puts a file into the folder of a model of a cache in `hub`.
  private func pull(
    _ id: String, revision: String = "main", commit: Character = "a", file: String, text: String
  ) throws -> String {
    let commit = String(repeating: commit, count: 40)
    let place = "hub/models--" + id.replacing("/", with: "--")
    for name in ["\(place)/refs", "\(place)/snapshots/\(commit)"] {
      try FileManager.default.createDirectory(
        at: folder.file(name), withIntermediateDirectories: true)
    }
    _ = try folder.write(commit, to: "\(place)/refs/\(revision)")
    _ = try folder.write(text, to: "\(place)/snapshots/\(commit)/\(file)")
    return folder.path("\(place)/snapshots/\(commit)")
  }

  @Test func findsPulledModels() throws {
    let search = ModelSearch(roots: [folder.url], cache: HubCache(folder.file("hub")))
    let index = #"{"_class_name": "UnCLIPPipeline"}"#
    let main = try pull("a/karlo", file: ModelSearch.index, text: index)
    let other = try pull(
      "a/karlo", revision: "v1", commit: "b", file: ModelSearch.index, text: index)
    let clip = try pull("a/clip", file: "config.json", text: #"{"model_type": "clip"}"#)
    _ = try pull("a/llama", file: "config.json", text: #"{"model_type": "llama"}"#)
    _ = try pull(
      "a/sd", file: ModelSearch.index, text: #"{"_class_name": "StableDiffusionPipeline"}"#)
    #expect(try search.folder(of: "a/karlo").path == main)
    #expect(try search.folder(of: "karlo").path == main)
    #expect(try search.folder(of: "a/karlo@v1").path == other)
    #expect(try search.folder(of: "a/karlo@bbbbbbb").path == other)
    // A folder of that name goes before what was pulled.
    #expect(try search.folder(of: "small").path == folder.path("small"))
    #expect(try search.folder(of: "a/clip", for: .embedding).path == clip)
    #expect(
      throws: CommandError.data(
        "clip holds no model_index.json, so it is not an unCLIP model but a CLIP; name a model "
          + "folder.")
    ) { try search.folder(of: "clip") }
    // A cache that other programs use has other models, which no list of these names.
    #expect(search.models.map(\.name) == ["small", "a/clip", "a/karlo", "a/karlo@v1"])
    #expect(search.names.contains("a/karlo@v1") && search.names.contains("small"))
    _ = try pull("b/karlo", file: ModelSearch.index, text: index)
    #expect(
      throws: CommandError.usage(
        "karlo is the name of several models that were pulled: a/karlo, b/karlo; give one of "
          + "these names.")
    ) { try search.folder(of: "karlo") }
    #expect(try search.folder(of: "a/karlo").path == main)
  }

  // MARK: Published models

  @Test(arguments: [
    "kakaobrain/karlo-v1-alpha", "https://huggingface.co/kakaobrain/karlo-v1-alpha/tree/main",
    "karlo-v1-alpha", "Karlo",
  ])
  func saysHowToGetKarlo(_ name: String) {
    #expect(
      sentence(name)
        == "There is no model \(name); fetch it (Karlo, about 14 GB) with 'unclip pull "
        + "kakaobrain/karlo-v1-alpha', then give --model kakaobrain/karlo-v1-alpha.")
  }

  /// The sizes are those of the weights that the public configurations have, of vision and text.
  @Test(
    arguments: [
      ("openai/clip-vit-base-patch32", [768, 12, 3072, 32, 224], [512, 12], 512),
      ("openai/clip-vit-base-patch16", [768, 12, 3072, 16, 224], [512, 12], 512),
      ("openai/clip-vit-large-patch14", [1024, 24, 4096, 14, 224], [768, 12], 768),
      ("openai/clip-vit-large-patch14-336", [1024, 24, 4096, 14, 336], [768, 12], 768),
      ("laion/CLIP-ViT-H-14", [1280, 32, 5120, 14, 224], [1024, 24], 1024),
      ("laion/CLIP-ViT-g-14", [1408, 40, 6144, 14, 224], [1024, 24], 1024),
      ("laion/CLIP-ViT-bigG-14", [1664, 48, 8192, 14, 224], [1280, 32], 1280),
    ] as [(String, [Int], [Int], Int)])
  func sizesAreThoseOfTheWeights(name: String, vision: [Int], text: [Int], dimension: Int) throws {
    func tower(_ width: Int, _ layers: Int, _ inner: Int) -> Int {
      let layer = 4 * width * (width + 1) + 2 * width * inner + width + inner + 4 * width
      return layers * layer + 2 * width + width * dimension
    }
    let (width, patch, side) = (vision[0], vision[3], vision[4] / vision[3])
    var weights = tower(width, vision[1], vision[2]) + 1
    weights += width * (3 * patch * patch + 1 + side * side + 1 + 2)
    weights += tower(text[0], text[1], 4 * text[0]) + text[0] * (49408 + 77)
    if patch == 14, side == 16, dimension == 768 { #expect(weights == 427_616_513) }
    let size = try #require(PublishedModel(named: name)?.gigabytes)
    #expect(abs(size - 4e-9 * Double(weights)) < 0.02 * size)
  }

  @Test func saysHowToGetOthers() {
    func advice(_ name: String) -> String { sentence(name, for: .embedding) }
    #expect(
      advice("openai/clip-vit-large-patch14").contains(
        "(OpenAI's CLIP ViT-L/14, about 1.7 GB) with"))
    #expect(
      advice("laion/CLIP-ViT-H-14").contains(
        "'unclip pull laion/CLIP-ViT-H-14-laion2B-s32B-b79K'"))
    #expect(advice("CLIP-ViT-B-32").contains("laion/CLIP-ViT-B-32-laion2B-s34B-b79K'"))
    #expect(
      sentence("kakaobrain/karlo-v1-alpha-image-variations").contains(
        "then make safetensors of it with 'unclip convert "
          + "kakaobrain/karlo-v1-alpha-image-variations --out NEW', and give --model NEW."))
    #expect(
      advice("somebody/some-model").hasPrefix(
        "There is no model somebody/some-model; fetch it with 'unclip pull somebody/some-model', "
          + "then give --model somebody/some-model."))
  }

  /// What can only be a path is not taken for a model of somebody's.
  @Test(arguments: [
    "./karlo", "../a/b", "/a/b", "a/b/c", "~a/b", "a/", "/tmp/none", "a b/c", "-a/b", "",
    "karl", "clip",
  ])
  func takesPathsForPaths(_ name: String) {
    #expect(PublishedModel(named: name) == nil)
    #expect(!sentence(name).contains("unclip pull"))
  }
}
