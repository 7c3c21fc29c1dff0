/// Limits what reading one file may take, so that a small file cannot fill the memory.
///
/// A pickle may put one container into many others, a zip file inflates a thousandfold, and many
/// tensors may be copied out of one storage. Each step is small, but their sum has no bound; it is
/// therefore counted over the whole file, and limited to a multiple of the file's size.
final class ReadingBudget {
  private let file: String
  private let fileSize: Int
  /// Values that may still be made or put into another container.
  private var values: Int
  /// Bytes that may still be inflated, copied, or used for tensors' names.
  private var bytes: Int

  /// The most values of any file, however large.
  static let mostValues = 20_000_000
  /// The values allowed to the smallest file.
  static let leastValues = 1 << 20
  /// The bytes allowed to the smallest file.
  static let leastBytes = 64 << 20
  /// The cost of a tensor besides its name and elements, bytes.
  static let bytesOfTensor = 512

  /// Makes the budget of a file of `fileSize` bytes.
  init(file: String, fileSize: Int) {
    self.file = file
    self.fileSize = fileSize
    values = min(Self.mostValues, Self.leastValues + fileSize * 8)
    bytes = Self.leastBytes + fileSize * 8
  }

  /// Counts values before they are made.
  ///
  /// - Throws: `ArchiveError.damaged` when the file has used up its limit.
  func take(values count: Int) throws(ArchiveError) {
    guard count <= values else { throw exceeded }
    values -= count
  }

  /// Counts bytes before they are made.
  ///
  /// - Throws: `ArchiveError.damaged` when the file has used up its limit.
  func take(bytes count: Int) throws(ArchiveError) {
    guard count <= bytes else { throw exceeded }
    bytes -= count
  }

  private var exceeded: ArchiveError {
    .damaged(file: file, reason: "it unpacks to far more than its \(fileSize) bytes explain")
  }
}
