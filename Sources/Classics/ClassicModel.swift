public import Config
public import Torch
public import TorchNN

/// The systems that led to unCLIP, by the names that commands and model folders use.
public enum ClassicKind: String, Codable, Sendable, CaseIterable {
  /// A generative adversarial network.
  case gan
  /// An autoencoder.
  case ae
  /// A denoising autoencoder.
  case dae
  /// A variational autoencoder.
  case vae
  /// A vector-quantised variational autoencoder.
  case vqvae
  /// A gated PixelCNN over a VQ-VAE's codes.
  case pixelcnn
  /// A causal transformer over a VQ-VAE's codes.
  case transformer
  /// A recurrent network (LSTM) over a VQ-VAE's codes.
  case rnn
  /// A classifier, whose features measure how like two sets of pictures are.
  case classifier
}

/// The shape of a model, as it stands in its `config.json`.
public protocol ClassicConfig: Codable, Sendable, Equatable {
  /// Checks each value.
  ///
  /// - Parameter file: the name used in errors.
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  func validate(file: String) throws(ConfigError)
}

/// The shape of a model of pictures.
public protocol PictureConfig: ClassicConfig {
  /// Side of the pictures, pixels.
  var imageSize: Int { get }
  /// 1 for grey pictures, 3 for colour.
  var channels: Int { get }
}

/// A model that a folder holds: its kind, its shape and its weights.
public protocol ClassicModel: Module {
  /// What decides its shape.
  associatedtype Config: ClassicConfig
  /// What it is.
  static var kind: ClassicKind { get }
  /// Its shape.
  var config: Config { get }
  /// A model with new weights.
  init(_ config: Config, using random: RandomSource)
}

/// A model that draws pictures from random numbers alone.
public protocol PictureGenerator: ClassicModel where Config: PictureConfig {
  /// New pictures `[count, C, S, S]` in [-1, 1].
  func sample(_ count: Int, using random: RandomSource) -> Tensor
}

/// A model that turns a picture into a vector of numbers and back.
public protocol LatentModel: ClassicModel where Config: PictureConfig {
  /// Vectors `[B, latent]` of pictures `[B, C, S, S]` in [-1, 1].
  func encode(_ x: Tensor) -> Tensor
  /// Pictures of vectors.
  func decode(_ z: Tensor) -> Tensor
}
