import Config
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Classics

/// Expects every parameter to have the gradient that the reference found, and no other to be there.
func expectGradients(
  of model: some ClassicModel, _ golden: Golden, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let gradients = try golden.tensors("gradients")
  #expect(gradients.count == model.namedParameters().count, sourceLocation: sourceLocation)
  for (key, parameter) in model.namedParameters() {
    expectClose(
      try #require(parameter.gradient, "\(key)", sourceLocation: sourceLocation),
      try #require(gradients[key], "\(key)", sourceLocation: sourceLocation),
      .network(.float32), key, sourceLocation: sourceLocation)
  }
}

/// The key that a configuration is refused for, or "no error".
func refusedKey(_ config: some ClassicConfig) -> String {
  do {
    try config.validate(file: "f")
    return "no error"
  } catch {
    guard case .invalid(_, let key, _, _) = error else { return "\(error)" }
    return key
  }
}
