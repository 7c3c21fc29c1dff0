/// Seeds that depend on the run's seed and a place in it alone, so that nothing random needs to be
/// saved: the noise of step k is the same whether or not the run was interrupted before it.
package enum StepSeed {
  /// What the random numbers are for; two purposes never share a stream.
  package enum Purpose: UInt64 {
    /// The first weights.
    case weights = 1
    /// The noise of a batch.
    case loss = 2
    /// Sample sheets.
    case samples = 3
    /// Which activations are dropped.
    case dropout = 4
    /// The order and the changes of the data.
    case data = 5
  }

  /// The seed for `index` (a batch, a step, a picture) of a purpose.
  ///
  /// Range: 32 bits, all that LibTorch's CPU generator takes from a seed.
  /// Source: SplitMix64's finaliser, Steele et al. 2014.
  package static func seed(_ run: UInt64, _ purpose: Purpose, at index: Int) -> UInt64 {
    var state = mixed(run &+ 0x9E37_79B9_7F4A_7C15 &* purpose.rawValue)
    state = mixed(state &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(truncatingIfNeeded: index))
    return state >> 32
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
