import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Training

/// Averages of several lengths are kept beside the one that is sampled from.
@Suite struct FurtherAverageTests {
  private var options: TrainingOptions {
    var options = TrainingOptions.tiny
    (options.emaDecay, options.emaDecays, options.emaWarmUpPower) = (0.9, [0.5, 0.99], 0)
    return options
  }

  private func weights(_ url: URL) throws -> [String: Tensor] { try Safetensors.read(url).tensors }

  @Test func eachAverageIsKeptAndWrittenAsAModel() throws {
    try withTemporaryFolder { folder in
      let trainer = try ToyTask.trainer(in: folder, options: options)
      var seen: [[String: Tensor]] = []
      let start = trainer.task.module.stateDict().mapValues { $0.cloned() }
      try trainer.run { _ in seen.append(trainer.task.module.stateDict().mapValues { $0.cloned() })
      }
      let checkpoint = folder.appending(path: "checkpoint-00000008")
      for (decay, model, file) in [
        (0.9, "model", "ema"), (0.5, "model-ema-0.5", "ema-0.5"),
        (0.99, "model-ema-0.99", "ema-0.99"),
      ] {
        let exported = try weights(folder.appending(path: "\(model)/toy/model.safetensors"))
        let kept = try weights(checkpoint.appending(path: file + ".safetensors"))
        for (name, value) in exported {
          #expect(value.bytes() == kept[name]?.bytes(), "\(model)")
          // The definition, from the weights of each step.
          var average = try #require(start[name])
          for weights in seen {
            average = average * decay + (try #require(weights[name])) * (1 - decay)
          }
          expectClose(value, average, .elements, "\(model) \(name)")
        }
      }
      #expect(AveragedModel.all(of: folder).map(\.decay) == [0.5, 0.99])
      let inner = folder.appending(path: "model")
      #expect(
        AveragedModel.all(of: inner).map { $0.url(in: inner).path } == [
          folder.appending(path: "model-ema-0.5").path,
          folder.appending(path: "model-ema-0.99").path,
        ])
    }
  }

  @Test func aRunThatIsInterruptedKeepsThemBitForBit() throws {
    try withTemporaryFolder { folder in
      let (whole, halves) = (folder.appending(path: "a"), folder.appending(path: "b"))
      try ToyTask.trainer(in: whole, options: options).run()
      let first = try ToyTask.trainer(in: halves, options: options)
      try first.run(shouldStop: { first.state.step == 3 })
      let second = try ToyTask.trainer(in: halves, options: options)
      #expect(try second.resume() != nil)
      try second.run()
      let name = "checkpoint-00000008"
      #expect(
        try decidedFiles(of: whole.appending(path: name))
          == decidedFiles(of: halves.appending(path: name)))
    }
  }

  /// Another list needs the consent that every change needs; a new average begins at the main one,
  /// and the model of one that is no longer kept goes.
  @Test func theListMayChangeOnPurpose() throws {
    try withTemporaryFolder { folder in
      let first = try ToyTask.trainer(in: folder, options: options)
      try first.run(shouldStop: { first.state.step == 3 })
      let main = try weights(folder.appending(path: "checkpoint-00000003/ema.safetensors"))
      var changed = options
      changed.emaDecays = [0.95]
      let second = try ToyTask.trainer(in: folder, options: changed)
      _ = try second.resume(allowingChanges: true)
      try second.save()
      let new = try weights(folder.appending(path: "model-ema-0.95/toy/model.safetensors"))
      for (name, value) in new { #expect(value.bytes() == main[name]?.bytes()) }
      #expect(AveragedModel.all(of: folder).map(\.decay) == [0.95])
    }
  }

  @Test func impossibleListsAreRefused() {
    for bad in [[0.9], [1], [-0.1], [0.5, 0.5], Array(repeating: 0, count: 9)] {
      var options = options
      options.emaDecays = bad
      #expect(throws: (any Error).self, "\(bad)") { try options.validate(file: "a") }
    }
    #expect(throws: Never.self) { try options.validate(file: "a") }
  }
}
