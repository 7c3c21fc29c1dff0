import Files
import Foundation

/// Where each image of a run goes; made, and its folder checked, before anything is generated.
struct OutputPlan: Equatable {
  /// An image to make.
  struct Item: Equatable {
    /// The prompt, or the path of the image that is varied.
    var subject: String
    var seed: UInt64
    var url: URL
  }

  /// All images: those of the first subject by seed, then those of the next.
  let items: [Item]

  /// Plans `count` images of each subject, into a folder `out` with files after `name`, or one
  /// image into a `.png` file.
  ///
  /// - Throws: `CommandError.usage` for a file and several images or another format.
  init(
    of subjects: [String], count: Int, seed: UInt64, out: String,
    naming name: (String) -> String = { $0 }
  ) throws(CommandError) {
    let url = URL(fileURLWithPath: out)
    let kind = url.pathExtension.lowercased()
    guard !out.hasSuffix("/"), !kind.isEmpty, !FileManager.default.isFolder(url) else {
      var taken: Set<String> = []
      items = subjects.flatMap { subject in
        (0..<count).map { index in
          let seed = seed &+ UInt64(index)
          let stem = Self.stem(name(subject)) + "-\(seed)"
          var file = stem
          var copy = 2
          while !taken.insert(file).inserted {
            file = "\(stem)-\(copy)"
            copy += 1
          }
          return Item(
            subject: subject, seed: seed, url: url.appendingPathComponent(file + ".png"))
        }
      }
      return
    }
    guard kind == "png" else {
      throw .usage(
        "--out is \(out), but images are PNG files; end the name in .png or name a folder.")
    }
    guard subjects.count == 1, count == 1, let subject = subjects.first else {
      throw .usage(
        "--out is the file \(out), but \(subjects.count * count) images are asked for; name a "
          + "folder.")
    }
    items = [Item(subject: subject, seed: seed, url: url)]
  }

  /// Makes a file name's stem from a prompt: its words, joined by hyphens, at most 48 bytes.
  static func stem(_ prompt: String) -> String {
    var stem = ""
    for word in prompt.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
      let longer = stem.isEmpty ? String(word) : stem + "-" + word
      guard longer.utf8.count <= 48 else { break }
      stem = longer
    }
    return stem.isEmpty ? "image" : stem
  }

  /// Makes the folders of the files and tries to write into them.
  /// - Throws: `CommandError.cannotCreate`.
  func prepare(and others: [URL] = []) throws(CommandError) {
    let folders = Set((items.map(\.url) + others).map { $0.deletingLastPathComponent() })
    for folder in folders.sorted(by: { $0.path < $1.path }) {
      try Self.prepare(folder)
    }
    for url in items.map(\.url) + others where FileManager.default.isFolder(url) {
      throw .cannotCreate(path: url.path, reason: "a folder of that name exists")
    }
  }

  private static func prepare(_ folder: URL) throws(CommandError) {
    let files = FileManager.default
    do {
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
      let trial = folder.appendingPathComponent(
        ".unclip-\(ProcessInfo.processInfo.processIdentifier)")
      try Data().write(to: trial)
      try files.removeItem(at: trial)
    } catch {
      throw .cannotCreate(path: folder.path, reason: reason(of: error))
    }
  }
}
