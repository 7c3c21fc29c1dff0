import Foundation
import TestSupport
import Testing
import Training

@Suite struct CheckpointStoreTests {
  private func state(_ step: Int) -> TrainingState {
    TrainingState(stage: "clip", step: step, seed: 7, images: 4 * step, seconds: 0.5)
  }

  private func write(_ step: Int, to store: CheckpointStore) throws {
    try store.write(state(step), config: Data("{}".utf8)) { folder in
      try Data("weights \(step)".utf8).write(to: folder.appending(path: "model.safetensors"))
    }
  }

  @Test func keepsTheNewestAndReadsTheirState() throws {
    try withTemporaryFolder { folder in
      let store = CheckpointStore(folder: folder.appending(path: "run"), keep: 2)
      #expect(try store.latest() == nil)
      try store.prepare()
      for step in [1, 20, 300] { try write(step, to: store) }
      #expect(
        try store.checkpoints().map(\.lastPathComponent)
          == ["checkpoint-00000020", "checkpoint-00000300"])
      let latest = try #require(try store.latest())
      #expect(try store.state(of: latest) == state(300))
    }
  }

  @Test func writesTheSameStepAgain() throws {
    try withTemporaryFolder { folder in
      let store = CheckpointStore(folder: folder, keep: 1)
      for _ in 0..<2 { try write(5, to: store) }
      #expect(try store.checkpoints().count == 1)
    }
  }

  @Test func ignoresAndRemovesIncompleteCheckpoints() throws {
    try withTemporaryFolder { folder in
      let store = CheckpointStore(folder: folder, keep: 2)
      try write(5, to: store)
      let partial = folder.appending(path: ".checkpoint-00000006.partial")
      try FileManager.default.createDirectory(at: partial, withIntermediateDirectories: true)
      try Data("half".utf8).write(to: partial.appending(path: "model.safetensors"))
      #expect(try store.latest()?.lastPathComponent == "checkpoint-00000005")
      try store.prepare()
      #expect(!FileManager.default.fileExists(atPath: partial.path))
      #expect(try store.checkpoints().count == 1)
    }
  }

  @Test func losesNothingWhenWritingFails() throws {
    try withTemporaryFolder { folder in
      let store = CheckpointStore(folder: folder, keep: 1)
      try write(5, to: store)
      let text = sentence {
        try store.write(state(6), config: Data()) { partial in
          try Data("half".utf8).write(to: partial.appending(path: "model.safetensors"))
          throw POSIXError(.ENOSPC)
        }
      }
      #expect(
        text.hasSuffix(
          "checkpoint-00000006: the checkpoint cannot be written (the disk is full); make "
            + "room; checkpoint-00000005 is kept: run again with --resume."), "\(text)")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
          == ["checkpoint-00000005"])
    }
  }

  @Test func refusesAnotherFormatAndDamage() throws {
    try withTemporaryFolder { folder in
      let store = CheckpointStore(folder: folder, keep: 1)
      try write(5, to: store)
      let checkpoint = try #require(try store.latest())
      let file = checkpoint.appending(path: "state.json")
      try Data(#"{"format_version": 99}"#.utf8).write(to: file)
      let other = sentence { _ = try store.state(of: checkpoint) }
      #expect(other.contains("is of checkpoint format 99"), "\(other)")
      try Data("[".utf8).write(to: file)
      let damaged = sentence { _ = try store.state(of: checkpoint) }
      #expect(damaged.contains("cannot be read"), "\(damaged)")
      try FileManager.default.removeItem(at: file)
      let missing = sentence { _ = try store.state(of: checkpoint) }
      #expect(missing.contains("state.json: cannot be read"), "\(missing)")
    }
  }

  @Test func reportsAFolderThatCannotBeMade() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "file")
      try Data().write(to: file)
      let store = CheckpointStore(folder: file.appending(path: "run"), keep: 1)
      let text = sentence { try store.prepare() }
      #expect(text.contains("choose a folder you may write to"), "\(text)")
    }
  }
}
