public import Imaging
public import UnCLIP

/// A model's stages one by one, each given what the stage before should have made, so that the one at
/// fault is found.
public struct StageDiagnosis: Sendable {
  /// A stage that is measured.
  public enum Stage: String, Sendable, CaseIterable {
    case clip, decoder, prior, upsampler
    case secondUpsampler = "second_upsampler"

    /// The name as sentences have it.
    var name: String {
      switch self {
      case .clip: "CLIP"
      case .secondUpsampler: "second upsampler"
      default: rawValue
      }
    }
  }

  /// What was measured of a stage.
  public struct Finding: Sendable {
    /// The stage.
    public var stage: Stage
    /// How near it comes to the truth: 0 for what unrelated images have, 1 for the truth itself; of an
    /// upsampler decibels above bicubic enlarging.
    public var score: Double
    /// What the score is, in a few words.
    public var meaning: String
    /// Images that show it, in rows with their titles.
    public var rows: [(title: String, images: [Image])] = []
  }

  /// Where the image embeddings of captions come from.
  public var priorKind = PriorKind.diffusion
  /// The stages that the model and the data allow to measure, in the order of the chain.
  public var findings: [Finding] = []
  /// The fine detail of the decoder's images, in multiples of the true images'; noise has several times
  /// as much.
  public var detail: Double?
  /// Noise of the decoder's images where the true ones are flat, root mean square, levels of 0 to 1; 0 where
  /// no area is flat.
  public var grain: Double?
  /// The score of images of captions, through all stages.
  public var whole: Double?
  /// Images of captions beside the true ones.
  public var rows: [(title: String, images: [Image])] = []

  /// The score of a stage; nil where it was not measured.
  public func score(of stage: Stage) -> Double? { findings.first { $0.stage == stage }?.score }

  /// Below it a stage does not work.
  private static let leastScore = 0.3
  /// Above it the decoder's images are noise.
  private static let mostDetail = 2.5
  /// Above it noise is seen at once.
  private static let mostGrain = 0.02
  /// By so much a stage must be behind to be named as the weakest.
  private static let clearMargin = 0.2
  /// An upsampler so many decibels below bicubic does not work.
  private static let leastGain = -0.5

  /// The stage at fault; nil where none is clearly worse.
  public var fault: Stage? { judgement.stage }
  /// What to conclude, in a sentence or two.
  public var verdict: String { judgement.text }

  /// What to do about a stage.
  private func remedy(_ stage: Stage) -> String {
    switch stage {
    case .clip: "train it longer or on more images (unclip train clip)"
    case .decoder: "train it longer (unclip train decoder)"
    case .prior where priorKind == .text:
      "sample with a prior (--prior diffusion) in the place of the text embedding"
    case .prior:
      "train it longer (unclip train \(priorKind == .autoregressive ? "ar-prior" : "prior"))"
    case .upsampler, .secondUpsampler: "train it longer (unclip train upsampler)"
    }
  }

  private var judgement: (stage: Stage?, text: String) {
    func blame(_ stage: Stage, _ why: String) -> (Stage, String) {
      (stage, "The \(stage.name) is at fault: \(why)")
    }
    let noise = (detail ?? 0) > Self.mostDetail || (grain ?? 0) > Self.mostGrain
    if let clip = score(of: .clip), clip < Self.leastScore {
      return (
        .clip,
        "CLIP is at fault: it hardly tells which caption belongs to which image, so no stage after "
          + "it can learn what to make; \(remedy(.clip))."
      )
    }
    if let decoder = score(of: .decoder), decoder < Self.leastScore || noise {
      let what = noise ? "noise" : "images of something else"
      return blame(
        .decoder,
        "even of the true image embeddings it makes \(what), so the prior cannot be blamed; "
          + "\(remedy(.decoder)), and check that it was trained with this CLIP.")
    }
    if let prior = score(of: .prior), prior < Self.leastScore {
      return blame(
        .prior,
        "the decoder decodes true image embeddings well, but those made of captions are far from them; "
          + "\(remedy(.prior))"
          + (priorKind == .text ? "." : ", and check that it was trained with this CLIP."))
    }
    for stage in [Stage.upsampler, .secondUpsampler] {
      if let gain = score(of: stage), gain < Self.leastGain {
        return blame(
          stage,
          "of true small images it makes worse ones than bicubic enlarging does, so the images are "
            + "good until there; \(remedy(stage)).")
      }
    }
    let similar = findings.filter { [.decoder, .prior].contains($0.stage) }
      .sorted { $0.score < $1.score }
    if let worst = similar.first, similar.count > 1,
      similar[1].score - worst.score > Self.clearMargin
    {
      return (
        worst.stage,
        "Every stage works; the \(worst.stage.name) is clearly the weakest: \(remedy(worst.stage))."
      )
    }
    return (nil, "Every stage works, and none is clearly worse than the others.")
  }
}
