public import Foundation

/// Debian packages downloaded once and unpacked, without installing them, into a cache folder.
public struct PackageStore: Sendable {
  /// The folder with one folder per unpacked package.
  public let directory: URL

  /// Uses `directory`, or `$XDG_CACHE_HOME/swift-unclip`, or `~/.cache/swift-unclip`.
  public init(directory: URL? = nil) {
    if let directory {
      self.directory = directory
    } else if let cache = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"], !cache.isEmpty {
      self.directory = URL(fileURLWithPath: cache).appendingPathComponent("swift-unclip")
    } else {
      self.directory = FileManager.default.homeDirectoryForCurrentUser
        .appendingPathComponent(".cache/swift-unclip")
    }
  }

  /// Returns the root below which the `files` of a package lie: `/` if it is installed, else the
  /// folder in which it is unpacked, downloading it when needed.
  ///
  /// - Throws: `DataError.package` if it cannot be downloaded or unpacked.
  public func root(of package: String, containing files: [String]) throws(DataError) -> URL {
    let system = URL(fileURLWithPath: "/")
    if Self.holds(system, files) { return system }
    let folder = directory.appendingPathComponent("packages/\(package)")
    if Self.holds(folder, files) { return folder }
    try download(package, to: folder)
    for file in files where !FileBytes.exists(folder.appendingPathComponent(file)) {
      throw .package(name: package, reason: "it was unpacked but holds no /\(file)")
    }
    return folder
  }

  private static func holds(_ root: URL, _ files: [String]) -> Bool {
    files.allSatisfy { FileBytes.exists(root.appendingPathComponent($0)) }
  }

  private func download(_ package: String, to folder: URL) throws(DataError) {
    let work = directory.appendingPathComponent("download-\(package)-\(getpid())")
    try FileBytes.makeFolder(work)
    defer { Self.remove(work) }
    let download = try run(package, "apt-get", ["download", package], in: work)
    guard let deb = Self.archive(in: work) else {
      let line = download.split(separator: "\n").last { $0.hasPrefix("E:") } ?? "no file came"
      throw .package(
        name: package, reason: "`apt-get download` failed (\(line)); run `apt-get update` first")
    }
    let unpacked = work.appendingPathComponent("root")
    let output = try run(package, "dpkg", ["-x", deb.path, unpacked.path], in: work)
    guard FileBytes.exists(unpacked) else {
      throw .package(name: package, reason: "`dpkg -x` failed (\(output.prefix(200)))")
    }
    try FileBytes.makeFolder(folder.deletingLastPathComponent())
    Self.remove(folder)
    try FileBytes.rename(unpacked, to: folder)
  }

  private static func archive(in folder: URL) -> URL? {
    do {
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      return names.first { $0.hasSuffix(".deb") }.map(folder.appendingPathComponent)
    } catch {
      return nil
    }
  }

  private static func remove(_ url: URL) {
    guard FileBytes.exists(url) else { return }
    do { try FileManager.default.removeItem(at: url) } catch {}
  }

  private func run(
    _ package: String, _ tool: String, _ arguments: [String], in folder: URL
  ) throws(DataError) -> String {
    do {
      let output = try Subprocess.run(tool, arguments, in: folder)
      return String(decoding: output.standardOutput + output.standardError, as: UTF8.self)
    } catch {
      throw .package(name: package, reason: "the program `\(tool)` is not on this machine")
    }
  }
}
