// swift run vary IMAGE
//
// Three images that show what IMAGE shows, each from noise of its own; and one from IMAGE's own noise, which
// DDIM inversion finds: section 3.1 of the paper.
import Foundation
import Imaging
import SmallModel
import UnCLIP

guard CommandLine.arguments.count == 2 else {
  print("usage: vary IMAGE")
  exit(64)
}
let original = try Image(contentsOf: URL(filePath: CommandLine.arguments[1]))
let pipeline = try UnCLIPPipeline(.small)
let request = ImageRequest(prompt: "", count: 3, seed: 1)
var images = try pipeline.images(for: request, varying: original) { step in
  print("\(step.stage) \(step.step) of \(step.stepCount), image \(step.index + 1) of \(step.count)")
}
images += try pipeline.images(
  for: ImageRequest(prompt: "", seed: 1),
  editing: .variation(of: .image(original), noise: .inverted))
try ContactSheet.grid(images, columns: 4).write(to: URL(filePath: "vary.png"))
print("vary.png")
