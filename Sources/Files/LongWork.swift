/// Work that may take minutes and says how far it is: reading a large data set, an evaluation.
package enum LongWork {
  /// Receives the name of the work, and how many of how many units are done; nil where nobody
  /// watches. Work reports from the task that began it, at most a few hundred times.
  @TaskLocal package static var observe:
    (@Sendable (_ name: String, _ done: Int, _ of: Int) -> Void)?

  /// Reports that `done` of `count` units are done.
  package static func report(_ name: String, _ done: Int, of count: Int) {
    observe?(name, done, count)
  }
}
