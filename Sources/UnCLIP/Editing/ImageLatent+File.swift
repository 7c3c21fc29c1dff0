import Diffusion
public import Foundation
public import Torch

extension ImageLatent {
  private static let kind = "image latent"

  /// Saves the latent as a safetensors file: the tensors `embedding` and `noise`, the rest as
  /// metadata. A rename replaces a file that is there in one step.
  /// - Throws: `CheckpointError.unwritable`.
  public func write(to url: URL) throws(CheckpointError) {
    try Safetensors.write(
      ["embedding": embeddingTensor(), "noise": noiseTensor()],
      metadata: [
        "unclip": Self.kind, "model": model.name, "model_fingerprint": model.fingerprint,
        "steps": "\(steps)", "threshold": threshold.rawValue, "prompt": prompt,
      ], to: url)
  }

  /// Loads a latent. Whether it fits a model is checked when it is used.
  /// - Throws: `CheckpointError` when the file is no safetensors file; `LatentError.notALatent`
  ///   when it holds something else.
  public init(contentsOf url: URL) throws {
    let file = try Safetensors.read(url)
    func refused(_ reason: String) -> LatentError {
      .notALatent(file: url.path, reason: reason)
    }
    func text(_ key: String) throws(LatentError) -> String {
      guard let value = file.metadata[key] else { throw refused("its metadata lack '\(key)'") }
      return value
    }
    func values(_ key: String, _ rank: Int) throws(LatentError) -> Tensor {
      guard let tensor = file.tensors[key] else { throw refused("it holds no tensor '\(key)'") }
      guard tensor.dtype == .float32, tensor.rank == rank, tensor.dim(0) == 1 else {
        throw refused("its '\(key)' is \(tensor.dtype) \(tensor.shape)")
      }
      guard tensor.count > 0, tensor.isFinite().all().item() != 0 else {
        throw refused("its '\(key)' is not finite")
      }
      return tensor
    }
    guard file.metadata["unclip"] == Self.kind else {
      throw refused("its metadata do not say so")
    }
    let (embedding, noise) = (try values("embedding", 2), try values("noise", 4))
    guard noise.dim(1) == 3, noise.dim(2) == noise.dim(3) else {
      throw refused("its 'noise' is \(noise.shape), not that of a square image")
    }
    let count = try text("steps")
    guard let steps = Int(count), SamplingSettings.stepRange.contains(steps) else {
      throw refused("its 'steps' is '\(count)'")
    }
    let bound = try text("threshold")
    guard let threshold = ThresholdKind(rawValue: bound) else {
      throw refused("its 'threshold' is '\(bound)'")
    }
    self.init(
      embedding: embedding.array(), noise: noise.array(), size: noise.dim(2), steps: steps,
      threshold: threshold, prompt: try text("prompt"),
      model: Model(name: try text("model"), fingerprint: try text("model_fingerprint")))
  }
}
