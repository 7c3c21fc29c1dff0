import Files

/// Seeds that depend only on the run's seed and an index, so that no random state needs to be
/// saved: the noise of step k is the same whether or not the run was interrupted before it.
package enum StepSeed {
  /// What the random numbers are for; each purpose has its own stream.
  package enum Purpose: UInt64 {
    /// Initial weights.
    case weights = 1
    /// Noise of a batch.
    case loss = 2
    /// Sample sheets.
    case samples = 3
    /// Which activations are dropped.
    case dropout = 4
    /// Order and augmentation of the data.
    case data = 5
    /// Embeddings that the prior samples for later stages.
    case drawnEmbeddings = 6
  }

  /// The seed for `index` (a batch, a step, an image) of a purpose.
  ///
  /// Range: 32 bits, all that LibTorch's CPU generator takes from a seed.
  ///
  /// Source: SplitMix64's finaliser, Steele et al. 2014.
  package static func seed(_ run: UInt64, _ purpose: Purpose, at index: Int) -> UInt64 {
    var state = SplitMix64.mixed(run &+ SplitMix64.increment &* purpose.rawValue)
    state = SplitMix64.mixed(
      state &+ SplitMix64.increment &* UInt64(truncatingIfNeeded: index))
    return state >> 32
  }
}
