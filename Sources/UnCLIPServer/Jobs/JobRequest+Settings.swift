import Config
import Diffusion
import Foundation
public import UnCLIP

extension JobRequest {
  /// The key that sets the sampler of every stage, beside those of `SamplingSettings`.
  public static let samplerKey = "sampler"

  /// Returns how a model samples unless asked otherwise.
  /// - Throws: `JobRefusal.notReady` for a description that says nothing of it.
  public static func defaults(
    of model: ModelDescription
  ) throws(JobRefusal) -> SamplingSettings {
    do {
      return try JSONDecoder().decode(SamplingSettings.self, from: model.defaults)
    } catch {
      throw .notReady("The settings of the model \(model.name) cannot be read.")
    }
  }

  /// Returns settings with those of the request in their place.
  ///
  /// - Parameters:
  ///   - base: The model's own, for this operation.
  ///   - parts: The parts of the model, for the choice of a prior.
  /// - Throws: `JobRefusal.invalid` for a key that is no setting's, a value of another type or
  ///   outside its range, and a setting of another prior.
  public func sampling(
    over base: SamplingSettings, parts: [String]
  ) throws(JobRefusal) -> SamplingSettings {
    let keys: [String]
    do { keys = try Array(base.values().keys) } catch { throw .notReady("\(error)") }
    let given = settings.filter { $0.value != .null }
    var sampling = base
    if let value = given[Self.samplerKey] {
      guard case .string(let name) = value, let sampler = SamplerKind(rawValue: name) else {
        throw Self.wrong(Self.samplerKey, value, Self.names(of: SamplerKind.self))
      }
      sampling.setSampler(sampler)
    }
    for key in given.keys.sorted() where key != Self.samplerKey {
      guard keys.contains(key) else {
        let near = Spelling.nearest(to: key, among: keys + [Self.samplerKey])
        let name = String(key.prefix(60))
        throw .invalid(
          "'\(name)' is no setting"
            + (near.map { "; '\($0)' is the nearest" } ?? ""), field: "settings.\(name)")
      }
      let upsampler = upsampler.flatMap(Upsampler.Level.init) ?? .first
      if operation == .upscale, !key.hasPrefix("\(upsampler.stage.rawValue)_") {
        throw .invalid(
          "upscale by the \(upsampler.rawValue) upsampler takes no '\(key)', only settings of that",
          field: "settings.\(key)")
      }
    }
    let values = given.filter { $0.key != Self.samplerKey }
    do { sampling = try sampling.replacing(values, file: "settings") } catch {
      // One after the other, to name the one at fault.
      for (key, value) in values.sorted(by: { $0.key < $1.key }) {
        do { _ = try sampling.replacing([key: value], file: "settings") } catch {
          throw Self.wrong(key, value, Self.expected(error))
        }
      }
      throw .invalid("\(error)", field: "settings")
    }
    // As the command does: noise belongs to ddim alone.
    if given["decoder_eta"] == nil, sampling.decoderSampler != .ddim { sampling.decoderEta = 0 }
    if given["decoder_eta"] != nil, sampling.decoderEta > 0,
      given["decoder_sampler"] == nil, given[Self.samplerKey] == nil
    {
      sampling.decoderSampler = .ddim
    }
    do { try sampling.validate() } catch {
      throw Self.refusal(of: error)
    }
    try checkPrior(sampling.priorKind, given: Set(given.keys), parts: parts)
    return sampling
  }

  private func checkPrior(
    _ kind: PriorKind, given: Set<String>, parts: [String]
  ) throws(JobRefusal) {
    let unused = PriorKind.allSettingKeys.subtracting(kind.settingKeys)
    if let key = given.intersection(unused).min() {
      let kinds = PriorKind.allCases.filter { $0.settingKeys.contains(key) }.map(\.rawValue)
      throw .invalid(
        "'\(key)' is for the prior \(kinds.joined(separator: " and ")), but the prior is "
          + kind.rawValue, field: "settings.\(key)")
    }
    if given.contains("prior"), let part = kind.parts.first(where: { !parts.contains($0.rawValue) })
    {
      throw .invalid(
        "The model has no \(part.rawValue), which the prior '\(kind.rawValue)' needs",
        field: "settings.prior")
    }
  }

  private static func names<Choice: CaseIterable & RawRepresentable>(of type: Choice.Type) -> String
  where Choice.RawValue == String {
    "one of [\(Choice.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))]"
  }

  private static func wrong(_ key: String, _ value: JSONValue, _ expected: String) -> JobRefusal {
    .invalid("\(value.text) is not possible - '\(key)': \(expected)", field: "settings.\(key)")
  }

  private static func expected(_ error: ConfigError) -> String {
    if case .invalid(_, _, _, let expected) = error { expected } else { "\(error)" }
  }

  /// The refusal that says what a `RequestError` does.
  package static func refusal(of error: RequestError) -> JobRefusal {
    switch error {
    case .size(let size, let possible):
      let list = possible.map(String.init).joined(separator: ", ")
      return .invalid("\(size) is not one of [\(list)] - 'size'", field: "size")
    case .outOfRange(let name, let value, let range):
      let key =
        switch name {
        case "start of the guidance interval": "guidance_start"
        case "end of the guidance interval": "guidance_end"
        case "eta": "decoder_eta"
        case "the decoder's sampler": "decoder_sampler"
        default: name.replacing(" ", with: "_")
        }
      return .invalid(
        "\(value) is not possible - '\(key)': it must be \(range)", field: "settings.\(key)")
    case .mask(let fault): return .invalid("\(RequestError.mask(fault))", field: "mask")
    case .noEmbedding: return .invalid("\(error)", field: "settings.prior")
    }
  }
}
