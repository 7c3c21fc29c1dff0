import CLIP
import Imaging
import TestSupport
import Testing
import Torch

@Suite struct ImageTensorTests {
  private static func images(channels: Int) -> [Image] {
    (0..<2).map { index in
      let pixels = (0..<4 * 3 * channels).map { UInt8(($0 * 37 + index * 101) % 256) }
      return Image(width: 4, height: 3, channels: channels, pixels: pixels)
    }
  }

  @Test(arguments: [1, 3])
  func imagesComeBackFromATensorAsTheyWere(channels: Int) {
    let images = Self.images(channels: channels)
    let batch = Tensor(images: images, range: .symmetric)
    #expect(batch.shape == [2, channels, 3, 4])
    #expect([Image](batch) == images)
    #expect(Image(batch[1..<2]) == images[1])
    #expect(Image(batch[0]) == images[0])
  }

  @Test func everyLevelComesBack() {
    let image = Image(width: 16, height: 16, channels: 1, pixels: (0..<256).map { UInt8($0) })
    #expect(Image(Tensor(images: [image], range: .symmetric)) == image)
  }

  @Test func rangesAreTheirNames() {
    let image = Image(width: 2, height: 1, channels: 1, pixels: [0, 255])
    #expect(Tensor(images: [image], range: .unit).array(of: Float.self) == [0, 1])
    #expect(Tensor(images: [image], range: .symmetric).array(of: Float.self) == [-1, 1])
  }

  @Test func samplesOutsideTheRangeAreClamped() {
    let tensor = Tensor([-7, 0, 1.001] as [Float], shape: [1, 1, 1, 3])
    #expect(Image(tensor).pixels == [0, 128, 255])
  }

  @Test func channelsKeepTheirPositions() {
    let red = Image(width: 2, height: 2, color: [255, 0, 0])
    let tensor = Tensor(images: [red], range: .unit)
    #expect(tensor[0][0].array(of: Float.self) == [1, 1, 1, 1])
    #expect(tensor[0][2].array(of: Float.self) == [0, 0, 0, 0])
  }

  @Test func batchesThatCannotBeAreRefused() async {
    expectTrap(
      "3 samples do not fill images of 2x2x3",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Tensor(samples: [1, 2, 3], width: 2, height: 2, channels: 3, range: .unit)
      })
    expectTrap(
      "images of 5x3x3 and 4x3x3 in one batch",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let images = [4, 5].map { Image(width: $0, height: 3, color: [1, 2, 3]) }
        _ = Tensor(images: images, range: .unit)
      })
    expectTrap(
      "an image tensor of 4 channels",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Tensor(images: [Image(width: 2, height: 2, color: [1, 2, 3, 4])], range: .unit)
      })
    expectTrap(
      "a tensor of 2 images where one is needed",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Image(Tensor.zeros([2, 3, 4, 4]))
      })
  }
}
