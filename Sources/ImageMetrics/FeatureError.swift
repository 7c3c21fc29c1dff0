public import Foundation

/// Why features cannot be compared.
public enum FeatureError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The file's features were computed otherwise.
  case otherSource(file: String, found: String, expected: String)
  /// The file was made of other images.
  case otherImages(file: String, count: Int)
  /// The file holds the weights of another network than Inception.
  case otherNetwork(file: String)
  /// Features are infinite or no numbers.
  case notFinite(source: String)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .otherSource(let file, let found, let expected):
      "\(file) holds features of \(found), which cannot be compared with those of \(expected): use "
        + "the network they were made with, or name a new file."
    case .otherImages(let file, let count):
      "\(file) holds features of \(count) images that are not those of --data: leave --data out to "
        + "use the file, or name a new file."
    case .otherNetwork(let file):
      "\(file) does not hold the Inception network that FID is measured with: give "
        + "pt_inception-2015-12-05 of pytorch-fid or torch-fidelity, as .pth or .safetensors."
    case .notFinite(let source):
      "Features of \(source) are not all finite, so nothing can be compared by them: get the weights "
        + "of the network again."
    }
  }
}
