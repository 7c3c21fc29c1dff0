import Files
import Foundation

/// A model on Hugging Face, which peers take by its name, as `OWNER/NAME`.
struct PublishedModel: Sendable, Equatable {
  /// `OWNER/NAME`.
  let id: String
  /// What it is; nil where this package does not know it.
  var title: String?
  /// The size of its weights in float32, GB, about: four bytes for each of its configuration.
  var gigabytes: Double?
  /// Whether its weights are pickles alone, which `unclip convert` makes safetensors of.
  var isPickled = false

  /// The models that people ask for.
  static let known = [
    PublishedModel(id: "kakaobrain/karlo-v1-alpha", title: "Karlo", gigabytes: 14),
    PublishedModel(
      id: "kakaobrain/karlo-v1-alpha-image-variations", title: "Karlo for variations",
      gigabytes: 11, isPickled: true),
    PublishedModel(
      id: "openai/clip-vit-base-patch32", title: "OpenAI's CLIP ViT-B/32", gigabytes: 0.6),
    PublishedModel(
      id: "openai/clip-vit-base-patch16", title: "OpenAI's CLIP ViT-B/16", gigabytes: 0.6),
    PublishedModel(
      id: "openai/clip-vit-large-patch14", title: "OpenAI's CLIP ViT-L/14", gigabytes: 1.7),
    PublishedModel(
      id: "openai/clip-vit-large-patch14-336", title: "OpenAI's CLIP ViT-L/14 at 336 pixels",
      gigabytes: 1.7),
    PublishedModel(
      id: "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", title: "OpenCLIP ViT-B/32", gigabytes: 0.6),
    PublishedModel(
      id: "laion/CLIP-ViT-B-16-laion2B-s34B-b88K", title: "OpenCLIP ViT-B/16", gigabytes: 0.6),
    PublishedModel(
      id: "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", title: "OpenCLIP ViT-L/14", gigabytes: 1.7),
    PublishedModel(
      id: "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", title: "OpenCLIP ViT-H/14", gigabytes: 3.9),
    PublishedModel(
      id: "laion/CLIP-ViT-g-14-laion2B-s12B-b42K", title: "OpenCLIP ViT-g/14", gigabytes: 5.5),
    PublishedModel(
      id: "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", title: "OpenCLIP ViT-bigG/14",
      gigabytes: 10),
  ]

  private static let host = "https://huggingface.co/"

  /// The model that a value of `--model` means: an address on Hugging Face, `OWNER/NAME` where
  /// there is no folder OWNER, or the name of a known one or its beginning; nil for anything else.
  init?(named text: String) {
    var path = text
    if path.hasPrefix(Self.host) {
      path = path.dropFirst(Self.host.count).split(separator: "/").prefix(2)
        .joined(separator: "/")
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    if parts.count == 1 {
      guard let known = Self.known(beginning: path, in: \.name) else { return nil }
      self = known
      return
    }
    guard parts.count == 2, parts.allSatisfy(Self.isName) else { return nil }
    if path == text, FileManager.default.isFolder(URL(fileURLWithPath: String(parts[0]))) {
      return nil
    }
    self = Self.known(beginning: path, in: \.id) ?? PublishedModel(id: path)
  }

  private init(
    id: String, title: String? = nil, gigabytes: Double? = nil, isPickled: Bool = false
  ) {
    self.id = id
    self.title = title
    self.gigabytes = gigabytes
    self.isPickled = isPickled
  }

  /// The known model whose name is `text` or goes on from it after a hyphen, whatever the case.
  private static func known(
    beginning text: String, in name: (PublishedModel) -> String
  ) -> PublishedModel? {
    let wanted = text.lowercased()
    return known.first { name($0).lowercased() == wanted || $0.title?.lowercased() == wanted }
      ?? known.first { name($0).lowercased().hasPrefix(wanted + "-") && wanted.contains("-") }
  }

  /// Whether Hugging Face could have an owner or a model of this name.
  private static func isName(_ text: Substring) -> Bool {
    text.first.map { $0.isLetter || $0.isNumber } == true
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
  }

  /// The name without its owner, which is the folder that git makes.
  var name: String { String(id.split(separator: "/").last ?? "") }

  /// How to get the model that was asked for by `text`; one sentence.
  func advice(for text: String) -> String {
    let about = [title, gigabytes.map { "about \(Self.number($0)) GB" }].compactMap { $0 }
    let size = about.isEmpty ? "" : " (" + about.joined(separator: ", ") + ")"
    let rest =
      isPickled
      ? "make safetensors of it with 'unclip convert \(id) --out NEW', and give --model NEW"
      : "give --model \(id)"
    return "There is no model \(text); fetch it\(size) with 'unclip pull \(id)', then \(rest)."
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() ? "\(Int(value))" : "\(value)"
  }
}
