// swift run preview
//
// A generation that a concurrent program can show and stop: an actor, and a stream of steps with previews.
// The first image is drawn to its end, the second one stopped on the way.
import Foundation
import Imaging
import SmallModel
import UnCLIP

let engine = UnCLIPEngine(.small)
let request = ImageRequest(prompt: "a smiling cat face", count: 2, seed: 3)
generation: for try await event in engine.events(for: request, previews: true) {
  switch event {
  case .step(let step):
    print(
      "\(step.stage) \(step.step) of \(step.stepCount)", step.preview == nil ? "" : "with a preview"
    )
    if step.index == 1, step.stage == .decoder {
      // Leaving the loop ends the generation within a step, as cancelling its task does.
      print("stopped")
      break generation
    }
  case .image(let image, let settings):
    try image.write(to: URL(filePath: "preview-\(settings.seed).png"))
  }
}
