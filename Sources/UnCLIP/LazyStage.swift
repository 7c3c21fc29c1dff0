import Config
import Torch
import TorchNN

/// A stage of the pipeline, loaded at its first use, that can be released.
public final class LazyStage<Value>: Releasable {
  private let make: () throws -> Value
  private let networks: Networks?
  private var value: Value?
  private var need: NetworkMemory.Need?

  /// The networks of a stage, and the memory that they share with those of others.
  struct Networks {
    let memory: NetworkMemory
    let dtype: DType
    let device: Device
    /// Returns them.
    let of: (Value) -> StageNetworks
  }

  init(_ networks: Networks? = nil, _ make: @escaping () throws -> Value) {
    (self.networks, self.make) = (networks, make)
  }

  /// Returns the stage, and loads it if needed; other stages may be released for it.
  /// - Throws: `ConfigError` and `CheckpointError`, naming the file.
  public func loaded() throws -> Value {
    if let value {
      if let networks, let need { _ = networks.memory.use(self, need) }
      return value
    }
    let value = try make()
    if let networks {
      let own = networks.of(value)
      let need = own.need(of: networks.dtype)
      let budget = networks.memory.use(self, need)
      for network in own.all {
        network.prepareForInference(dtype: networks.dtype, device: networks.device, within: budget)
      }
      self.need = need
    }
    self.value = value
    return value
  }

  /// Releases the stage; the next use loads it again.
  public func release() {
    value = nil
    networks?.memory.forget(self)
  }
}
