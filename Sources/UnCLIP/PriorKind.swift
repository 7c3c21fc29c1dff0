public import Config

/// Where the image embedding of a prompt comes from; raw values are those of `--prior` and of image
/// metadata.
///
/// Source: paper section 2.2, and figure 8 for the last two.
public enum PriorKind: String, ConfigChoice {
  /// The diffusion prior samples it.
  case diffusion
  /// The autoregressive prior samples it.
  case autoregressive = "ar"
  /// Nowhere: the decoder sees the prompt alone, with the embedding dropped as in its training.
  case none
  /// The prompt's own text embedding stands in its place.
  case text

  /// The parts of a model folder that it needs.
  package var parts: [ModelFolder.Part] {
    switch self {
    case .diffusion: [.prior]
    case .autoregressive: [.autoregressivePrior]
    case .none, .text: []
    }
  }

  /// The keys of the settings that decide what it samples.
  package var settingKeys: Set<String> {
    switch self {
    case .diffusion: ["prior_steps", "prior_guidance", "prior_candidates", "prior_sampler"]
    case .autoregressive:
      ["prior_guidance", "prior_candidates", "prior_temperature", "prior_top_k"]
    case .none, .text: []
    }
  }

  /// The keys of the settings of any prior, `prior` itself apart.
  package static let allSettingKeys = allCases.reduce(into: Set<String>()) {
    $0.formUnion($1.settingKeys)
  }
}
