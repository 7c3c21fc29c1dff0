public import Torch
public import TorchNN

/// What a conversion needs to know beside the weights.
public struct ConversionOptions: Sendable, Equatable {
  /// The activation of a CLIP; nil where the file names it.
  public var activation: Activation?
  /// Channels of an attention head; nil means 64, or the own widths of the vision towers of
  /// OpenCLIP's H, g and G models.
  public var headWidth: Int?
  /// The element type of the written weights; nil keeps each as it is.
  public var dtype: DType?

  /// Groups the options.
  public init(activation: Activation? = nil, headWidth: Int? = nil, dtype: DType? = nil) {
    self.activation = activation
    self.headWidth = headWidth
    self.dtype = dtype
  }

  /// Returns the number of heads of a CLIP tower of a width.
  ///
  /// Source: open_clip `model_configs`: ViT-H-14, ViT-g-14, ViT-bigG-14.
  func headCount(width: Int, isVision: Bool) -> Int {
    if let headWidth { return max(1, width / headWidth) }
    if isVision, [1280, 1408, 1664].contains(width) { return 16 }
    return max(1, width / 64)
  }
}
