import Foundation

/// A repository of a model on a hub, as `OWNER/NAME`.
package struct HubRepository: Sendable, Hashable, CustomStringConvertible {
  /// `OWNER/NAME`.
  package let id: String

  package var description: String { id }

  /// The revision that is pulled when none is named.
  package static let standardRevision = "main"

  /// Makes a repository of its name.
  ///
  /// - Throws: `HubError.name`.
  ///
  /// Source: huggingface_hub `validate_repo_id`.
  package init(_ id: String) throws(HubError) {
    let parts = id.split(separator: "/", omittingEmptySubsequences: false)
    func isName(_ part: Substring) -> Bool {
      guard let first = part.first, let last = part.last else { return false }
      return !"-.".contains(first) && !"-.".contains(last)
        && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }
    guard parts.count == 2, parts.allSatisfy(isName), id.utf8.count <= 96, !id.contains("--"),
      !id.contains(".."), !id.hasSuffix(".git")
    else { throw .name(id) }
    self.id = id
  }

  /// The folder of a cache that holds it.
  package var folder: String { "models--" + id.replacing("/", with: "--") }

  /// The repository that a folder of a cache holds; nil for other folders.
  package init?(folder: String) {
    let parts = folder.components(separatedBy: "--")
    guard parts.count == 3, parts[0] == "models" else { return nil }
    do throws(HubError) { try self.init(parts[1] + "/" + parts[2]) } catch { return nil }
  }

  /// Checks the name of a branch, a tag or a commit, which becomes the path of a file.
  ///
  /// - Throws: `HubError.revision`.
  package static func check(revision: String) throws(HubError) {
    guard isPath(revision), !revision.hasPrefix("-"),
      !revision.contains(where: { $0.isWhitespace || "?#*:[]\\^~".contains($0) })
    else { throw .revision(revision) }
  }

  /// Whether text is the path of a file inside a folder and not of one outside it.
  static func isPath(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return text.utf8.count <= 1024
      && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 255 }
      && !text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F || $0 == "\\" }
  }

  /// Whether text is the full name of a commit.
  static func isCommit(_ text: String) -> Bool { text.utf8.count == 40 && isHexadecimal(text) }

  /// Whether text is a hash.
  static func isHexadecimal(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}
