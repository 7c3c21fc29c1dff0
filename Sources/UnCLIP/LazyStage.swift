import Config

/// A stage of the pipeline, loaded at its first use, that can be released.
public final class LazyStage<Value> {
  private let make: () throws -> Value
  private var value: Value?

  init(_ make: @escaping () throws -> Value) {
    self.make = make
  }

  /// Returns the stage, and loads it if needed.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loaded() throws -> Value {
    if let value { return value }
    let value = try make()
    self.value = value
    return value
  }

  /// Releases the stage; the next use loads it again.
  public func release() { value = nil }
}
