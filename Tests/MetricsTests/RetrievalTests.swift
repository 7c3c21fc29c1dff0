import Metrics
import Testing
import Torch

@Suite struct RetrievalTests {
  @Test func findsEveryPartnerOfEqualEmbeddings() {
    let random = RandomSource(seed: 1)
    let images = random.normal([7, 16])
    let found = Retrieval(imageEmbeddings: images, textEmbeddings: images * 3)
    #expect(found.imageToText == [1: 1, 5: 1])
    #expect(found.textToImage == [1: 1, 5: 1])
  }

  @Test func countsRanksByHand() {
    // Each picture and each sentence likes the wrong partner better.
    let images = Tensor([1.0, 0, 0, 1] as [Float], shape: [2, 2])
    let texts = Tensor([0.6, 0.8, 0.8, 0.6] as [Float], shape: [2, 2])
    let found = Retrieval(imageEmbeddings: images, textEmbeddings: texts, at: [1, 2])
    #expect(found.imageToText == [1: 0, 2: 1])
    #expect(found.textToImage == [1: 0, 2: 1])
  }

  @Test func givesNothingToEmbeddingsThatAreAllEqual() {
    let same = Tensor.ones([4, 3])
    let found = Retrieval(imageEmbeddings: same, textEmbeddings: same, at: [1])
    #expect(found.imageToText == [1: 0])
  }
}
