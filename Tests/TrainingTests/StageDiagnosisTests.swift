import Testing
import UnCLIP

@testable import Training

/// The verdict of an evaluation, by what was measured of each stage.
@Suite struct StageDiagnosisTests {
  private typealias Stage = StageDiagnosis.Stage

  private static func diagnosis(
    clip: Double = 0.9, decoder: Double = 0.8, prior: Double? = 0.8, upsampler: Double? = 1,
    detail: Double = 1.1, grain: Double = 0.005
  ) -> StageDiagnosis {
    var found = StageDiagnosis()
    let scores: [(Stage, Double?)] = [
      (.clip, clip), (.decoder, decoder), (.prior, prior), (.upsampler, upsampler),
    ]
    found.findings = scores.compactMap { stage, score in
      score.map { .init(stage: stage, score: $0, meaning: "") }
    }
    (found.detail, found.grain) = (detail, grain)
    return found
  }

  @Test func theRemedyIsOfThePriorThatWasUsed() {
    var found = Self.diagnosis(prior: 0.1)
    #expect(found.verdict.contains("(unclip train prior)"))
    found.priorKind = .autoregressive
    #expect(found.verdict.contains("(unclip train ar-prior)"))
    found.priorKind = .text
    #expect(
      found.verdict.hasSuffix(
        "sample with a prior (--prior diffusion) in the place of the text embedding."))
  }

  @Test func aModelThatWorksIsNotBlamed() {
    let found = Self.diagnosis()
    #expect(found.fault == nil && found.verdict.hasPrefix("Every stage works, and none"))
    #expect(Self.diagnosis(prior: nil, upsampler: nil).fault == nil)
  }

  /// The first stage of the chain that fails is the cause, whatever comes of it later.
  @Test func theFirstFailingStageIsNamed() {
    let cases: [(StageDiagnosis, Stage, String)] = [
      (Self.diagnosis(clip: 0.05, decoder: 0.1, prior: 0), .clip, "CLIP is at fault"),
      (Self.diagnosis(decoder: 0.1, prior: 0), .decoder, "it makes images of something else"),
      (Self.diagnosis(detail: 6), .decoder, "it makes noise"),
      (Self.diagnosis(grain: 0.05), .decoder, "it makes noise"),
      (Self.diagnosis(prior: 0.1, upsampler: -9), .prior, "The prior is at fault"),
      (Self.diagnosis(upsampler: -3), .upsampler, "The upsampler is at fault"),
      (Self.diagnosis(prior: 0.4), .prior, "the prior is clearly the weakest"),
      (Self.diagnosis(decoder: 0.5), .decoder, "the decoder is clearly the weakest"),
    ]
    for (found, stage, text) in cases {
      #expect(found.fault == stage, "\(text)")
      #expect(found.verdict.contains(text) && found.verdict.hasSuffix("."), "\(found.verdict)")
      #expect(found.verdict.contains("unclip train"), "what to do")
    }
  }
}
