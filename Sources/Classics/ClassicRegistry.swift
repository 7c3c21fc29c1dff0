/// The models known to folders and commands, in the order of lists.
public enum ClassicRegistry {
  /// One line per model.
  public static var types: [any ClassicModel.Type] {
    [
      Classifier.self,
      Autoencoder.self,
      DenoisingAutoencoder.self,
      VAE.self,
      VQVAE.self,
      PixelCNN.self,
      CodeTransformer.self,
      CodeRNN.self,
      GAN.self,
    ]
  }
}

/// The name of a registered model in commands and model folders.
public struct ClassicKind: RawRepresentable, Hashable, Codable, Sendable, CaseIterable {
  /// The name.
  public let rawValue: String

  /// Makes the kind that a model declares.
  init(_ name: String) { rawValue = name }

  /// Makes the kind with a name; nil if no registered model has it.
  public init?(rawValue: String) {
    guard Self.allCases.contains(where: { $0.rawValue == rawValue }) else { return nil }
    self.rawValue = rawValue
  }

  /// The kinds of all registered models.
  public static var allCases: [ClassicKind] { ClassicRegistry.types.map { $0.kind } }

  /// The model of this kind.
  public var type: any ClassicModel.Type {
    guard let type = ClassicRegistry.types.first(where: { $0.kind == self }) else {
      preconditionFailure("\(rawValue) is not in ClassicRegistry")
    }
    return type
  }
}

/// A capability that some kinds of models have and commands ask for.
public struct ClassicCapability<Model> {
  /// The verb phrase after "cannot" in an error.
  let action: String
  private let isOf: (any ClassicModel.Type) -> Bool

  /// The kinds that can do it.
  public var kinds: [ClassicKind] { ClassicRegistry.types.filter(isOf).map { $0.kind } }

  /// The kinds in words: `a, b or c`.
  public var list: String {
    let names = kinds.map(\.rawValue)
    guard let last = names.last, names.count > 1 else { return names.joined() }
    return names.dropLast().joined(separator: ", ") + " or " + last
  }
}

extension ClassicCapability where Model == any Reconstructing {
  /// Encodes images and decodes them again.
  public static var reconstructing: Self {
    Self(action: "reconstruct images") { $0 is any Reconstructing.Type }
  }
}

extension ClassicCapability where Model == any Denoising {
  /// Denoises corrupted images.
  public static var denoising: Self {
    Self(action: "denoise images") { $0 is any Denoising.Type }
  }
}

extension ClassicCapability where Model == any CodePrior {
  /// Writes codes for a code model to decode.
  public static var writingCodes: Self {
    Self(action: "write codes") { $0 is any CodePrior.Type }
  }
}

extension ClassicCapability where Model == any CodeModel {
  /// Encodes images as codes.
  public static var encodingCodes: Self {
    Self(action: "encode images as codes") { $0 is any CodeModel.Type }
  }
}

extension ClassicCapability where Model == any ClassicModel {
  /// Generates images, alone or with a prior over codes.
  public static var generating: Self {
    Self(action: "generate images") { $0 is any ImageGenerating.Type || $0 is any CodeModel.Type }
  }

  /// Interpolates between two images in a latent space.
  public static var interpolating: Self {
    Self(action: "interpolate") { $0 is any LatentModel.Type || $0 is any LatentGenerating.Type }
  }
}
