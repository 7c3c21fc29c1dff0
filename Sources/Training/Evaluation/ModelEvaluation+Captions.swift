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
  /// The distances depend on the features and on the number of images; the same of the captions' own
  /// images stands beside each.
  /// - Returns: The images.
  func generatedCaptions(_ count: Int, into result: inout EvaluationResult) throws -> [Image] {
    let chosen = spread(count)
    guard chosen.count > 1 else { return [] }
    let images = try chosen.enumerated().map { done, index in
      LongWork.report("captions", done, of: chosen.count)
      return try sample(samples[index].caption, seedOffset: UInt64(done))
    }
    LongWork.report("captions", chosen.count, of: chosen.count)
    let generated = Self.tensor(images)
    let taken = Set(chosen)
    let others = samples.indices.filter { !taken.contains($0) }
    let texts = texts(of: chosen)
    let truth = rows(chosen, of: references)
    result.measures["captions"] = Double(chosen.count)
    result.measures["captions_recall_1"] = classifier.recall(
      of: generated, accepted: chosen.map { [$0] }, at: 1)
    result.measures["captions_error"] = (generated - truth).square().mean().item()
    result.measures["captions_grain"] = Self.grain(of: generated, over: truth)
    let real = FeatureSet(try features(of: others))
    let sets = [
      ("", try features(of: images), clipEmbeddings(of: generated)),
      ("_true", try features(of: chosen), rows(chosen, of: embeddings)),
    ]
    for (suffix, features, embeddings) in sets {
      result.add(
        SetComparison(generated: FeatureSet(features), real: real, bootstrap: bootstrap),
        prefix: "captions_", suffix: suffix)
      let scores = clipScores(imageEmbeddings: embeddings, textEmbeddings: texts)
      result.add(bootstrap.mean(of: scores), as: "captions_clip_score" + suffix)
      let retrieval = Retrieval(imageEmbeddings: embeddings, textEmbeddings: texts)
      result.add(
        retrieval.rPrecision(bootstrap: bootstrap), as: "captions_r_precision" + suffix)
      for k in [1, 5] {
        let (captions, images) = retrieval.recall(at: k, bootstrap: bootstrap)
        result.add(captions, as: "captions_image_to_text_\(k)" + suffix)
        result.add(images, as: "captions_text_to_image_\(k)" + suffix)
      }
      result.add(
        bootstrap.meanPairwiseDistance(features), as: "captions_diversity" + suffix)
    }
    return images
  }

  /// At most so many images of the data, taken evenly, and at most half of them.
  func spread(_ count: Int) -> [Int] {
    let count = min(count, samples.count / 2)
    return (0..<count).map { $0 * samples.count / count }
  }

  /// The CLIP embeddings of the captions of images of the data.
  func texts(of chosen: [Int]) -> Tensor {
    batches(of: chosen) { clip.text($0.map { samples[$0].caption }).embedding }
  }

  /// The CLIP embeddings of generated images.
  func clipEmbeddings(of images: Tensor) -> Tensor {
    Tensor.concatenated(images.split(size: 64, over: 0).map { clip.image($0) }, over: 0)
  }

  /// The features of images of the data.
  func features(of chosen: [Int]) throws -> Tensor {
    guard let own = features else { return rows(chosen, of: embeddings) }
    return try own(all: chosen.map { samples[$0].image })
  }

  /// The features of generated images.
  func features(of images: [Image]) throws -> Tensor {
    try features?(all: images) ?? clipEmbeddings(of: Self.tensor(images))
  }

  func rows(_ indices: [Int], of all: Tensor) -> Tensor {
    all.indexed(by: Tensor(indices.map(Int64.init), shape: [indices.count]))
  }

  private func batches(of chosen: [Int], _ body: (ArraySlice<Int>) -> Tensor) -> Tensor {
    Tensor.concatenated(
      stride(from: 0, to: chosen.count, by: 64).map {
        body(chosen[$0..<min($0 + 64, chosen.count)])
      }, over: 0)
  }
}
