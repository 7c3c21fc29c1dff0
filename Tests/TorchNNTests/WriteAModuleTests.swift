import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

/// `[B, L, D] -> [B, L, D]`.
final class ResidualMLP: UnaryLayer {
  static let keys = ["norm": "ln_2"]
  let norm: LayerNorm
  let layers: [Linear]

  init(width: Int, using random: RandomSource) {
    norm = LayerNorm(width)
    layers = [
      Linear(width, 4 * width, using: random), Linear(4 * width, width, using: random),
    ]
  }

  func callAsFunction(_ x: Tensor) -> Tensor { x + layers[1](layers[0](norm(x)).gelu()) }
}

/// The code of the article "Write a module", compiled and run.
@Suite struct WriteAModuleTests {
  @Test func theArticleIsThisFile() throws {
    try expectCompiled(article: "TorchNN/TorchNN.docc/WriteAModule.md")
  }

  @Test func theExampleDoesWhatTheArticleSays() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("block.safetensors")
    let random = RandomSource(seed: 1)
    let x = random.normal([2, 3, 8])
    let target = random.normal([2, 3, 8])

    let block = ResidualMLP(width: 8, using: RandomSource(seed: 0))
    try Safetensors.write(block.stateDict(), to: url)
    try block.load(Safetensors.read(url).tensors, file: url)

    let article = try String(
      contentsOf: Golden.url("../../Sources/TorchNN/TorchNN.docc/WriteAModule.md"),
      encoding: .utf8)
    let keys = block.stateDict().keys.sorted().joined(separator: "\n")
    #expect(article.contains("```\n\(keys)\n```"))

    let before = F.mseLoss(block(x), target).item()
    let optimizer = Adam(block, learningRate: 0.01)
    for _ in 0..<50 {
      let loss = F.mseLoss(block(x), target)
      optimizer.zeroGradients()
      loss.backward()
      optimizer.step()
    }
    let trained = noGrad { block(x) }
    #expect(F.mseLoss(trained, target).item() < before / 2)

    block.freeze()
    block.pack()
    let y = noGrad { block(x) }
    expectClose(y, trained, .products)
    #expect(!y.requiresGrad)
  }
}
