import CLIP
import Datasets
import Files
import ImageMetrics
import Imaging
import Torch
import TorchNN
import UnCLIP

extension ModelEvaluation {
  /// Images that the stages are measured on.
  private static let diagnosed = 48
  /// Images of a row.
  private static let shown = 12

  /// Gives each stage what the stage before should have made, and compares its output with the truth.
  func diagnosis(_ upsamplerRows: [StageDiagnosis.Finding]) throws -> StageDiagnosis? {
    let chosen = spread(Self.diagnosed)
    guard chosen.count > 1 else { return nil }
    var found = StageDiagnosis()
    found.priorKind = sampling.priorKind
    let truth = rows(chosen, of: embeddings)
    let base = 1 - meanPairwiseDistance(truth)
    func score(_ made: Tensor) -> Double {
      (meanCosine(made, truth) - base) / max(1 - base, 1e-6)
    }
    let texts = texts(of: chosen)
    let retrieval = Retrieval(imageEmbeddings: truth, textEmbeddings: texts, at: [1])
    let random = 1 / Double(chosen.count)
    found.findings.append(
      .init(
        stage: .clip, score: max(0, ((retrieval.textToImage[1] ?? 0) - random) / (1 - random)),
        meaning: "captions whose own image is the nearest of \(chosen.count)"))
    let decoded = try chosen.enumerated().map { done, index in
      LongWork.report("stages", done, of: 2 * chosen.count)
      return try sample(samples[index].caption, like: samples[index].image)
    }
    let originals = shownTruth(chosen)
    let made = Self.tensor(decoded)
    let references = rows(chosen, of: references)
    found.detail = Self.detail(of: made) / max(Self.detail(of: references), 1e-6)
    found.grain = Self.grain(of: made, over: references)
    found.findings.append(
      .init(
        stage: .decoder, score: score(clipEmbeddings(of: made)),
        meaning: "likeness of images of the true embeddings to the true images",
        rows: [originals, ("of their true embeddings", Array(decoded.prefix(Self.shown)))]))
    if let prior = try priorEmbeddings(of: chosen) {
      found.findings.append(
        .init(
          stage: .prior, score: score(prior),
          meaning: "likeness of the prior's embeddings to the true ones"))
    }
    found.findings += upsamplerRows
    let whole = try chosen.enumerated().map { done, index in
      LongWork.report("stages", chosen.count + done, of: 2 * chosen.count)
      return try sample(samples[index].caption, seedOffset: UInt64(done))
    }
    LongWork.report("stages", 1, of: 1)
    found.whole = score(clipEmbeddings(of: Self.tensor(whole)))
    found.rows = [originals, ("of their captions", Array(whole.prefix(Self.shown)))]
    return found
  }

  private func shownTruth(_ chosen: [Int]) -> (title: String, images: [Image]) {
    ("true images", chosen.prefix(Self.shown).map { samples[$0].image })
  }

  /// The image embeddings that the prior makes of captions; nil where the model is sampled without one.
  func priorEmbeddings(of chosen: [Int]) throws -> Tensor? {
    let captions = chosen.map { samples[$0].caption }
    switch sampling.priorKind {
    case .diffusion:
      return try pipeline.prior.loaded().embeddings(
        of: clip.text(captions), unconditional: clip.text([""]),
        sampling: pipeline.sampling(of: .prior, sampling), using: RandomSource(seed: seed))
    case .autoregressive, .text:
      return Tensor.concatenated(
        try captions.enumerated().map { index, caption in
          try pipeline.embedding(
            of: pipeline.conditioning(caption), settings: sampling,
            using: RandomSource(seed: seed &+ UInt64(index)))
        }, over: 0)
    case .none: return nil
    }
  }

  /// Root mean square of fine detail; levels from -1 to 1.
  private static func detail(of images: Tensor) -> Double {
    noGrad { (images - LowResolution.blur(images)).square().mean().item().squareRoot() }
  }
}
