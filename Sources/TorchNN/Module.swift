public import Torch

/// A module of a network: a `final class` whose stored properties are parameters, buffers, other
/// modules, arrays of these and optionals of these. Other stored properties are ignored.
///
/// A member's key is its property name in snake case (`downBlocks` is `down_blocks`, `conv1` is
/// `conv1`, `toQ` is `to_q`), elements of an array add their index, and `keys` names the
/// exceptions. Keys equal those of PyTorch's state dicts, so public checkpoints load as they are.
public protocol Module: AnyObject, CustomStringConvertible {
  /// Keys of the properties whose key is not their name in snake case. A key may hold dots
  /// (`"net.0.proj"`); an empty one adds no prefix to the member's keys.
  static var keys: [String: String] { get }

  /// Calls `body` with the name and the value of each stored property, in order.
  func forEachMember(_ body: (String, Any) -> Void)
}

/// A module that maps one tensor to one tensor.
public protocol UnaryLayer: Module {
  /// Runs the forward pass.
  func callAsFunction(_ x: Tensor) -> Tensor
}

/// A module that behaves differently in training and evaluation.
public protocol TrainingSwitch: Module {
  /// Whether it is in training mode; true in a new module, as in PyTorch.
  var isTraining: Bool { get set }
}

extension Module {
  /// No exceptions.
  public static var keys: [String: String] { [:] }

  /// Reads the stored properties by reflection.
  public func forEachMember(_ body: (String, Any) -> Void) {
    let mirror = Mirror(reflecting: self)
    precondition(
      mirror.superclassMirror == nil,
      "\(Self.self) inherits from another class; a module is a final class without one")
    for case (let name?, let value) in mirror.children { body(name, value) }
  }

  /// Returns all parameters with their keys, in the order of the properties, each once under its
  /// first key.
  public func namedParameters() -> [(name: String, parameter: Parameter)] {
    var found: [(name: String, parameter: Parameter)] = []
    walk { key, part in
      if case .parameter(let parameter) = part { found.append((key, parameter)) }
    }
    return found
  }

  /// Returns all buffers with their keys, in the order of the properties, each once.
  public func namedBuffers() -> [(name: String, buffer: Buffer)] {
    var found: [(name: String, buffer: Buffer)] = []
    walk { key, part in
      if case .buffer(let buffer) = part { found.append((key, buffer)) }
    }
    return found
  }

  /// Returns this module and all below it with their keys, each once; this one's key is empty.
  public func namedModules() -> [(name: String, module: any Module)] {
    var found: [(name: String, module: any Module)] = [("", self)]
    walk { key, part in
      if case .module(let module) = part { found.append((key, module)) }
    }
    return found
  }

  /// Returns all parameters, each once.
  public func parameters() -> [Parameter] { namedParameters().map(\.parameter) }

  /// The number of weights in all parameters.
  public var parameterCount: Int { parameters().reduce(0) { $0 + $1.shape.reduce(1, *) } }

  /// Sets every dropout and batch norm to training mode.
  public func train() { setTraining(true) }

  /// Sets every dropout and batch norm to evaluation mode.
  public func eval() { setTraining(false) }

  /// Freezes all parameters: no gradients are computed for them.
  public func freeze() { for parameter in parameters() { parameter.setFrozen(true) } }

  /// Unfreezes all parameters.
  public func unfreeze() { for parameter in parameters() { parameter.setFrozen(false) } }

  /// Sets the gradient of every parameter to nil.
  public func zeroGradients() { for parameter in parameters() { parameter.clearGradient() } }

  /// Converts the parameters and the buffers of floating point types to `dtype`, and moves all of
  /// them to `device`; nil keeps either as it is.
  ///
  /// Gradients are dropped. Move a module before making its optimiser, whose moments keep the
  /// device and type that the parameters had then. Training keeps float32 weights and runs the
  /// forward pass inside `autocast`.
  public func to(dtype: DType? = nil, device: Device? = nil) {
    precondition(
      dtype?.isFloatingPoint ?? true,
      "a module converts to a floating point type, not to \(dtype.map { "\($0)" } ?? "nil")")
    walk { _, part in
      switch part {
      case .parameter(let parameter):
        parameter.convert(to: dtype, device: device)
      case .buffer(let buffer):
        let value = buffer.value
        let target = value.dtype.isFloatingPoint ? dtype ?? value.dtype : value.dtype
        buffer.value = value.to(device: device ?? value.device, dtype: target)
      case .module: break
      }
    }
  }

  private func setTraining(_ training: Bool) {
    for (_, module) in namedModules() {
      (module as? any TrainingSwitch)?.isTraining = training
    }
  }
}
