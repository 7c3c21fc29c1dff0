/// The mixing function of SplitMix64, for seeds and random numbers that depend on a few integers
/// alone.
///
/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
package enum SplitMix64 {
  /// The increment of the state at each step.
  package static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// Mixes an integer over all 64 bits; different integers stay different.
  package static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
