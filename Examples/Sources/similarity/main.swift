// swift run similarity IMAGE TEXT...
//
// CLIP alone: the cosine between an image and each text.
import CLIP
import Foundation
import Imaging
import SmallModel
import Torch
import UnCLIP

guard CommandLine.arguments.count > 2 else {
  print("usage: similarity IMAGE TEXT...")
  exit(64)
}
let pipeline = try UnCLIPPipeline(.small)
let texts = Array(CommandLine.arguments[2...])
let image = try pipeline.embedding(of: Image(contentsOf: URL(filePath: CommandLine.arguments[1])))
for text in texts {
  let embedding = pipeline.conditioning(text).text.embedding
  let cosine = (image * embedding).sum() / (image.norm() * embedding.norm())
  print(String(format: "%.3f", cosine.item()), text)
}
