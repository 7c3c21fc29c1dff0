import CLIP
import Imaging
import Torch

extension BSRDegradation {
  /// One fault, with everything about it drawn but the noise itself.
  enum Step: Equatable {
    case blur(BlurKernel)
    case resize(Int, Int, PlaneResize)
    /// A blur of 25 pixels, shifted so that the pixels that are kept stay in place.
    case decimate(Int, deviation: Double)
    case noise(Noise)
    case jpeg(quality: Int)
  }

  /// Gaussian noise, its deviation in levels of [0, 1].
  enum Noise: Equatable {
    case color(deviation: Double)
    case gray(deviation: Double)
    /// The 3 × 3 matrix, row by row; its negative eigenvalues count as positive.
    case correlated(covariance: [Double])
  }
}

extension BSRDegradation.Step {
  /// Applies the step, `[3, H, W] -> [3, H', W']`, in [0, 1] where it came so.
  func applied(to image: Tensor, using random: RandomSource) -> Tensor {
    switch self {
    case .blur(let kernel): return kernel.blurred(image)
    case .resize(let height, let width, let resize):
      return resize(image, height: height, width: width).clamped(min: 0, max: 1)
    case .decimate(let factor, let deviation):
      let kernel = BlurKernel.round(side: 25, deviation: deviation)
        .shifted(by: Double(factor - 1) / 2)
      let blurred = kernel.blurred(image)
      return blurred.strided(1, factor).strided(2, factor).clamped(min: 0, max: 1)
    case .noise(let noise):
      return (image + noise.sampled(like: image, using: random)).clamped(min: 0, max: 1)
    case .jpeg(let quality): return Self.compressed(image, quality)
    }
  }

  private static func compressed(_ image: Tensor, _ quality: Int) -> Tensor {
    let levels = Image(image * 2 - 1)
    do {
      let decoded = try ImageDecoder.decode(
        JPEGEncoder.encode(levels, quality: quality), name: "degraded.jpg")
      return Tensor(images: [decoded], range: .unit, device: image.device)[0]
    } catch {
      preconditionFailure("an image that was just encoded cannot be decoded: \(error)")
    }
  }
}

extension BSRDegradation.Noise {
  /// Samples the noise of an image, `[3, H, W]`.
  func sampled(like image: Tensor, using random: RandomSource) -> Tensor {
    let (height, width) = (image.dim(1), image.dim(2))
    switch self {
    case .color(let deviation):
      return random.normal([3, height, width], device: image.device) * deviation
    case .gray(let deviation):
      return random.normal([1, height, width], device: image.device) * deviation
    case .correlated(let covariance):
      let (values, vectors) = Tensor(covariance, shape: [3, 3]).symmetricEigen()
      let mixing = (vectors * values.abs().sqrt()).to(.float32).to(image.device)
      let noise = random.normal([3, height * width], device: image.device)
      return mixing.matmul(noise).reshaped(3, height, width)
    }
  }
}

extension Tensor {
  /// Keeps the first of every `count` rows of an axis.
  fileprivate func strided(_ axis: Int, _ count: Int) -> Tensor {
    let kept = stride(from: 0, to: dim(axis), by: count).map(Int64.init)
    return indexed(by: Tensor(kept, device: device), over: axis)
  }
}
