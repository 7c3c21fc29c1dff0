import Classics
import Files
import Foundation
import Torch
import TorchNN

/// Samples images with any model that generates them, alone or with a prior over its codes.
struct ClassicSampler {
  /// The shape of its images.
  let shape: any ImageConfig
  private let source: (Int, RandomSource) -> Tensor

  /// Loads a model, and for a code model its prior.
  /// - Throws: `CommandError` for a superfluous or missing prior, `ClassicError`, `ConfigError`,
  ///   `CheckpointError`.
  init(
    _ folder: ClassicFolder, prior options: CodePriorOptions, runs: RunsOption, device: Device
  ) throws {
    let model = try folder.load(.generating, on: device)
    if let codes = model as? any CodeModel {
      guard let name = options.prior else {
        throw CommandError.usage(
          "\(folder.url.path) turns codes into images, and a prior samples the codes: name one of "
            + "kind \(ClassicCapability.writingCodes.list) with --prior.")
      }
      let write = try options.codes(
        for: codes, in: folder, prior: try runs.folder(name), device: device)
      shape = codes.config
      source = { count, random in codes.decode(write(count, random)) }
    } else if let generator = model as? any ImageGenerating {
      guard options.prior == nil else {
        throw CommandError.usage(
          "\(folder.url.path) holds a model of kind \(type(of: model).kind.rawValue), which "
            + "generates without a prior: leave --prior out.")
      }
      shape = generator.config
      source = { count, random in generator.sample(count, using: random) }
    } else {
      preconditionFailure("\(type(of: model)) generates neither images nor codes")
    }
  }

  /// Samples images `[count, C, S, S]` in [-1, 1], some hundreds at a time.
  func sample(_ count: Int, using random: RandomSource) -> Tensor {
    let parts = stride(from: 0, to: count, by: 256).map { start in
      let images = noGrad { source(min(256, count - start), random) }
      LongWork.report("samples", min(start + 256, count), of: count)
      return images
    }
    return Tensor.concatenated(parts, over: 0)
  }
}
