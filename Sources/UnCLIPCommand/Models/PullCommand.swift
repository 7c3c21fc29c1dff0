import ArgumentParser
import Foundation
import ModelHub

/// `unclip pull`: a model from a hub.
struct PullCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Fetch a model from Hugging Face or another hub.",
    discussion: """
      Fetches what a model of CLIP or unCLIP is read from: configurations, the tokenizer, and the \
      weights once, as safetensors where there are any. It lies in the cache that huggingface_hub, \
      diffusers and transformers use, so that a model is fetched once for all of them, and --model \
      finds it by its name. What is there already is not fetched again; after a cut or Ctrl-C the \
      same command goes on where it was. Each file is checked by its hash.

      Weights in pickles alone (.bin, .ckpt, .pt) are fetched, not read: 'unclip convert' makes \
      safetensors of them without running anything in them.

      ENVIRONMENT:
        HF_TOKEN        who asks, for gated and private models; only the hub itself is told
        HF_ENDPOINT     the hub; \(HubSettings.standardEndpoint) if not set
        HF_HOME         the folder with the cache; ~/.cache/huggingface if not set
        HF_HUB_CACHE    the cache itself; hub in HF_HOME if not set
        HF_HUB_OFFLINE  1: ask no hub, and check what is there
        HTTPS_PROXY     a proxy, as http://host:port; NO_PROXY names hosts without
        SSL_CERT_FILE   certificates to trust in place of the system's

      EXAMPLES:
        unclip pull kakaobrain/karlo-v1-alpha
        unclip pull openai/clip-vit-large-patch14 --dry-run
        unclip pull laion/CLIP-ViT-H-14-laion2B-s32B-b79K --variant fp16
        unclip pull somebody/model --revision v1.1
      """)

  @Argument(
    help: ArgumentHelp(
      "The model as OWNER/NAME, its address, or the name of a known one.", valueName: "name"),
    completion: .list(PublishedModel.known.map(\.id)))
  var name: String

  @Option(help: ArgumentHelp("A branch, a tag or a commit; main if not given.", valueName: "name"))
  var revision: String?

  @Option(
    help: ArgumentHelp(
      "Weights of this variant, such as fp16, where the model has them.", valueName: "name"))
  var variant: String?

  @Flag(help: "Fetch every file of the repository.")
  var all = false

  @Flag(help: "Say what would be fetched and fetch nothing.")
  var dryRun = false

  static let jobsRange = OptionRange("--jobs", 1...32)
  @Option(help: jobsRange.help("Files to fetch at a time", note: "4 if not given"))
  var jobs: Int?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    try Self.jobsRange.check(jobs)
    if all, variant != nil {
      throw ValidationError("--all fetches every variant; leave out --variant or --all")
    }
  }

  /// What `--json` prints.
  struct Report: Encodable {
    struct File: Encodable {
      var path: String
      var bytes: Int64
      /// SHA-256 of a large file; nil where the hub has a Git hash alone.
      var sha256: String?
      /// Whether it was there before.
      var cached: Bool
    }
    var model: String
    var revision: String
    var commit: String
    /// The model's folder.
    var path: String
    var files: [File]
    var bytes: Int64
    /// What was, or would be, fetched.
    var bytesToFetch: Int64
    /// Pickles, for which the model needs `unclip convert`.
    var pickles: [String]
    var dryRun: Bool
  }

  func run() throws {
    let (repository, named) = try Self.repository(name)
    if let revision, let named, revision != named {
      throw CommandError.usage(
        "\(name) names the revision \(named), and --revision \(revision); leave one out.")
    }
    let revision = revision ?? named ?? HubRepository.standardRevision
    var settings = try HubSettings(
      environment: ProcessInfo.processInfo.environment,
      home: FileManager.default.homeDirectoryForCurrentUser)
    if let jobs { settings.concurrency = jobs }
    let wanted: HubSession.Wanted = all ? .all : .model(variant: variant)
    let interruption =
      dryRun ? nil : Interruption("what was fetched is kept; run it again to go on")
    let (fetches, settled) = (!dryRun, settings)
    let (plan, report) = try Waiting.run {
      let session = HubSession(settled)
      do {
        let plan = try await session.plan(repository, revision: revision, wanted: wanted)
        let report = Report(plan, dryRun: !fetches)
        if fetches {
          let shown = PullProgress()
          try await session.fetch(plan) { shown.update($0) }
        }
        await session.close()
        return (plan, report)
      } catch {
        await session.close()
        throw error
      }
    }
    withExtendedLifetime(interruption) {}
    if output.json {
      try Output.json(report)
    } else {
      try Output.line(report.text(plan))
    }
  }

  /// The repository that a name means, and the revision that an address has.
  ///
  /// - Throws: `HubError.name`.
  static func repository(_ name: String) throws(HubError) -> (HubRepository, revision: String?) {
    let endpoints = [
      ProcessInfo.processInfo.environment["HF_ENDPOINT"] ?? "", HubSettings.standardEndpoint,
      "https://hf.co",
    ]
    for endpoint in endpoints where !endpoint.isEmpty && name.hasPrefix(endpoint) {
      let parts = name.dropFirst(endpoint.count).split(separator: "/").map(String.init)
      let hasRevision = parts.count >= 4 && ["tree", "resolve", "blob"].contains(parts[2])
      return (
        try HubRepository(parts.prefix(2).joined(separator: "/")), hasRevision ? parts[3] : nil
      )
    }
    let parts = name.split(separator: "@", maxSplits: 1).map(String.init)
    let id = parts.first ?? ""
    let known = id.contains("/") ? nil : PublishedModel(named: id)?.id
    return (try HubRepository(known ?? id), parts.count == 2 ? parts[1] : nil)
  }
}

extension PullCommand.Report {
  fileprivate init(_ plan: HubPlan, dryRun: Bool) {
    model = plan.repository.id
    revision = plan.revision
    commit = plan.commit
    path = plan.folder.path
    files = plan.selection.files.map {
      File(path: $0.path, bytes: $0.size, sha256: $0.sha256, cached: plan.isThere($0))
    }
    bytes = plan.bytes
    bytesToFetch = plan.bytesToFetch
    pickles = plan.selection.pickles
    self.dryRun = dryRun
  }

  /// The report as text.
  fileprivate func text(_ plan: HubPlan) -> String {
    let name = HubCache.name(plan.repository, revision: revision, commit: commit)
    var lines: [String] = []
    if dryRun {
      let width = files.map { byteText($0.bytes).count }.max() ?? 0
      lines = files.map { file in
        let size = byteText(file.bytes)
        return String(repeating: " ", count: width - size.count) + size + "  " + file.path
          + (file.cached ? "  (there already)" : "")
      }
    }
    let verb = dryRun ? "would be fetched" : "fetched"
    lines.append(
      "\(model) \(revision == commit ? String(commit.prefix(8)) : revision): "
        + "\(files.count) \(files.count == 1 ? "file" : "files"), \(byteText(bytes)), "
        + (bytesToFetch == 0 && files.allSatisfy(\.cached)
          ? "all there already" : "\(byteText(bytesToFetch)) \(verb)"))
    lines.append("  \(path)")
    if pickles.isEmpty {
      lines.append("  use it with --model \(name)")
    } else {
      let shown = pickles.prefix(3).joined(separator: ", ")
      let rest = pickles.count > 3 ? " and \(pickles.count - 3) more" : ""
      let isFolder = files.contains { $0.path.hasSuffix("config.json") }
      lines.append("  weights in pickles alone: \(shown)\(rest)")
      lines.append(
        isFolder
          ? "  make a model of it with 'unclip convert \(name) --out NEW', and give --model NEW"
          : "  make a model of these files with 'unclip convert'; see 'unclip help convert'")
    }
    return lines.joined(separator: "\n")
  }
}
