// swift run preview
//
// A generation that a concurrent program can show and stop: an actor, a stream of steps with previews, and
// cancellation within one step.
import Foundation
import Imaging
import SmallModel
import UnCLIP

let engine = UnCLIPEngine(.small)
let request = ImageRequest(prompt: "a smiling cat face", seed: 3)
for try await event in engine.events(for: request, previews: true) {
  switch event {
  case .step(let step):
    print(
      "\(step.stage) \(step.step) of \(step.stepCount)", step.preview == nil ? "" : "with a preview"
    )
  case .image(let image, let settings):
    try image.write(to: URL(filePath: "preview-\(settings.seed).png"))
  }
  // Leaving the loop would end the generation, as cancelling its task does.
}
