import CLIP
import Datasets
import Foundation
import ImageMetrics
import Imaging
import Torch
import TorchNN
import UnCLIP

extension ModelEvaluation {
  /// Images of a row.
  private static let shown = 4

  /// Each upsampler's gain over bicubic in PSNR, decibels, and in structural similarity, and its grain; of
  /// the second's, whose input is never clean, also where small images are degraded.
  func upsamplers() throws -> (Measures, [StageDiagnosis.Finding]) {
    var measures: Measures = [:]
    var findings: [StageDiagnosis.Finding] = []
    for (level, size) in zip(Upsampler.Level.allCases, pipeline.sizes.dropFirst()) {
      let name = "\(level.stage.rawValue)_"
      let limit = level == .first ? 11 : 16
      guard let truth = try heldOut(ofSide: size, limit: limit) else { continue }
      let small = LowResolution.reduced(truth, factor: Upsampler.factor)
      let (found, large, bicubic) = try upsampler(level, small, truth, named: name)
      measures.merge(found) { $1 }
      if level == .second {
        let degraded = BSRDegradation(.light).degraded(
          truth, using: RandomSource(seed: seed))
        measures.merge(try upsampler(level, degraded, truth, named: name + "degraded_").0) { $1 }
      }
      measures[name + "images"] = Double(truth.dim(0))
      func row(_ title: String, _ batch: Tensor) -> (title: String, images: [Image]) {
        (title, [Image](batch[0..<min(Self.shown, batch.dim(0))]))
      }
      findings.append(
        .init(
          stage: level == .first ? .upsampler : .secondUpsampler,
          score: measures[name + "decibels"] ?? 0,
          meaning: "decibels above bicubic enlarging, of true small images",
          rows: [row("true", truth), row("bicubic", bicubic), row("upsampled", large)]))
    }
    return (measures, findings)
  }

  /// Compares an upsampler with bicubic enlarging.
  private func upsampler(
    _ level: Upsampler.Level, _ small: Tensor, _ truth: Tensor, named name: String
  ) throws -> (Measures, large: Tensor, bicubic: Tensor) {
    let random = RandomSource(seed: seed)
    let large = Tensor.concatenated(
      try (0..<small.dim(0)).map {
        try pipeline.upsampled(
          small[$0..<$0 + 1], by: level, settings: sampling, using: random)
      }, over: 0)
    let bicubic = LowResolution.enlarged(small, to: truth.dim(2)).clamped(min: -1, max: 1)
    let plain = peakSignalToNoise(bicubic, truth)
    let similarity = structuralSimilarity(bicubic, truth)
    let measures = [
      name + "decibels": peakSignalToNoise(large, truth) - plain, name + "bicubic_decibels": plain,
      name + "similarity": structuralSimilarity(large, truth) - similarity,
      name + "bicubic_similarity": similarity,
      name + "grain": Self.grain(of: large, over: truth),
    ]
    return (measures, large, bicubic)
  }

  /// The first held-out images that are as large, `[B, 3, S, S]`; nil where there are none.
  private func heldOut(ofSide size: Int, limit: Int) throws -> Tensor? {
    let configuration = StreamConfiguration(
      Mixture(workers: 0, heldOutFraction: 0.02, coreOnly: true, minimumSide: size),
      imageSize: size, part: .heldOut)
    do throws(DataError) {
      let samples = try TrainingStream(directories: directories, configuration: configuration)
        .samples(limit: limit)
      return Self.tensor(samples.map(\.image))
    } catch {
      // Not every data set has large images.
      guard case .empty = error else { throw error }
      return nil
    }
  }
}
