/// The version of this package, which images, reports and `--version` name.
public enum Version {
  /// Semantic version.
  public static let current = "0.1.0"
}
