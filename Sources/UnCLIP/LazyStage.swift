import Config

/// A part of the chain that is loaded when it is first used, and can be let go.
public final class LazyStage<Value> {
  private let make: () throws -> Value
  private var value: Value?

  init(_ make: @escaping () throws -> Value) {
    self.make = make
  }

  /// Returns the part, loaded now unless it is there already.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loaded() throws -> Value {
    if let value { return value }
    let value = try make()
    self.value = value
    return value
  }

  /// Lets the part's memory go; the next use loads it again.
  public func release() { value = nil }
}
