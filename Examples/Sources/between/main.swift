// swift run between "a cat face" "a dog face"
//
// The image embeddings of two prompts and those on the great circle between them, each decoded from the same
// noise: section 3.2 of the paper.
import Diffusion
import Foundation
import Imaging
import SmallModel
import Torch
import UnCLIP

let prompts =
  CommandLine.arguments.count == 3
  ? Array(CommandLine.arguments[1...]) : ["a cat face", "a dog face"]
let pipeline = try UnCLIPPipeline(.small)
let texts = prompts.map { pipeline.conditioning($0) }
let ends = try texts.map { try pipeline.embedding(of: $0, using: RandomSource(seed: 1)) }
var frames: [Image] = []
for fraction in [0, 0.2, 0.4, 0.6, 0.8, 1] {
  let embedding = sphericalInterpolation(ends[0], ends[1], fraction: fraction)
  let text = texts[fraction < 0.5 ? 0 : 1]
  frames.append(Image(try pipeline.decoded(embedding, text, using: RandomSource(seed: 2))))
}
try ContactSheet.grid(frames, columns: frames.count).write(to: URL(filePath: "between.png"))
print("between.png")
