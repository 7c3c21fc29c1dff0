import CLIP
import Datasets
import Files
import Foundation
import ImageMetrics
import Imaging
import Torch

extension ModelEvaluation {
  /// Generates images of captions that are taken evenly from the data, and compares them with what
  /// they should be and, as a set, with all other images.
  ///
  /// The distance is taken in CLIP's embeddings, and depends on the number of images; the same of
  /// the captions' own images stands beside it.
  /// - Returns: The metrics and the images.
  func generatedCaptions(_ count: Int) throws -> (Measures, [Image]) {
    let count = min(count, samples.count / 2)
    guard count > 1 else { return ([:], []) }
    let chosen = (0..<count).map { $0 * samples.count / count }
    let images = try chosen.enumerated().map { done, index in
      LongWork.report("captions", done, of: count)
      return try sample(samples[index].caption, seedOffset: UInt64(done))
    }
    LongWork.report("captions", count, of: count)
    let generated = Self.tensor(images)
    let found = Tensor.concatenated(
      stride(from: 0, to: count, by: 64).map {
        clip.image(generated[$0..<min($0 + 64, count)])
      }, over: 0)
    let own = rows(chosen, of: embeddings)
    let taken = Set(chosen)
    let others = rows(samples.indices.filter { !taken.contains($0) }, of: embeddings)
    let texts = Tensor.concatenated(
      stride(from: 0, to: count, by: 64).map { start in
        clip.text(chosen[start..<min(start + 64, count)].map { samples[$0].caption }).embedding
      }, over: 0)
    let truth = rows(chosen, of: references)
    let measures = [
      "captions": Double(count),
      "captions_recall_1": classifier.recall(of: generated, accepted: chosen.map { [$0] }, at: 1),
      "captions_error": (generated - truth).square().mean().item(),
      "captions_grain": Self.grain(of: generated, over: truth),
      "captions_clip_score": 100 * meanCosine(found, texts),
      "captions_clip_score_true": 100 * meanCosine(own, texts),
      "captions_frechet": FrechetDistance(found, others).value,
      "captions_frechet_true": FrechetDistance(own, others).value,
    ]
    return (measures, images)
  }

  private func rows(_ indices: [Int], of all: Tensor) -> Tensor {
    Tensor.concatenated(indices.map { all[$0..<$0 + 1] }, over: 0)
  }
}
