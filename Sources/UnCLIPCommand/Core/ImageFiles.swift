import ArgumentParser
import Datasets
import Files
import Foundation
import Imaging

/// Image files given by their paths; a folder stands for all images in it.
struct ImageFiles {
  /// The files in order; those of a folder by path, without hidden ones.
  private(set) var paths: [String] = []
  /// What lies in the folders and is not read: images of other formats, subfolders.
  private(set) var faults: [SampleFault] = []

  /// Lists the files.
  /// - Throws: `CommandError.data` for a path that does not exist, or a folder without images.
  init(_ given: [String]) throws(CommandError) {
    for path in given {
      let url = URL(fileURLWithPath: path)
      guard FileManager.default.fileExists(atPath: path) else {
        throw .noInput(
          "There is no image \(path); name PNG, JPEG or WebP files, or folders of them.")
      }
      guard FileManager.default.isFolder(url) else {
        paths.append(path)
        continue
      }
      let walk: FolderWalk
      do throws(FileError) {
        walk = try FolderWalk(URL(fileURLWithPath: path, isDirectory: true))
      } catch {
        throw .data("\(path) cannot be read: \(error.reason).")
      }
      let images = walk.files.filter {
        Shard.imageExtensions.contains(URL(fileURLWithPath: $0).pathExtension.lowercased())
      }
      guard !images.isEmpty else {
        throw .data("\(path) holds no image; name a folder with PNG, JPEG or WebP files.")
      }
      let folder = path.hasSuffix("/") ? path : path + "/"
      paths += images.map { folder + $0 }
      faults += walk.unreadable.map(SampleFault.init(unreadable:))
      faults += walk.files.compactMap { SampleFault(foreign: $0, in: url, name: folder + $0) }
    }
  }
}

/// `--strict` of commands that read many files.
struct StrictOption: ParsableArguments {
  @Flag(help: "Stop at the first file that cannot be read instead of skipping it.")
  var strict = false
}

/// What a run over many images skips, since it cannot be read.
final class SkippedImages {
  private let strict: Bool
  private var report = ImportReport()
  private var first: SampleFault?
  private var count = 0

  /// Begins with what is known already; when `strict`, the first of all is thrown.
  init(_ faults: [SampleFault], strict: Bool) throws(DataError) {
    self.strict = strict
    for fault in faults { try add(fault) }
  }

  /// What was skipped, by the reason.
  var counts: [ImportReport.Count] { report.skipped }

  private func add(_ fault: SampleFault) throws(DataError) {
    if strict { throw fault.error }
    report.add(fault)
    first = first ?? fault
    count += 1
  }

  /// Returns what `read` does; nil when that is to be skipped.
  func read<Value>(
    _ read: () throws(SampleFault) -> Value
  ) throws(DataError) -> Value? {
    do throws(SampleFault) {
      return try read()
    } catch {
      try add(error)
      return nil
    }
  }

  /// Warns of what was skipped.
  ///
  /// - Parameter found: How many images were read.
  /// - Throws: `DataError` and `CommandError.data` when there is none.
  func finish(found: Int) throws {
    if found == 0, count == 1, let first { throw first.error }
    for line in report.warnings { Output.warn("\(line).") }
    if found == 0 {
      throw CommandError.data("None of the \(count) images can be read; the warnings say why.")
    }
  }
}
