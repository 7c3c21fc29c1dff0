public import Diffusion
public import Foundation
public import Torch

/// The two-part latent of an image: what it shows, and everything else.
///
/// The CLIP image embedding z_i comes from the image encoder; the noise x_T is found by running the
/// decoder's DDIM backwards, conditioned on z_i. DDIM without noise gives the image back.
///
/// ```swift
/// let latent = try pipeline.latent(of: photo)
/// try latent.write(to: file)
/// let images = try pipeline.images(
///   for: ImageRequest(prompt: ""), editing: .variation(of: .latent(latent), noise: .inverted))
/// ```
///
/// It is a plain value, which tasks may share and files keep; it fits the model that made it.
/// Source: paper section 3.
public struct ImageLatent: Sendable, Equatable {
  /// z_i, raw, as the image encoder computes it.
  public var embedding: [Float]
  /// x_T, red, green and blue in turn, `3 * size * size` elements.
  public var noise: [Float]
  /// Side of the decoder's images, pixels.
  public var size: Int
  /// The steps of the inversion; as many lead back to the image best.
  public var steps: Int
  /// How the inversion bounded predictions; the same leads back best.
  public var threshold: ThresholdKind
  /// The prompt that conditioned the decoder beside z_i; mostly empty.
  public var prompt: String
  /// The model that made it.
  public var model: Model

  /// What says which model a latent belongs to.
  public struct Model: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// A hash of the parts that encode and decode.
    public var fingerprint: String

    /// Groups the two.
    public init(name: String, fingerprint: String) {
      self.name = name
      self.fingerprint = fingerprint
    }
  }

  /// Groups all of it.
  public init(
    embedding: [Float], noise: [Float], size: Int, steps: Int, threshold: ThresholdKind = .model,
    prompt: String, model: Model
  ) {
    self.embedding = embedding
    self.noise = noise
    self.size = size
    self.steps = steps
    self.threshold = threshold
    self.prompt = prompt
    self.model = model
  }

  /// Returns z_i as a tensor, `[1, D]`.
  public func embeddingTensor(on device: Device = .cpu) -> Tensor {
    Tensor(embedding, shape: [1, embedding.count]).to(device)
  }

  /// Returns x_T as a tensor, `[1, 3, S, S]`.
  /// - Precondition: `noise` has that many elements.
  public func noiseTensor(on device: Device = .cpu) -> Tensor {
    Tensor(noise, shape: [1, 3, size, size]).to(device)
  }
}

/// Why a latent cannot be used.
public enum LatentError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// The file holds no latent of an image, or a broken one.
  case notALatent(file: String, reason: String)
  /// Another model made it.
  case otherModel(made: String, here: String)
  /// Its sizes are not those of the model, whose fingerprint it has.
  case misshapen(reason: String)

  /// The description, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// The cause and the remedy.
  public var description: String {
    switch self {
    case .notALatent(let file, let reason):
      "\(file) is not the latent of an image (\(reason)); make it with unclip invert."
    case .otherModel(let made, let here):
      "the latent was made by the model \(made), which is not the \(here) that is used now; invert "
        + "the image again, or name the other model with --model."
    case .misshapen(let reason):
      "the latent does not fit the model: \(reason); invert the image again."
    }
  }
}
