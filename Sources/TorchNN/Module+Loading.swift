public import Foundation
public import Torch

/// A network whose configuration decides the shape of every weight.
public protocol ConfiguredModule: Module {
  /// The type of its configuration.
  associatedtype Config
  /// Its configuration.
  var config: Config { get }
  /// Makes a network with new weights.
  init(_ config: Config, using random: RandomSource)
  /// Returns a lower bound on the number of weights: the blocks that a configuration repeats.
  static func blockCount(of config: Config) -> Int
}

extension ConfiguredModule {
  /// Loads a network: makes it without values, compares it with the weights of a file, and then
  /// adopts these.
  ///
  /// A configuration that does not fit the file costs no memory, whatever its sizes.
  /// - Parameters:
  ///   - config: The network's validated configuration.
  ///   - state: The file's tensors, which stay mapped to the file until a weight's first use.
  ///   - file: The file, for errors.
  ///   - ignored: Keys that the network need not have.
  ///   - dtype: The type of the weights.
  ///   - checksValues: Whether to check for NaN and infinity, which reads the whole file.
  /// - Throws: `CheckpointError` when keys or shapes do not fit, or a value is not finite.
  public static func load(
    _ config: Config, from state: [String: Tensor], file: URL, ignoring ignored: Set<String> = [],
    dtype: DType = .float32, checksValues: Bool
  ) throws(CheckpointError) -> Self {
    let module = try placeholder(config, for: state, file: file)
    try module.fill(with: state, file: file, ignoring: ignored, sharing: true, dtype: dtype)
    if checksValues { try module.checkFinite(file: file) }
    return module
  }

  /// Compares the network of a configuration with the header of a file of weights.
  ///
  /// - Throws: `CheckpointError.misfit`, naming all keys missing, surplus or of another shape.
  public static func checkFit(
    _ config: Config, to state: [String: Tensor], file: URL, ignoring ignored: Set<String> = []
  ) throws(CheckpointError) {
    try placeholder(config, for: state, file: file)
      .checkFit(of: state, file: file, ignoring: ignored)
  }

  /// Returns the network without values.
  private static func placeholder(
    _ config: Config, for state: [String: Tensor], file: URL
  ) throws(CheckpointError) -> Self {
    let blocks = blockCount(of: config)
    guard blocks <= state.count else {
      throw .misfit(
        file: file.path,
        missing: ["weights of \(blocks) blocks, where it holds \(state.count) tensors"],
        surplus: [], misshapen: [])
    }
    return withoutInitialization { Self(config, using: RandomSource(seed: 0)) }
  }
}

extension Module {
  /// Prepares a loaded module for inference: frozen, in evaluation mode, of a type and on a device,
  /// with packed weights.
  ///
  /// - Parameters:
  ///   - dtype: The type of its weights; nil keeps it.
  ///   - device: Their device; nil keeps it.
  ///   - budget: How much of the packed weights stays in memory; nil keeps all.
  public func prepareForInference(
    dtype: DType? = nil, device: Device? = nil, within budget: WeightBudget? = nil
  ) {
    freeze()
    eval()
    to(dtype: dtype, device: device)
    pack(within: budget)
  }
}
