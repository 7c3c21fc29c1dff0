import Files
import Foundation
import Torch

extension VQVAE {
  /// A hash of the codebook, which a prior keeps of the codebook whose codes it learnt.
  public var codebookFingerprint: String {
    var fingerprint = Fingerprint()
    fingerprint.add("\(quantizer.codebook.shape)")
    fingerprint.add(Data(quantizer.codebook.detached().to(.float32).bytes()))
    return fingerprint.text
  }
}
