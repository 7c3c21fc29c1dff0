// swift run animate "a red apple" "a green apple"
//
// From one prompt or image file to the next and back, as an animation.
import Foundation
import Imaging
import SmallModel
import UnCLIP

let arguments = CommandLine.arguments.dropFirst()
let sources = try (arguments.count > 1 ? Array(arguments) : ["a red apple", "a green apple"]).map {
  FileManager.default.fileExists(atPath: $0)
    ? ImageSource.image(try Image(contentsOf: URL(filePath: $0))) : .prompt($0)
}
let pipeline = try UnCLIPPipeline(.small)
let edit = try ImageEdit.interpolation(between: sources, frames: 8)
let frames = try pipeline.images(for: ImageRequest(prompt: "", seed: 3), editing: edit) { step in
  if step.step == step.stepCount {
    print("frame \(step.index + 1) of \(step.count): \(step.stage)")
  }
}
let animation = Animation(frames, frameDuration: 0.12, isForwardAndBack: true)
try animation.write(to: URL(filePath: "animate.webp"))
print("animate.webp")
