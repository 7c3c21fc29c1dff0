public import CLIP
public import Imaging
public import Torch
import TorchNN

/// CLIP's picture side: pictures to embeddings.
public struct ImageEncoder {
  /// Pictures to tensors.
  public let preprocessor: CLIPImagePreprocessor
  /// Tensors to embeddings.
  public let model: CLIPVisionModelWithProjection

  /// Joins the two.
  public init(preprocessor: CLIPImagePreprocessor, model: CLIPVisionModelWithProjection) {
    self.preprocessor = preprocessor
    self.model = model
  }

  /// Encodes pictures of any size without gradients: `[B, D]`, not normalised.
  ///
  /// - Parameter dtype: the model's element type.
  public func encode(_ pictures: [Image], dtype: DType = .float32) -> Tensor {
    noGrad { model(preprocessor(pictures).to(model.device).to(dtype)) }
  }
}
