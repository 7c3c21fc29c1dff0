import Files
import Foundation
import Torch

extension VQVAE {
  /// Names the codebook: two codebooks with one name are equal. A prior keeps the name of the one
  /// whose codes it learnt.
  public var codebookFingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("\(quantizer.codebook.shape)")
    fingerprint.add(Data(quantizer.codebook.detached().to(.float32).bytes()))
    return fingerprint.text
  }
}
