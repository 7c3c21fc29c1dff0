/// Splits a data set into training and held-out parts: as its authors did, else by concept, all
/// images of one concept in the same part.
public struct DataSplit: Sendable, Equatable, Codable {
  /// A part of the data.
  public enum Part: String, Sendable, Codable, CaseIterable {
    /// Images to train on.
    case train
    /// Concepts that are never trained on.
    case heldOut = "held-out"
    /// Everything.
    case all
  }

  /// The fraction of the concepts that is held out, 0 ... 0.9.
  public var heldOutFraction: Double
  /// The seed of the split.
  public var seed: UInt64

  /// Holds out 5 % of the concepts by default.
  public init(heldOutFraction: Double = 0.05, seed: UInt64 = 0) {
    self.heldOutFraction = heldOutFraction
    self.seed = seed
  }

  /// Returns the part of a concept, `train` or `heldOut`, whatever else the set holds.
  public func part(of concept: String) -> Part {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
    for byte in concept.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var random = SampleRandom(seed: hash ^ (seed &* 0x9E37_79B9_7F4A_7C15))
    return random.uniform() < heldOutFraction ? .heldOut : .train
  }

  /// Returns whether a sample belongs to `part`.
  public func contains(_ info: SampleInfo, in part: Part) -> Bool {
    part == .all || (info.part ?? self.part(of: info.concept)) == part
  }
}
