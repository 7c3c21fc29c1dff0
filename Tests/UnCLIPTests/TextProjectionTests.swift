import CLIP
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import UnCLIP

@Suite struct TextProjectionTests {
  @Test func matchesDiffusersWithGuidance() throws {
    let golden = Golden("unclip/text_projection")
    let projection = TextProjection(
      try TextProjectionConfig.read(at: Golden.url("unclip/text_projection.json")),
      using: RandomSource(seed: 0))
    try projection.load(golden.tensors("weights"))
    let image = try golden.tensor("image")
    let mask = Tensor(
      [true, true, false, false, false, true, true, true, true, true], shape: [2, 5])
    let scene = projection(
      imageEmbedding: Tensor.concatenated([image, image], over: 0),
      text: TextConditioning(
        embedding: try golden.tensor("embedding"), encodings: try golden.tensor("encodings"),
        mask: Tensor.concatenated([mask, mask], over: 0)),
      imageDropped: Tensor([true, true, false, false]))
    expectClose(scene.context, try golden.tensor("context"), .network(.float32))
    expectClose(scene.classEmbedding, try golden.tensor("classEmbedding"), .network(.float32))
    #expect(scene.contextMask.shape == [4, 9])
    #expect(
      scene.contextMask[0].array(of: Bool.self)
        == [true, true, true, true, true, true, false, false, false])
  }
}
