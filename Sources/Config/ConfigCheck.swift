/// Checks of the values of one section of a configuration; each failure names the file, the key
/// with its path, the value and what is allowed.
package struct ConfigCheck: Sendable {
  /// The file, for errors.
  package let file: String
  /// Keys of the sections around the values, joined by dots; empty at the top.
  package let path: String

  /// Makes the checks of the values of `file` whose keys stand below `path`.
  package init(file: String, at path: String = "") {
    self.file = file
    self.path = path
  }

  /// Returns the checks of a section inside this one.
  package func section(_ key: String) -> ConfigCheck { ConfigCheck(file: file, at: full(key)) }

  /// Makes the error of a value; `expected` continues "… is 3, but".
  package func invalid(_ key: String, _ value: some Any, _ expected: String) -> ConfigError {
    .invalid(file: file, key: full(key), value: "\(value)", expected: expected)
  }

  /// Requires a rule for which there is no check of its own.
  package func require(
    _ holds: Bool, _ key: String, _ value: some Any, _ expected: String
  ) throws(ConfigError) {
    guard holds else { throw invalid(key, value, expected) }
  }

  /// Requires a whole number in a range.
  package func count(
    _ key: String, _ value: Int, in range: ClosedRange<Int> = 1...ConfigLimit.width
  ) throws(ConfigError) {
    try require(
      range.contains(value), key, value,
      range.count == 1
        ? "only \(range.lowerBound) is supported"
        : "it must be \(range.lowerBound) to \(range.upperBound)")
  }

  /// Requires a number in a range.
  package func number(
    _ key: String, _ value: Double, in range: ClosedRange<Double>
  ) throws(ConfigError) {
    try require(
      range.contains(value), key, value,
      "it must be \(text(range.lowerBound)) to \(text(range.upperBound))")
  }

  /// Requires a number above 0.
  package func positive(
    _ key: String, _ value: Double, upTo most: Double = 1e6
  ) throws(ConfigError) {
    try require(
      value > 0 && value <= most, key, value, "it must be above 0 and at most \(text(most))")
  }

  /// Requires a fraction or a probability, 0 ... 1.
  package func fraction(_ key: String, _ value: Double) throws(ConfigError) {
    try number(key, value, in: 0...1)
  }

  /// Requires a number in 0 ..< 1, such as a decay.
  package func belowOne(_ key: String, _ value: Double) throws(ConfigError) {
    try require(value >= 0 && value < 1, key, value, "it must be 0 or more and less than 1")
  }

  /// Requires that `value` divides `whole`, which stands under `name`.
  ///
  /// - Precondition: `value` is not 0.
  package func divides(
    _ key: String, _ value: Int, _ whole: Int, of name: String
  ) throws(ConfigError) {
    try require(
      whole.isMultiple(of: value), key, value, "it must divide \(name), which is \(whole)")
  }

  /// Requires that a network of about `count` weights can be made; `key` contributes most to it.
  package func weights(
    _ count: Double, _ key: String, _ value: some Any
  ) throws(ConfigError) {
    try require(
      count <= ConfigLimit.weights, key, value,
      "the network would have about \(text(count)) weights, and at most "
        + "\(text(ConfigLimit.weights)) are possible here")
  }

  private func full(_ key: String) -> String { path.isEmpty ? key : path + "." + key }

  /// A whole number without a decimal point, others with three digits.
  private func text(_ value: Double) -> String {
    if let whole = Int(exactly: value), abs(whole) < 1_000_000 { return "\(whole)" }
    if value < 1 && value > -1 { return "\(value)" }
    var (digits, exponent) = (value, 0)
    while digits.isFinite, digits.magnitude >= 10 {
      (digits, exponent) = (digits / 10, exponent + 1)
    }
    let short = (digits * 100).rounded() / 100
    let mantissa = Int(exactly: short).map { "\($0)" } ?? "\(short)"
    return exponent == 0 ? mantissa : "\(mantissa)e\(exponent)"
  }
}

/// The largest sizes that configurations may ask for: far above every published model, and small
/// enough that no product of two or three of them overflows 64 bits.
package enum ConfigLimit {
  /// Channels, features, heads.
  package static let width = 65_536
  /// Layers of one stack.
  package static let layers = 1_024
  /// Side of an image, pixels.
  package static let side = 4_096
  /// Positions of a sequence.
  package static let positions = 65_536
  /// Tokens of a vocabulary, codes of a codebook.
  package static let vocabulary = 16_777_216
  /// Weights of a network; a training run lowers it to what the machine's memory can hold.
  @TaskLocal package static var weights = 2e10
  /// Bytes of one batch of images, those prepared ahead included.
  package static let batchBytes = 16 << 30
  /// Threads of tensor operations.
  package static let threads = 1_024
}
