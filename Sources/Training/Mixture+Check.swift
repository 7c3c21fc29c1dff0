import Config
import Datasets

extension Mixture {
  /// Checks each value of the section `data:`.
  ///
  /// - Parameter file: The name used in errors.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  func validate(file: String) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: "data")
    try check.count("workers", workers, in: 0...64)
    try check.count("prefetch", prefetch, in: 0...1024)
    try check.fraction("scene_fraction", sceneFraction)
    try check.fraction("shape_fraction", shapeFraction)
    try check.require(
      sceneFraction + shapeFraction <= 1, "shape_fraction", shapeFraction,
      "with scene_fraction, \(sceneFraction), it must be at most 1")
    try check.number("held_out_fraction", heldOutFraction, in: 0...0.9)
    try check.count("minimum_side", minimumSide, in: 0...65_536)
    for (section, weights) in [("source_weights", sourceWeights), ("group_weights", groupWeights)] {
      for (name, weight) in weights.sorted(by: { $0.key < $1.key }) {
        try check.section(section).number(name, weight, in: 0...1000)
      }
    }
    try check.number("smallest_scale", augmentation.smallestScale, in: 0.1...1)
    try check.number("shift", augmentation.shift, in: 0...0.5)
    try check.fraction("flip_fraction", augmentation.flipFraction)
    try check.fraction("colored_background_fraction", augmentation.coloredBackgroundFraction)
  }
}
