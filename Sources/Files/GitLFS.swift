/// The pointer that Git leaves for a large file that it has not fetched.
package enum GitLFS {
  /// Whether the bytes of a file begin as a pointer does.
  ///
  /// Source: Git LFS specification, "The Pointer".
  package static func isPointer(_ bytes: some Collection<UInt8>) -> Bool {
    bytes.starts(with: "version https://git-lfs.github.com/spec/".utf8)
  }

  /// What to do about it, as the end of a sentence.
  package static let advice =
    "it is a Git LFS pointer and not the file itself; run `git lfs pull` in that folder"
}
