import ImageMetrics
import TestSupport
import Testing
import Torch

@Suite struct RetrievalTests {
  @Test func findsEveryPartnerOfEqualEmbeddings() {
    // More rows than are compared at once.
    let images = RandomSource(seed: 1).normal([1500, 64])
    let found = Retrieval(imageEmbeddings: images, textEmbeddings: images * 3)
    #expect(found.imageToText == [1: 1, 5: 1])
    #expect(found.textToImage == [1: 1, 5: 1])
  }

  @Test func countsRanksByHand() {
    // Each image and each caption is nearer to the wrong partner.
    let images = Tensor([1.0, 0, 0, 1] as [Float], shape: [2, 2])
    let texts = Tensor([0.6, 0.8, 0.8, 0.6] as [Float], shape: [2, 2])
    let found = Retrieval(imageEmbeddings: images, textEmbeddings: texts, at: [1, 2])
    #expect(found.imageToText == [1: 0, 2: 1])
    #expect(found.textToImage == [1: 0, 2: 1])
  }

  @Test func directionsDiffer() {
    let images = Tensor([1, 0, 0, 1] as [Float], shape: [2, 2])
    let texts = Tensor([1, 0.2, 1, 0.4] as [Float], shape: [2, 2])
    let found = Retrieval(imageEmbeddings: images, textEmbeddings: texts, at: [1])
    // Both images find their caption, but the first image is nearer to both captions.
    #expect(found.imageToText == [1: 1])
    #expect(found.textToImage == [1: 0.5])
  }

  @Test func equalEmbeddingsScoreAsRandomOnes() {
    let same = Tensor.ones([20, 3])
    let found = Retrieval(imageEmbeddings: same, textEmbeddings: same, at: [1, 5, 40])
    for (k, fraction) in [1: 0.05, 5: 0.25, 40: 1] {
      #expect(abs((found.imageToText[k] ?? 0) - fraction) < 1e-12)
      #expect(abs((found.textToImage[k] ?? 0) - fraction) < 1e-12)
    }
  }

  @Test func unrelatedEmbeddingsScoreAboutAsRandomOnes() {
    let random = RandomSource(seed: 2)
    let found = Retrieval(
      imageEmbeddings: random.normal([2000, 16]), textEmbeddings: random.normal([2000, 16]),
      at: [200])
    #expect(abs((found.imageToText[200] ?? 0) - 0.1) < 0.03)
  }

  @Test func orderOfRowsDoesNotMatter() {
    let random = RandomSource(seed: 3)
    let (images, noise) = (random.normal([300, 8]), random.normal([300, 8]))
    let texts = images + noise
    let order = random.permutation(300)
    let found = Retrieval(imageEmbeddings: images, textEmbeddings: texts)
    let permuted = Retrieval(
      imageEmbeddings: images.indexed(by: order), textEmbeddings: texts.indexed(by: order))
    for k in [1, 5] {
      #expect(abs((found.imageToText[k] ?? 0) - (permuted.imageToText[k] ?? 1)) < 1e-12)
    }
  }

  /// Of all captions it is recall at 1; of one it is certain; in between the odds that no nearer one is
  /// chosen.
  @Test func rPrecisionIsTheExpectationOverCandidates() {
    let images = Tensor([1, 0, 0, 1, 1, 0.05] as [Float], shape: [3, 2])
    let texts = Tensor([1, 0.2, 0, 1, 1, 0] as [Float], shape: [3, 2])
    let found = Retrieval(imageEmbeddings: images, textEmbeddings: texts, at: [1])
    // Only the first image has another caption nearer than its own.
    #expect(abs(found.rPrecision(among: 3) - (found.imageToText[1] ?? 0)) < 1e-12)
    #expect(found.rPrecision(among: 1) == 1)
    #expect(abs(found.rPrecision(among: 2) - (0.5 + 1 + 1) / 3) < 1e-12)
    let same = Tensor.ones([20, 3])
    let random = Retrieval(imageEmbeddings: same, textEmbeddings: same)
    #expect(abs(random.rPrecision(among: 5) - 0.2) < 1e-12)
  }

  @Test func wrongShapesAreRefused() async {
    expectTrap(
      "[2, 3] images do not pair with [3, 3] captions",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Retrieval(imageEmbeddings: Tensor.ones([2, 3]), textEmbeddings: Tensor.ones([3, 3]))
      })
  }
}
