import Foundation
import Imaging
import TestSupport
import Testing

@Suite struct AnimationTests {
  /// Frames with an even change of colours and a square that moves.
  private func frames(_ count: Int, side: Int = 33, channels: Int = 3) -> [Image] {
    (0..<count).map { index in
      var frame = image(side, side - 4, channels)
      frame.paste(
        Image(width: 5, height: 5, color: [200, 40, 90, 0].prefix(channels) + []), x: 3 * index,
        y: index)
      return frame
    }
  }

  @Test(arguments: 1...4) func pngKeepsEverySample(_ channels: Int) throws {
    let frames = frames(5, channels: channels)
    let file = try Animation(frames, frameDuration: 0.04, loopCount: 3)
      .encoded(as: .png, text: [("prompt", "a red apple")])
    let read = try AnimationReader(png: file)
    #expect(read.frames == frames)
    #expect(read.durations == [Int](repeating: 40, count: 5))
    #expect(read.loopCount == 3)
    #expect(try ImageDecoder.decode(file, name: "png") == frames[0], "viewers of single images")
    #expect(try PNGText.read(file) == ["prompt": "a red apple"])
  }

  @Test(arguments: [3, 4]) func losslessWebPKeepsEverySample(_ channels: Int) throws {
    let frames = frames(4, channels: channels)
    let file = try Animation(frames, frameDuration: 0.25).encoded(as: .webp, quality: nil)
    let read = try AnimationReader(webp: file)
    #expect(read.frames.map { $0.converted(toChannels: channels) } == frames)
    #expect(read.durations == [Int](repeating: 250, count: 4))
    #expect(read.loopCount == 0)
    let error = try #require(throws: ImageError.self) {
      _ = try ImageDecoder.decode(file, name: "a.webp")
    }
    #expect(error == .animated(name: "a.webp"), "libwebp takes it for an animation")
  }

  @Test(arguments: [3, 4]) func lossyWebPStaysNear(_ channels: Int) throws {
    let frames = frames(3, channels: channels)
    let read = try AnimationReader(webp: Animation(frames).encoded(as: .webp, quality: 90))
    #expect(read.frames.count == 3)
    for (frame, original) in zip(read.frames, frames) {
      let still = try ImageDecoder.decode(WebPEncoder.encode(original), name: "still")
      #expect(frame.converted(toChannels: channels) == still.converted(toChannels: channels))
    }
  }

  @Test func gifKeepsColorsThatFitIntoThePalette() throws {
    let colors: [[UInt8]] = [[255, 255, 255], [200, 0, 0], [0, 90, 0], [1, 2, 3]]
    for count in 1...4 {
      var frame = Image(width: 40, height: 30, color: colors[0])
      for (index, color) in colors.prefix(count).enumerated() {
        frame.paste(Image(width: 9, height: 20, color: color), x: 10 * index, y: index)
      }
      let read = try AnimationReader(
        gif: Animation([frame, frame.flippedVertically()], loopCount: 1).encoded(as: .gif))
      #expect(
        read.frames.map { $0.converted(toChannels: 3) } == [frame, frame.flippedVertically()])
      #expect(read.loopCount == 1)
      #expect(read.durations == [100, 100])
    }
  }

  @Test func gifChoosesColorsOfTheImage() throws {
    // More colours than a palette has, and more codes than LZW's table, which starts anew.
    let frames = frames(2, side: 200)
    for dithers in [false, true] {
      let read = try AnimationReader(
        gif: GIFEncoder.encode(Animation(frames, loopCount: 4), dithers: dithers))
      #expect(read.loopCount == 4)
      for (frame, original) in zip(read.frames, frames) {
        let flat = frame.converted(toChannels: 3)
        let errors = zip(flat.pixels, original.pixels).map { abs(Int($0) - Int($1)) }
        #expect(Double(errors.reduce(0, +)) / Double(errors.count) < (dithers ? 16 : 12))
        #expect(
          Set(stride(from: 0, to: flat.pixels.count, by: 3).map { flat.pixels[$0..<$0 + 3] })
            .count > 128)
      }
    }
  }

  @Test func ditheringKeepsTheMean() throws {
    // 300 by 64 colours, which a palette has no room for.
    var pixels: [UInt8] = []
    for y in 0..<64 {
      for x in 0..<300 { pixels += [UInt8(x * 255 / 299), UInt8(y * 4), 128] }
    }
    let ramp = Image(width: 300, height: 64, channels: 3, pixels: pixels)
    func mean(_ image: Image, _ x: Int, _ channel: Int) -> Double {
      let square = image.cropped(x: x, y: 0, width: 20, height: 64).converted(toChannels: 3)
      let values = stride(from: channel, to: square.pixels.count, by: 3).map {
        Double(square.pixels[$0])
      }
      return values.reduce(0, +) / Double(values.count)
    }
    let read = try AnimationReader(gif: Animation([ramp, ramp]).encoded(as: .gif))
    for x in stride(from: 20, to: 260, by: 20) {
      for channel in 0..<3 {
        #expect(abs(mean(read.frames[0], x, channel) - mean(ramp, x, channel)) < 2)
      }
    }
  }

  @Test func gifIsTransparentWhereAlphaIsLow() throws {
    let frames = frames(3, channels: 4)
    let read = try AnimationReader(gif: Animation(frames).encoded(as: .gif))
    for (frame, original) in zip(read.frames, frames) {
      let alphas = { (image: Image) in
        stride(from: 3, to: image.pixels.count, by: 4).map { image.pixels[$0] >= 128 }
      }
      #expect(alphas(frame) == alphas(original))
      #expect(Set(alphas(frame)).count == 2)
    }
  }

  @Test func runsForwardAndBack() throws {
    let frames = frames(4)
    let order = [0, 1, 2, 3, 2, 1]
    #expect(Animation(frames, isForwardAndBack: true).shownFrames == order.map { frames[$0] })
    #expect(Animation(frames, isForwardAndBack: false).shownFrames == frames)
    for count in 1...2 {
      let few = Array(frames.prefix(count))
      #expect(Animation(few, isForwardAndBack: true).shownFrames == few)
    }
    let file = try Animation(frames, isForwardAndBack: true).encoded(as: .png)
    #expect(try AnimationReader(png: file).frames == order.map { frames[$0] })
  }

  @Test func framesGetTheChannelsOfOthers() {
    let animation = Animation([image(4, 4, 1), image(4, 4, 3)])
    #expect(animation.frames.map(\.channels) == [3, 3])
    #expect(Animation([image(4, 4, 2), image(4, 4, 3)]).frames.map(\.channels) == [4, 4])
    #expect(Animation([image(4, 4, 1), image(4, 4, 2)]).frames.map(\.channels) == [2, 2])
  }

  @Test func writesByTheNamesExtension() throws {
    try withTemporaryFolder { folder in
      let animation = Animation(frames(2))
      for (name, format) in [
        ("a.gif", AnimationFormat.gif), ("a.WebP", .webp), ("a.png", .png), ("a.apng", .png),
      ] {
        let url = folder.appendingPathComponent(name)
        try animation.write(to: url)
        #expect(try Array(Data(contentsOf: url)) == animation.encoded(as: format))
        let error = try #require(throws: ImageError.self) {
          try animation.write(to: url, replacing: false)
        }
        #expect(error.description.contains("is there already"))
      }
      #expect(throws: ImageError.unknownAnimation(name: folder.path + "/a.mp4")) {
        try animation.write(to: folder.appendingPathComponent("a.mp4"))
      }
      let error = try #require(throws: ImageError.self) {
        try animation.write(to: folder.appendingPathComponent("b.gif"), text: [("a", "b")])
      }
      #expect(
        error.description
          == "the animation cannot be saved as GIF: text can be stored in PNG only")
      #expect(!FileManager.default.fileExists(atPath: folder.path + "/b.gif"))
    }
  }

  @Test func sidesThatNoFormatHolds() throws {
    let wide = Animation([Image(width: 70_000, height: 1, color: [1, 2, 3])])
    for (format, reason) in [
      (AnimationFormat.gif, "GIF: a side is over 65535"), (.webp, "WebP: a side is over 16383"),
    ] {
      let error = try #require(throws: ImageError.self) { _ = try wide.encoded(as: format) }
      #expect(error.description.contains(reason))
    }
  }

  @Test func traps() async {
    expectTrap(
      "the frames of an animation have [\"1x1\", \"2x1\"]",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Animation([
          Image(width: 1, height: 1, color: [0]), Image(width: 2, height: 1, color: [0]),
        ])
      })
    expectTrap(
      "an animation needs at least one frame",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = Animation([])
      })
  }
}
