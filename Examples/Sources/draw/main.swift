// swift run draw "a red apple"
import Foundation
import Imaging
import SmallModel
import UnCLIP

let prompt = CommandLine.arguments.dropFirst().first ?? "a red apple"
do {
  let pipeline = try UnCLIPPipeline(.small)
  for (index, image) in try pipeline.images(for: ImageRequest(prompt: prompt, count: 2, seed: 7))
    .enumerated()
  {
    let file = URL(filePath: "draw-\(index).png")
    try image.write(to: file)
    print(file.path)
  }
} catch {
  // Every error of the package is one sentence: what is wrong, where, and what to do.
  FileHandle.standardError.write(Data("draw: \(error.localizedDescription)\n".utf8))
  exit(1)
}
