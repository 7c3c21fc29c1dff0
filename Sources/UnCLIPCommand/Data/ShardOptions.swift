import ArgumentParser
import Datasets
import Files
import Foundation

/// Where and how a data set is written.
struct ShardOptions: ParsableArguments {
  @Option(
    name: .out, help: ArgumentHelp("The folder of the data set to write.", valueName: "folder"))
  var out: String

  @OptionGroup var files: OutputFiles

  private static let shardRange = OptionRange("--samples-per-shard", 1...1_000_000)

  @Option(help: shardRange.help("Images in one tar file"))
  var samplesPerShard = 1000

  @Option(
    help: ArgumentHelp(
      "Where packages are kept; ~/.cache/swift-unclip if not given.", valueName: "folder"))
  var cache: String?

  @OptionGroup var output: OutputOptions

  func validate() throws { try Self.shardRange.check(samplesPerShard) }

  /// The folder, with links followed: what a link leads to is written, not the link.
  private var folder: URL {
    URL(fileURLWithPath: out, isDirectory: true).resolvingSymlinksInPath()
  }

  /// Refuses, before any work, a folder in which something would be lost or mixed.
  ///
  /// - Parameter inputs: Paths of what is read.
  /// - Throws: `DataError`; `CommandError`.
  func check(inputs: [String]) throws {
    if out == "-" || OutputFile.exists(folder) && !FileManager.default.isFolder(folder) {
      throw CommandError.cannotCreate(path: out, reason: "a data set is a folder")
    }
    for input in inputs {
      let read = URL(fileURLWithPath: input).resolvingSymlinksInPath().path
      if (folder.path + "/").hasPrefix(read + "/") {
        throw CommandError.usage(
          "--out is \(out), which lies in the input \(input); choose a folder elsewhere.")
      }
    }
    switch try DatasetFolder(folder) {
    case .free, .unfinished: break
    case .finished: try files.check([OutputFile(out)], replacesFolders: true)
    case .foreign(let names):
      let some = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
      throw CommandError.cannotCreate(
        path: out,
        reason: "a data set needs a folder of its own, and other files lie there (\(some))")
    }
  }

  /// The store of downloaded packages.
  var packages: PackageStore { PackageStore(directory: cache.map { URL(fileURLWithPath: $0) }) }

  /// Writes all samples of a source, as the other does.
  func write(
    _ source: some SampleSource, name: String, origin: [String],
    finishing: (URL) throws(DataError) -> Void = { _ in }
  ) throws {
    try write(
      name: name, of: name, count: source.estimatedCount, origin: origin,
      { (body) throws(DataError) in
        try source.forEachSample(body)
        return nil
      }, finishing: finishing)
  }

  /// Writes the samples that `source` gives, and prints what was written and its report.
  ///
  /// An unfinished run is gone on with where it was one of the same `origin`. A folder that `--force`
  /// replaces stays until the new one is whole.
  ///
  /// - Parameter finishing: Writes further files into the folder.
  func write(
    name: String, of place: String, count: Int, origin: [String],
    _ source: ((Sample) throws(DataError) -> Void) throws(DataError) -> ImportReport?,
    finishing: (URL) throws(DataError) -> Void = { _ in }
  ) throws {
    func fill(_ folder: URL) throws(DataError) -> Result {
      var writer = try ShardWriter(
        directory: folder, name: name, samplesPerShard: samplesPerShard)
      let progress = ProgressReporter()
      var done = 0
      let report = try source { (sample) throws(DataError) in
        try writer.append(sample)
        done += 1
        progress.update(name, step: done, of: count)
      }
      if done < count, done > 0 { progress.update(name, step: done, of: done) }
      report?.print()
      guard writer.count > 0 else {
        throw DataError.empty(directory: place, reason: "all images were skipped")
      }
      try finishing(folder)
      return Result(manifest: try writer.finish(), report: report)
    }
    let origin = (origin + ["\(samplesPerShard)"]).joined(separator: "\n")
    let result: Result
    switch try DatasetFolder(folder) {
    case .finished where files.force, .unfinished where files.force:
      result = try replace(fill)
    case .unfinished(let other) where other != origin:
      throw CommandError.cannotCreate(
        path: out,
        reason: "an unfinished run on other data or with other options lies there, which --force "
          + "replaces")
    default:
      try DatasetFolder.begin(origin, in: folder)
      do {
        result = try fill(folder)
      } catch {
        DatasetFolder.abandon(folder)
        throw error
      }
      DatasetFolder.end(in: folder)
    }
    if output.json { return try Output.json(result) }
    let (samples, shards) = (result.manifest.samples, result.manifest.shards.count)
    try Output.line("\(samples) images in \(shards) shards in \(URL(fileURLWithPath: out).path)")
  }

  private func replace(_ fill: (URL) throws(DataError) -> Result) throws -> Result {
    do {
      return try DurableFolder.create(
        folder.lastPathComponent, in: folder.deletingLastPathComponent(), replacing: true,
        fill: fill)
    } catch let error as FileError {
      throw CommandError.cannotCreate(path: out, reason: error.reason)
    }
  }

  /// The manifest with the report of an import.
  private struct Result: Encodable {
    let manifest: Manifest
    let report: ImportReport?

    private enum CodingKeys: CodingKey {
      case captions, skipped, unused
    }

    func encode(to encoder: any Encoder) throws {
      try manifest.encode(to: encoder)
      guard let report else { return }
      var keys = encoder.container(keyedBy: CodingKeys.self)
      try keys.encode(report.captions, forKey: .captions)
      try keys.encode(report.skipped, forKey: .skipped)
      try keys.encode(report.unused, forKey: .unused)
    }
  }
}

extension ImportReport {
  /// Prints on standard error where the captions came from, and warns of what has none or was skipped.
  fileprivate func print() {
    let found = captions.filter { !withoutCaption.contains($0) }
    if !found.isEmpty {
      let list = found.map { "\($0.count) from \($0.kind)" }.joined(separator: ", ")
      Output.say("captions: \(list)\n")
    }
    for count in withoutCaption {
      Output.warn(
        "no caption was found for \(count.summary); the \(count.kind) is used instead.")
    }
    for line in warnings { Output.warn("\(line).") }
    for count in unused { Output.warn("not used, \(count.kind): \(count.summary).") }
  }
}
