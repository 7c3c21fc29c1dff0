import Files
import Foundation

/// Where each image of a run goes; made, and its folder checked, before anything is generated.
struct OutputPlan: Equatable {
  /// An image to make.
  struct Item: Equatable {
    /// The prompt, or the path of the image that is varied.
    var subject: String
    var seed: UInt64
    /// Its index among the images of this subject and seed.
    var frame = 0
    var url: URL
  }

  /// All images: those of the first subject by seed, then those of the next; of a seed its frames.
  let items: [Item]

  /// Whether the one image goes to standard output.
  let isStandardOutput: Bool

  /// Whether the images are written one by one, and not in a grid alone.
  var keepsImages = true

  /// Plans `count` times `frames` images of each subject, each the best of `candidates` seeds from its
  /// own on, into a folder `out` with files after `name`, one image into a `.png` file, or one to
  /// standard output for `-`.
  ///
  /// In a folder, names that are taken get a number: those of this plan, and unless `force` those
  /// of files that exist. All frames of a seed get the same one.
  ///
  /// - Throws: `CommandError.usage` for a file and several images or another format.
  init(
    of subjects: [String], count: Int, frames: Int = 1, seed: UInt64, out: String,
    force: Bool = false, candidates: Int = 1, naming name: (String) -> String = { $0 }
  ) throws(CommandError) {
    let url = URL(fileURLWithPath: out)
    let kind = url.pathExtension.lowercased()
    isStandardOutput = out == "-"
    guard isStandardOutput || Self.isFile(out) else {
      var taken: Set<String> = []
      let endings = Self.endings(frames)
      func isTaken(_ file: String) -> Bool {
        taken.contains(file)
          || !force && OutputFile.exists(url.appendingPathComponent(file + ".png"))
      }
      items = subjects.flatMap { subject in
        (0..<count).flatMap { index in
          let seed = seed + UInt64(index * candidates)
          let stem = Self.stem(name(subject)) + "-\(seed)"
          var numbered = stem
          var copy = 2
          while endings.contains(where: { isTaken(numbered + $0) }) {
            numbered = "\(stem)-\(copy)"
            copy += 1
          }
          return endings.enumerated().map { frame, ending in
            let file = numbered + ending
            taken.insert(file)
            return Item(
              subject: subject, seed: seed, frame: frame,
              url: url.appendingPathComponent(file + ".png"))
          }
        }
      }
      return
    }
    guard isStandardOutput || kind == "png" else {
      throw .usage(
        "--out is \(out), but images are PNG files; end the name in .png or name a folder.")
    }
    let all = subjects.count * count * frames
    guard all == 1, let subject = subjects.first else {
      let target = isStandardOutput ? "standard output" : "the file \(out)"
      throw .usage(
        "--out is \(target), but \(all) images are asked for; name a folder.")
    }
    items = [Item(subject: subject, seed: seed, url: url)]
  }

  /// The endings of the names of frames, which sort as the frames do: `-01`, `-02`, …
  private static func endings(_ frames: Int) -> [String] {
    guard frames > 1 else { return [""] }
    let width = "\(frames)".count
    return (1...frames).map { frame in
      "-" + String(repeating: "0", count: width - "\(frame)".count) + "\(frame)"
    }
  }

  /// Whether a path names a file: it has an extension and is no folder that exists.
  static func isFile(_ path: String) -> Bool {
    let url = URL(fileURLWithPath: path)
    return !path.hasSuffix("/") && !url.pathExtension.isEmpty && !FileManager.default.isFolder(url)
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

  /// Makes the folders of the files, tries to write into them, and checks that nothing is lost.
  ///
  /// - Parameters:
  ///   - others: Files that are written beside the images.
  ///   - folders: Further folders that are written into.
  ///   - inputs: Paths of what is read.
  /// - Throws: `CommandError.cannotCreate`, `.exists` and `.usage`.
  func prepare(
    and others: [OutputFile] = [], folders: [OutputFile] = [], inputs: [String] = [],
    files: OutputFiles
  ) throws(CommandError) {
    let images = isStandardOutput || !keepsImages ? [] : items.map { OutputFile($0.url.path) }
    let parents = (images + others).map { ($0.url.deletingLastPathComponent(), $0.option) }
    // Images of one run are many, and their folders few.
    let options = Dictionary(parents + folders.map { ($0.url, $0.option) }) { first, _ in first }
    for (folder, option) in options.sorted(by: { $0.key.path < $1.key.path }) {
      try Self.prepare(folder, option: option)
    }
    try files.check(images + others, inputs: inputs)
  }

  private static func prepare(_ folder: URL, option: String) throws(CommandError) {
    let files = FileManager.default
    do {
      try files.createDirectory(at: folder, withIntermediateDirectories: true)
      let trial = folder.appendingPathComponent(
        ".unclip-\(ProcessInfo.processInfo.processIdentifier)")
      try Data().write(to: trial)
      try files.removeItem(at: trial)
    } catch {
      throw .cannotCreate(path: folder.path, reason: reason(of: error), option: option)
    }
  }
}
