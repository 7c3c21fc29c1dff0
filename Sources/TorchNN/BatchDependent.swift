public import Torch

/// A layer whose output or state in training depends on all rows of a batch, which several processes
/// may share.
public protocol BatchDependent: AnyObject {
  /// Concatenates the rows of all processes in their order, and sums gradients back; nil where one
  /// process has the whole batch.
  var gather: ((Tensor) -> Tensor)? { get set }
}

extension Module {
  /// Has every layer that depends on the whole batch gather its rows by `gather`, or by nothing where
  /// one process works alone.
  public func gatherBatches(by gather: ((Tensor) -> Tensor)?) {
    for (_, module) in namedModules() { (module as? any BatchDependent)?.gather = gather }
  }
}
