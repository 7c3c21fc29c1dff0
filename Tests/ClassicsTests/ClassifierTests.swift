import Classics
import Config
import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

/// The classifier against PyTorch, and that it learns.
@Suite struct ClassifierTests {
  private let golden = Golden("classics/classifier")
  private let config = ClassifierConfig(
    imageSize: 8, channels: 1, widths: [4, 6], featureDim: 5, classCount: 3)

  @Test func matchesPyTorch() throws {
    let model = Classifier(config, using: RandomSource(seed: 0))
    try model.load(golden.tensors("weights"))
    let x = try golden.tensor("x").cloned().requiringGrad()
    let features = noGrad { model.features(x) }
    expectClose(features, try golden.tensor("features"), .network(.float32), "features")
    let logits = noGrad { model(x) }
    expectClose(logits, try golden.tensor("logits"), .network(.float32), "logits")
    let loss = model.loss(x, labels: try golden.tensor("labels"))
    expectClose(loss, try golden.tensor("loss"), .network(.float32), "loss")
    loss.backward()
    let ofX = try #require(x.grad)
    expectClose(ofX, try golden.tensor("x_gradient"), .network(.float32), "gradient of x")
    let expected = try golden.tensors("gradients")
    #expect(expected.keys.sorted() == model.namedParameters().map(\.name).sorted())
    for (key, parameter) in model.namedParameters() {
      let gradient = try #require(parameter.gradient)
      expectClose(gradient, try #require(expected[key]), .network(.float32), key)
    }
  }

  @Test func learnsThreeShades() {
    let random = RandomSource(seed: 1)
    let model = Classifier(config, using: random)
    let labels = Tensor([Int64(0), 1, 2, 0, 1, 2, 0, 1, 2])
    let shades = (labels.to(.float32) - 1).reshaped(9, 1, 1, 1)
    let x = (shades * 0.8 + random.normal([9, 1, 8, 8]) * 0.1).clamped(to: -1...1)
    let optimizer = Adam(model, learningRate: 1e-2)
    let before = noGrad { model.loss(x, labels: labels) }.item()
    for _ in 0..<150 {
      model.loss(x, labels: labels).backward()
      optimizer.step()
      optimizer.zeroGradients()
    }
    let after = noGrad { model.loss(x, labels: labels) }.item()
    #expect(after < 0.1 * before)
    let found = noGrad { model(x) }.argmax(over: 1)
    #expect(found.array(of: Int64.self) == labels.array(of: Int64.self))
    let least = noGrad { model.features(x) }.min().item()
    #expect(least >= 0)
  }

  @Test func theConfigurationIsWrittenAsRead() throws {
    let text = """
      {"image_size": 32, "channels": 1, "widths": [32, 64], "feature_dim": 64, "class_count": 10}
      """
    let config = try ConfigFile.decode(ClassifierConfig.self, from: Data(text.utf8), file: "x")
    try config.validate(file: "x")
    #expect(config.featureDim == 64)
    let written = try ConfigFile.encode(config)
    #expect(try ConfigFile.decode(ClassifierConfig.self, from: written, file: "x") == config)
  }

  @Test func refusesTheImpossible() throws {
    try config.validate(file: "x.yaml")
    let changes: [(key: String, change: (inout ClassifierConfig) -> Void)] = [
      ("image_size", { $0.imageSize = 10 }),
      ("channels", { $0.channels = 4 }),
      ("widths", { $0.widths = [] }),
      ("feature_dim", { $0.featureDim = 0 }),
      ("class_count", { $0.classCount = 0 }),
    ]
    for (key, change) in changes {
      var changed = config
      change(&changed)
      let wrong = changed
      let error = #expect(throws: ConfigError.self) { try wrong.validate(file: "x.yaml") }
      #expect(error?.description.hasPrefix("x.yaml: 'model.\(key)' is ") == true, "\(key)")
    }
  }
}
