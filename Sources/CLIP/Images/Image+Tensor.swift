public import Imaging
public import Torch

/// The range of an image's samples in a tensor.
public enum PixelRange: Sendable {
  /// 0 ... 1.
  case unit
  /// -1 ... 1, the range of the generative models.
  case symmetric
}

extension Tensor {
  /// Makes a batch of images of one size, grey or RGB.
  ///
  /// Shapes: to `[B, C, H, W]` float32, channels last in memory.
  /// - Precondition: At least one image, all of the same size and of 1 or 3 channels.
  public init(images: [Image], range: PixelRange, device: Device = .cpu) {
    guard let first = images.first else { preconditionFailure("a batch of no images") }
    for image in images {
      precondition(
        image.width == first.width && image.height == first.height
          && image.channels == first.channels,
        "images of \(image.width)x\(image.height)x\(image.channels) and "
          + "\(first.width)x\(first.height)x\(first.channels) in one batch")
    }
    self.init(
      samples: images.flatMap(\.pixels), width: first.width, height: first.height,
      channels: first.channels, range: range, device: device)
  }

  /// Makes a batch of images from the samples of all of them, row-major and interleaved.
  ///
  /// Shapes: `B * height * width * channels` samples to `[B, C, H, W]` float32, channels last in
  /// memory.
  /// - Precondition: 1 or 3 channels, and samples for a whole number of images.
  public init(
    samples: [UInt8], width: Int, height: Int, channels: Int, range: PixelRange,
    device: Device = .cpu
  ) {
    precondition(channels == 1 || channels == 3, "an image tensor of \(channels) channels")
    let size = width * height * channels
    precondition(
      !samples.isEmpty && samples.count.isMultiple(of: size),
      "\(samples.count) samples do not fill images of \(width)x\(height)x\(channels)")
    // Bytes are a quarter of the size of floats to transfer.
    let bytes = Tensor(samples, shape: [samples.count / size, height, width, channels]).to(device)
    let levels = bytes.to(.float32).permuted(0, 3, 1, 2)
    switch range {
    case .unit: self = levels / 255
    case .symmetric: self = levels * (2.0 / 255) - 1
    }
  }
}

extension [Image] {
  /// Makes an image of each row of a batch, rounded to the nearest of 256 levels.
  ///
  /// Shapes: `[B, C, H, W]`, C 1 or 3.
  /// Range: -1 ... 1; samples outside it are clamped.
  public init(_ batch: Tensor) {
    let (count, channels, height, width) = batch.shape4
    let levels = ((batch.to(.float32) * 0.5 + 0.5).clamped(min: 0, max: 1) * 255).round()
    let bytes = levels.permuted(0, 2, 3, 1).to(.uint8).contiguous().to(Device.cpu).bytes()
    let size = channels * height * width
    self = (0..<count).map { index in
      Image(
        width: width, height: height, channels: channels,
        pixels: [UInt8](bytes[index * size..<(index + 1) * size]))
    }
  }
}

extension Image {
  /// Makes an image of a tensor, rounded to the nearest of 256 levels.
  ///
  /// Shapes: `[C, H, W]` or `[1, C, H, W]`, C 1 or 3.
  /// Range: -1 ... 1; samples outside it are clamped.
  /// - Precondition: A tensor of one image.
  public init(_ tensor: Tensor) {
    let images = [Image](tensor.rank == 3 ? tensor.unsqueezed(0) : tensor)
    precondition(images.count == 1, "a tensor of \(images.count) images where one is needed")
    self = images[0]
  }
}
