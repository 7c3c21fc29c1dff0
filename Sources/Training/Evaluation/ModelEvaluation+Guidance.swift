import Datasets
import Files
import ImageMetrics
import Imaging
import Torch
import UnCLIP

extension ModelEvaluation {
  /// Images of each prompt: the least that say how much the seed decides.
  private static let seedsOfAPrompt = 2
  /// Images of a scale that are kept to be looked at.
  private static let shown = 12

  /// Generates images of some captions at each scale of the decoder's guidance and then of the prior's,
  /// the other one being as the model is sampled.
  ///
  /// Source: paper figures 9 to 11.
  func guidanceCurves(_ scales: [Double], captions count: Int) throws -> [GuidancePoint] {
    let chosen = spread(count)
    guard chosen.count > 1 else { return [] }
    let taken = Set(chosen)
    let real = FeatureSet(try features(of: samples.indices.filter { !taken.contains($0) }))
    let texts = texts(of: chosen)
    var stages: [(String, WritableKeyPath<SamplingSettings, Double>)] = [
      ("decoder", \.decoderGuidance)
    ]
    if sampling.priorKind.isGuided { stages.append(("prior", \.priorGuidance)) }
    let all = stages.count * scales.count * chosen.count
    var (points, done): ([GuidancePoint], Int) = ([], 0)
    for (stage, key) in stages {
      for scale in scales {
        var settings = sampling
        settings[keyPath: key] = scale
        let images = try chosen.flatMap { index in
          LongWork.report("guidance", done, of: all)
          done += 1
          return try (0..<Self.seedsOfAPrompt).map { number in
            try sample(
              samples[index].caption, seedOffset: UInt64(index * Self.seedsOfAPrompt + number),
              settings)
          }
        }
        points.append(try point(stage, scale, images, texts, real))
      }
    }
    LongWork.report("guidance", all, of: all)
    return points
  }

  private func point(
    _ stage: String, _ scale: Double, _ images: [Image], _ texts: Tensor, _ real: FeatureSet
  ) throws -> GuidancePoint {
    let embeddings = clipEmbeddings(of: Self.tensor(images))
    let features = try features(of: images)
    let comparison = SetComparison(
      generated: FeatureSet(features), real: real, bootstrap: bootstrap)
    let scores = clipScores(
      imageEmbeddings: embeddings,
      textEmbeddings: texts.repeatInterleaved(Self.seedsOfAPrompt, over: 0))
    return GuidancePoint(
      stage: stage, scale: scale, clipScore: bootstrap.mean(of: scores),
      frechet: comparison.frechet, kernel: comparison.kernel,
      diversity: bootstrap.meanPairwiseDistance(features),
      promptDiversity: bootstrap.mean(
        of: pairwiseDistances(features, inGroupsOf: Self.seedsOfAPrompt)),
      images: Array(
        stride(from: 0, to: images.count, by: Self.seedsOfAPrompt).map { images[$0] }
          .prefix(Self.shown)))
  }
}

extension PriorKind {
  /// Whether it has a guidance of its own.
  fileprivate var isGuided: Bool { settingKeys.contains("prior_guidance") }
}
