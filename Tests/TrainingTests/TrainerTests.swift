import Foundation
import TestSupport
import Testing
import Torch
import TorchNN
import Training

@Suite struct TrainerTests {
  @Test func lowersTheLossAndReportsEachStep() throws {
    try withTemporaryFolder { folder in
      var options = TrainingOptions.tiny
      (options.steps, options.learningRate) = (150, 1e-2)
      (options.sampleEverySteps, options.checkpointEverySteps) = (100, 0)
      var reports: [StepReport] = []
      let trainer = try ToyTask.trainer(in: folder, options: options)
      try trainer.run { reports.append($0) }
      #expect(reports.map(\.step) == Array(1...150))
      let early = reports.prefix(20).reduce(0) { $0 + $1.loss }
      let late = reports.suffix(20).reduce(0) { $0 + $1.loss }
      #expect(late < 0.7 * early, "\(early) to \(late)")
      #expect(reports.allSatisfy { $0.images == 4 && $0.parts.keys.contains("squared_error") })
      #expect(reports[0].learningRate == 0 && reports[2].learningRate == 1e-2)
      #expect(reports.filter { $0.samples != nil }.map(\.step) == [100, 150])
      #expect(reports.filter { !$0.metrics.isEmpty }.map(\.step) == [100, 150])
      #expect(reports.compactMap(\.checkpoint) == ["checkpoint-00000150"])
      #expect(trainer.state.images == 600)
      let sheet = folder.appending(path: "samples/step-100.png")
      #expect(FileManager.default.fileExists(atPath: sheet.path))
    }
  }

  @Test func exportsTheAveragedWeights() throws {
    try withTemporaryFolder { folder in
      try ToyTask.trainer(in: folder).run()
      let exported = try Safetensors.read(folder.appending(path: "model/toy/model.safetensors"))
      let checkpoint = folder.appending(path: "checkpoint-00000008")
      let average = try Safetensors.read(checkpoint.appending(path: "ema.safetensors"))
      let weights = try Safetensors.read(checkpoint.appending(path: "model.safetensors"))
      for (name, value) in exported.tensors {
        #expect(value.bytes() == average.tensors[name]?.bytes())
        #expect(value.bytes() != weights.tensors[name]?.bytes())
      }
    }
  }

  @Test func accumulatesToTheGradientOfTheWholeBatch() throws {
    try withTemporaryFolder { folder in
      // Batches 0 and 1 in one step are batches 0 and 1 in one loss.
      var options = TrainingOptions.tiny
      (options.steps, options.warmUpSteps, options.gradientAccumulation) = (1, 0, 2)
      let trainer = try ToyTask.trainer(in: folder, options: options)
      trainer.task.network.eval()
      var norm = 0.0
      try trainer.run { norm = $0.gradientNorm }
      let twin = ToyTask()
      let losses = try (0..<2).map { index -> Tensor in
        twin.network.seedDropout(StepSeed.seed(0, .dropout, at: index))
        let random = RandomSource(seed: StepSeed.seed(0, .loss, at: index))
        return twin.loss(try twin.batch(at: index, rows: .all(4)), of: 0, using: random).total
      }
      ((losses[0] + losses[1]) / 2).backward()
      let expected = clipGradientNorm(twin.network.parameters(), maximum: 1e9)
      #expect(abs(norm - expected) < 1e-5 * expected)
    }
  }

  @Test func partsAreUpdatedInTurnByTheirOwnLosses() throws {
    try withTemporaryFolder { folder in
      var options = TrainingOptions.tiny
      (options.steps, options.warmUpSteps, options.schedule) = (4, 0, .constant)
      (options.weightDecay, options.checkpointEverySteps) = (0, 2)
      func trainer(_ name: String) throws -> Trainer<DuelTask> {
        try Trainer(
          DuelTask(), options: options, config: Data("{}".utf8),
          folder: folder.appending(path: name))
      }
      let whole = try trainer("whole")
      try whole.run()
      #expect(whole.task.updates == [0, 1, 0, 0, 1, 0])
      #expect(whole.task.otherWasFrozen)
      // Adam steps by the learning rate: the left one falls twice as fast, four times, the right one
      // twice.
      let rate = options.learningRate
      #expect(abs(whole.task.network.left.position.value.item() - (1 - 8 * rate)) < rate / 10)
      #expect(abs(whole.task.network.right.position.value.item() - (1 - 2 * rate)) < rate / 10)
      #expect(!whole.task.network.left.position.isFrozen)
      for fighter in [whole.task.network.left, whole.task.network.right] {
        #expect(fighter.scale.isFrozen, "what the task froze stays frozen")
        #expect(fighter.scale.value.item() == 2)
      }

      let first = try trainer("parts")
      try first.run(shouldStop: { first.state.step == 2 })
      let second = try trainer("parts")
      _ = try second.resume()
      try second.run()
      let name = "checkpoint-00000004"
      #expect(
        try decidedFiles(of: folder.appending(path: "whole/\(name)"))
          == decidedFiles(of: folder.appending(path: "parts/\(name)")))
    }
  }

  @Test func stopsOnRequest() throws {
    try withTemporaryFolder { folder in
      let trainer = try ToyTask.trainer(in: folder)
      try trainer.run(shouldStop: { trainer.state.step == 3 })
      #expect(try trainer.store.latest()?.lastPathComponent == "checkpoint-00000003")
    }
  }

  @Test func stopsAtALossThatIsNotFinite() throws {
    try withTemporaryFolder { folder in
      let trainer = try ToyTask.trainer(in: folder)
      trainer.task.breaksAt = 5
      let text = sentence { try trainer.run() }
      #expect(
        text == "step 6: the loss is not a finite number, so training stopped; lower the learning "
          + "rate; checkpoint-00000004 is kept: run again with --resume.")
      #expect(try trainer.store.latest()?.lastPathComponent == "checkpoint-00000004")
    }
  }

  @Test func trainsInBfloat16() throws {
    try withTemporaryFolder { folder in
      var options = TrainingOptions.tiny
      options.precision = .bfloat16
      func losses(_ precision: TrainingOptions.Precision) throws -> [Double] {
        options.precision = precision
        var losses: [Double] = []
        let trainer = try ToyTask.trainer(
          in: folder.appending(path: precision.rawValue), options: options)
        try trainer.run { losses.append($0.loss) }
        #expect(trainer.task.network.first.weight.value.dtype == .float32)
        return losses
      }
      let (single, half) = (try losses(.float32), try losses(.bfloat16))
      for (a, b) in zip(single, half) {
        #expect(a != b, "a loss of bfloat16 products equals that of float32 ones")
        #expect(abs(a - b) < 0.05 * a, "\(a) and \(b)")
      }
    }
  }

  @Test func resumesBitForBit() throws {
    try withTemporaryFolder { folder in
      let whole = folder.appending(path: "whole"), parts = folder.appending(path: "parts")
      var options = TrainingOptions.tiny
      options.gradientAccumulation = 2
      try ToyTask.trainer(in: whole, options: options).run()
      for stop in [3, 5, 8] {
        let trainer = try ToyTask.trainer(in: parts, options: options)
        _ = try trainer.resume()
        try trainer.run(shouldStop: { trainer.state.step == stop })
      }
      let name = "checkpoint-00000008"
      #expect(
        try decidedFiles(of: whole.appending(path: name))
          == decidedFiles(of: parts.appending(path: name)))
    }
  }

  @Test func refusesToResumeAnotherRun() throws {
    try withTemporaryFolder { folder in
      try ToyTask.trainer(in: folder).run()
      var options = TrainingOptions.tiny
      options.seed = 1
      let seed = sentence { _ = try ToyTask.trainer(in: folder, options: options).resume() }
      #expect(seed.contains("was made with another 'training.seed'"), "\(seed)")
      let other = try Trainer(
        ToyTask(), options: .tiny, config: Data(#"{"model": {"width": 64}}"#.utf8), folder: folder)
      let model = sentence { _ = try other.resume() }
      #expect(model.contains("was made with another 'model'"), "\(model)")
      let shape = sentence { _ = try ToyTask.trainer(in: folder, width: 16).resume() }
      #expect(shape.contains("first.weight"), "\(shape)")
    }
  }

  /// Flips one bit in the middle of a file.
  private func damage(_ file: URL) throws {
    var data = try Data(contentsOf: file)
    data[data.count / 2] ^= 1
    try data.write(to: file)
  }

  @Test(arguments: [
    "model.safetensors", "ema.safetensors", "optimizer.safetensors", "state.json", "config.json",
    "checksums.json",
  ])
  func aDamagedCheckpointIsNamedAndTheOneBeforeTaken(file: String) throws {
    try withTemporaryFolder { folder in
      try ToyTask.trainer(in: folder).run()
      let newest = folder.appending(path: "checkpoint-00000008")
      let expected = try decidedFiles(of: newest)
      try damage(newest.appending(path: file))
      let trainer = try ToyTask.trainer(in: folder)
      let found = try #require(try trainer.resume())
      #expect(found.checkpoint.lastPathComponent == "checkpoint-00000004")
      #expect(found.damage.count == 1)
      #expect("\(found.damage[0])".contains("checkpoint-00000008/"), "\(found.damage)")
      if file != "checksums.json" {
        #expect(
          "\(found.damage[0])".hasSuffix("\(file): is damaged (its checksum has changed)."),
          "\(found.damage)")
      }
      try trainer.run()
      #expect(try decidedFiles(of: newest) == expected)
      #expect(try ToyTask.trainer(in: folder).resume()?.damage == [])
    }
  }

  @Test func aRunWithDamagedCheckpointsSaysWhatIsWrong() throws {
    try withTemporaryFolder { folder in
      try ToyTask.trainer(in: folder).run()
      for step in [4, 8] {
        let checkpoint = folder.appending(path: "checkpoint-0000000\(step)")
        try FileManager.default.removeItem(at: checkpoint.appending(path: "ema.safetensors"))
      }
      let text = sentence { _ = try ToyTask.trainer(in: folder).resume() }
      #expect(text.contains("no checkpoint is sound"), "\(text)")
      #expect(text.contains("checkpoint-00000008/ema.safetensors: cannot be read"), "\(text)")
    }
  }

  @Test func foldersThatOnlyLookLikeCheckpointsAreIgnored() throws {
    try withTemporaryFolder { folder in
      for name in ["checkpoint--5", "checkpoint-99999999", "checkpoint-7", "checkpoint-+0000009"] {
        try FileManager.default.createDirectory(
          at: folder.appending(path: name), withIntermediateDirectories: false)
      }
      for name in ["checkpoint--5", "checkpoint-7"] {
        try Data("mine".utf8).write(to: folder.appending(path: "\(name)/note.txt"))
      }
      #expect(try CheckpointStore(folder: folder, keep: 1).latest() == nil)
      try ToyTask.trainer(in: folder).run()
      let found = try ToyTask.trainer(in: folder).resume()
      #expect(found?.checkpoint.lastPathComponent == "checkpoint-00000008")
      #expect(found?.damage == [])
      #expect(
        FileManager.default.fileExists(atPath: folder.path + "/checkpoint--5/note.txt"))
    }
  }

  @Test func aCheckpointWithoutChecksumsIsRead() throws {
    try withTemporaryFolder { folder in
      try ToyTask.trainer(in: folder).run()
      let checkpoint = folder.appending(path: "checkpoint-00000008")
      let state = checkpoint.appending(path: "state.json")
      try FileManager.default.removeItem(at: checkpoint.appending(path: "checksums.json"))
      let text = try String(contentsOf: state, encoding: .utf8)
      let missing = try ToyTask.trainer(in: folder).resume()
      #expect(missing?.checkpoint.lastPathComponent == "checkpoint-00000004")
      try text.replacing("\"format_version\" : 2", with: "\"format_version\" : 1")
        .write(to: state, atomically: true, encoding: .utf8)
      let found = try ToyTask.trainer(in: folder).resume()
      #expect(found?.checkpoint.lastPathComponent == "checkpoint-00000008")
    }
  }

  /// A run killed between its last checkpoint and the export leaves the earlier model.
  @Test func aStaleModelIsReplacedAsAWholeWhenTheRunIsResumed() throws {
    try withTemporaryFolder { folder in
      try ToyTask.trainer(in: folder).run()
      let model = folder.appending(path: "model")
      let weights = model.appending(path: "toy/model.safetensors")
      let expected = try Data(contentsOf: weights)
      try Data("stale".utf8).write(to: weights)
      try Data("stale".utf8).write(to: model.appending(path: "other.json"))
      let trainer = try ToyTask.trainer(in: folder)
      _ = try trainer.resume()
      try trainer.run()
      #expect(try Data(contentsOf: weights) == expected)
      #expect(try FileManager.default.contentsOfDirectory(atPath: model.path) == ["toy"])
    }
  }

  @Test func hasNothingToResumeInANewFolder() throws {
    try withTemporaryFolder { folder in
      let found = try ToyTask.trainer(in: folder).resume()
      #expect(found == nil)
    }
  }
}
