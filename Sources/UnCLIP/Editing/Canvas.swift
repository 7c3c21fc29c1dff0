import CLIP
import Diffusion
import Imaging
import Torch

/// What the stages that make images work on, where there is an image already: its pixels, what of
/// them stays, and the size of the work.
struct Canvas {
  /// The image, RGB.
  let image: Image
  /// The image with what stays as its alpha; nil where nothing stays.
  let kept: Image?
  /// The fraction of the process that is run.
  let strength: Double
  /// Size of the work, pixels of the largest stage.
  let width: Int
  let height: Int

  /// An image that generation starts from: its central square.
  init(startingFrom image: Image, strength: Double, size: Int) {
    self.image = image.composited(over: (255, 255, 255)).croppedToSquare()
    kept = nil
    self.strength = strength
    (width, height) = (size, size)
  }

  /// The rectangle of an inpainting's work.
  init(_ inpainting: Inpainting, _ region: Region) {
    let inner = region.inner
    let old = inpainting.image.cropped(
      x: inner.x.lowerBound, y: inner.y.lowerBound, width: inner.x.count, height: inner.y.count)
    let blended = old.composited(over: (255, 255, 255))
    func square(_ image: Image, border: [UInt8]) -> Image {
      image.padded(
        left: inner.x.lowerBound - region.x, top: inner.y.lowerBound - region.y,
        right: region.x + region.width - inner.x.upperBound,
        bottom: region.y + region.height - inner.y.upperBound, color: border)
    }
    image = square(blended, border: [255, 255, 255])
    // The old colours of a part that fills transparency are those over white, and mean nothing.
    let colors = inpainting.fillsTransparency ? old.converted(toChannels: 3) : blended
    var pixels = colors.converted(toChannels: 4).pixels
    for y in 0..<old.height {
      let line = (inner.y.lowerBound + y) * inpainting.image.width + inner.x.lowerBound
      for x in 0..<old.width {
        pixels[(y * old.width + x) * 4 + 3] = 255 - inpainting.weights[line + x]
      }
    }
    // Beyond the image's border nothing is known, and nothing is wanted.
    kept = square(
      Image(width: old.width, height: old.height, channels: 4, pixels: pixels),
      border: [255, 255, 255, 0])
    strength = inpainting.strength
    (width, height) = (region.workWidth, region.workHeight)
  }

  /// What one stage works on.
  struct Work {
    let given: GivenSample
    /// The windows that are computed; nil where the network sees the whole.
    let windows: Windows?
    /// The result, where all of it stays and there is nothing to do.
    let finished: Tensor?

    /// Steps that are taken in all.
    func stepCount(of steps: Int) -> Int {
      given.known == nil ? steps : given.resampling.stepCount(of: steps)
    }
  }

  /// Returns the canvas at a stage's size, smaller by `factor` than the work.
  ///
  /// - Parameters:
  ///   - side: Side of the stage's images, pixels.
  ///   - resampling: How the stage goes back for what stays.
  func work(
    reducedBy factor: Int, side: Int, resampling: ResamplingJumps, device: Device
  ) -> Work {
    let (w, h) = (width / factor, height / factor)
    let start = Tensor(
      images: [image.resized(width: w, height: h)], range: .symmetric, device: device)
    guard let kept else {
      return Work(given: GivenSample(start, strength: strength), windows: nil, finished: nil)
    }
    // Resizing weights colours by alpha, so what is generated anew does not colour what stays.
    let small = kept.resized(width: w, height: h)
    let known = (0..<w * h).map { Float(small.pixels[$0 * 4 + 3] >= 128 ? 1 : 0) }
    let mask = Tensor(known, shape: [1, 1, h, w], device: device)
    let colors = Tensor(
      images: [small.converted(toChannels: 3)], range: .symmetric, device: device)
    let given = GivenSample(
      Tensor.where(mask .> 0.5, colors, start), strength: strength, known: mask,
      resampling: resampling)
    let hasWork = known.contains(0)
    let windows =
      hasWork && (h > side || w > side)
      ? Windows(height: h, width: w, side: side, overlap: side / 2) {
        $0.cut(mask).min().item() < 1
      } : nil
    return Work(given: given, windows: windows, finished: hasWork ? nil : given.start)
  }
}

/// The rectangle of an image that is worked on; it may reach beyond the image's border.
struct Region: Equatable {
  let x: Int
  let y: Int
  let width: Int
  let height: Int
  /// The part of it inside the image.
  let inner: PixelRect
  /// Its size at the model's scale.
  let workWidth: Int
  let workHeight: Int

  /// Places the rectangle around a part of an image.
  ///
  /// - Parameters:
  ///   - part: What is generated anew.
  ///   - window: Side of the square that the model sees at once, pixels of the image.
  ///   - size: Side of the model's images, pixels.
  ///   - multiple: What the size of the work is a multiple of.
  init(
    around part: PixelRect, width imageWidth: Int, height imageHeight: Int, window: Int, size: Int,
    multiple: Int
  ) {
    /// Start, length and length at the model's scale, of one axis.
    func place(_ part: Range<Int>, in length: Int) -> (Int, Int, Int) {
      let wanted = max(window, min(part.count + window / 2, length))
      let middle = (part.lowerBound + part.upperBound - wanted) / 2
      let start =
        wanted > length ? (length - wanted) / 2 : min(max(middle, 0), length - wanted)
      let work = (wanted * size + window * multiple - 1) / (window * multiple) * multiple
      return (start, wanted, work)
    }
    (x, width, workWidth) = place(part.x, in: imageWidth)
    (y, height, workHeight) = place(part.y, in: imageHeight)
    inner = PixelRect(
      x: max(x, 0)..<min(x + width, imageWidth), y: max(y, 0)..<min(y + height, imageHeight))
  }
}
