/// What computes features: only those of equal sources can be compared.
public struct FeatureSource: Codable, Sendable, Equatable {
  /// The network: `clip` or `inception`.
  public var network: String
  /// A hash of the network's weights.
  public var fingerprint: String
  /// How images are brought to its size.
  public var filter: String
  /// The side of the images it sees, pixels.
  public var size: Int
  /// Values of a feature.
  public var width: Int

  /// Names a source.
  public init(network: String, fingerprint: String, filter: String, size: Int, width: Int) {
    self.network = network
    self.fingerprint = fingerprint
    self.filter = filter
    self.size = size
    self.width = width
  }

  /// What stands in files and errors: `clip 0123456789abcdef, bicubic to 64, 256 values`.
  public var text: String { "\(network) \(fingerprint), \(filter) to \(size), \(width) values" }
}
