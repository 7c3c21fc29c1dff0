import ImageMetrics
import TestSupport
import Testing
import Torch

@Suite struct StructuralSimilarityTests {
  private let golden = Golden("metrics/similarity")

  @Test(arguments: ["b", "c"]) func equalsScikitImage(_ other: String) throws {
    let value = structuralSimilarity(try golden.tensor("a"), try golden.tensor(other))
    #expect(abs(value - (try golden.tensor("\(other).similarity").item())) < 1e-5, "\(value)")
  }

  @Test func equalImagesAreEqualAndNoiseIsNot() throws {
    let a = try golden.tensor("a")
    #expect(abs(structuralSimilarity(a, a) - 1) < 1e-6)
    let noise = a[1..<2]
    #expect(abs(structuralSimilarity(noise, noise.flipped(3))) < 0.2)
  }
}
