public import Config
public import Torch

/// An activation function; raw values are transformers' `hidden_act` and diffusers' `act_fn`.
public enum Activation: String, ConfigChoice {
  /// `max(x, 0)`.
  case relu
  /// `x Φ(x)`, with the error function.
  case gelu
  /// `x σ(1.702 x)`, OpenAI CLIP's.
  case quickGELU = "quick_gelu"
  /// `x σ(x)`.
  case silu
  /// The hyperbolic tangent.
  case tanh
  /// `1 / (1 + exp(-x))`.
  case sigmoid

  /// Applies it to each element.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .relu: x.relu()
    case .gelu: x.gelu()
    case .quickGELU: x.quickGELU()
    case .silu: x.silu()
    case .tanh: x.tanh()
    case .sigmoid: x.sigmoid()
    }
  }
}

/// An activation as a layer of a `Sequential`; it has no parameters.
public final class ActivationLayer: UnaryLayer {
  private let activation: Activation

  /// Makes the layer.
  public init(_ activation: Activation) { self.activation = activation }

  /// Applies the activation to each element.
  public func callAsFunction(_ x: Tensor) -> Tensor { activation(x) }
}

/// A chain of layers, whose keys are the indices, as in PyTorch.
public final class Sequential: UnaryLayer {
  /// The layers' keys are their indices alone.
  public static let keys = ["layers": ""]
  /// The layers, first to last.
  public let layers: [any UnaryLayer]

  /// Makes a chain of the layers.
  public init(_ layers: [any UnaryLayer]) { self.layers = layers }

  /// Passes `x` through all layers.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    layers.reduce(x) { x, layer in layer(x) }
  }
}
