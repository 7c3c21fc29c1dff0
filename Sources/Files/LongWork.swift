/// Work that may take minutes and says how far it is: reading a large data set, an evaluation.
package enum LongWork {
  /// Who is shown how far work is.
  package final class Observer: Sendable {
    let report: @Sendable (_ name: String, _ done: Int, _ of: Int) -> Void

    /// Work reports to `report`, at most a few hundred times, from the task that began it.
    package init(_ report: @escaping @Sendable (_ name: String, _ done: Int, _ of: Int) -> Void) {
      self.report = report
    }
  }

  /// The observer of this task; nil where nobody watches.
  // An object: of a closure the optimiser of Swift 6.3 makes code that crashes.
  @TaskLocal package static var observer: Observer?

  /// Reports that `done` of `count` units are done.
  package static func report(_ name: String, _ done: Int, of count: Int) {
    observer?.report(name, done, count)
  }
}
