import Foundation
import TestSupport
import Testing
import Torch

/// Runs that lose a process, and go on with another number of them.
@Suite(
  .serialized,
  .enabled(if: Launcher.isThere && Launcher.hasMPI, "there is no mpirun, or no MPI in the build"))
struct ElasticTrainingTests {
  private let folder: TemporaryFolder
  private static let configs = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Configs")
  /// Images of the data set, which are three batches.
  private static let count = 24

  init() throws {
    folder = try TemporaryFolder()
    try writeDataSet(to: folder.file("data"), count: Self.count)
  }

  /// A run whose steps do not depend on how many there are.
  private func arguments(steps: Int, out: String) -> String {
    let sets = [
      "training.steps=\(steps)", "training.batch_size=8", "training.epsilon=1e-4",
      "training.learning_rate=1e-3", "training.warm_up_steps=0", "training.threads=1",
      "training.schedule=constant", "training.sample_every_steps=0", "training.log_every_steps=10",
      "training.checkpoint_every_steps=20", "training.checkpoint_every_seconds=0",
      "training.log_samples=true", "data.workers=0", "data.held_out_fraction=0",
      "model.image_size=16", "model.widths=[4,8]", "objective.evaluation_count=4",
    ]
    return
      "train ae --config \(Self.configs.path)/fashion-ae.yaml --data \(folder.path("data"))"
      + sets.map { " --set \($0)" }.joined() + " --out \(folder.path(out))"
  }

  /// Starts two processes of a long run, and sends a signal to one of them after the first
  /// checkpoint.
  private func interrupted(_ out: String, rank: Int, by signal: String, _ more: String = "") throws
    -> BuiltCommand.Outcome
  {
    let path = folder.path(out)
    return try BuiltCommand.shell(
      """
      \(Launcher.environment)
      # Time to say which process was killed, before mpirun kills the others.
      export OMPI_MCA_odls_base_sigkill_timeout=5
      mpirun -np 2 sh -c 'echo $$ >\(path)-${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
        exec "$0" \(arguments(steps: 100_000, out: out))\(more)' "$0" &
      for i in $(seq 3000); do ls -d \(path)/checkpoint-* >/dev/null 2>&1 && break; sleep 0.1; done
      kill -\(signal) $(cat \(path)-\(rank))
      start=$(date +%s)
      wait $!
      status=$?
      echo "took $(($(date +%s) - start))"
      exit $status
      """)
  }

  private func newest(_ out: String) throws -> (checkpoint: String, step: Int) {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(out))
    let name = try #require(names.filter { $0.hasPrefix("checkpoint-") }.max())
    return (name, try #require(Int(name.replacing("checkpoint-", with: ""))))
  }

  private func weights(_ out: String) throws -> [(name: String, value: Tensor)] {
    let last = folder.file(out).appending(path: try newest(out).checkpoint)
    return try Safetensors.read(last.appending(path: "model.safetensors"))
      .tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private func train(_ count: Int, steps: Int, _ out: String, _ more: String = "") throws {
    let run = try Launcher.run(count, arguments(steps: steps, out: out) + more)
    #expect(run.status == 0, "\(run.errors)")
  }

  /// The keys of each step that counts.
  private func samples(_ out: String) throws -> [[String]] {
    struct Line: Decodable {
      var step: Int
      var samples: [String]
    }
    let lines = try String(contentsOf: folder.file("\(out)/samples.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    #expect(lines.map(\.step) == Array(1...lines.count))
    return lines.map(\.samples)
  }

  /// Two processes, one of which is killed, then one, then three learn what one learns in a go, from
  /// the same images: in each pass over the data every image once.
  @Test func aKilledRunGoesOnWithAnotherNumberAtTheSameSample() throws {
    let killed = try interrupted("many", rank: 1, by: "KILL")
    #expect(killed.status != 0)
    let sentences = Launcher.sentences(killed)
    #expect(sentences.count == 1, "\(killed.errors)")
    let (checkpoint, step) = try newest("many")
    for part in ["process 1 of 2, on ", "has died", "\(checkpoint) is kept", "--resume"] {
      #expect(sentences.first?.contains(part) == true, "\(killed.errors)")
    }
    try train(1, steps: step + 10, "many", " --resume")
    try train(3, steps: step + 30, "many", " --resume")
    try train(1, steps: step + 30, "one")
    for (one, other) in zip(try weights("one"), try weights("many")) {
      #expect(one.name == other.name)
      expectClose(one.value, other.value, .network(.float32), one.name)
    }
    let shown = try samples("many")
    #expect(shown.count == step + 30)
    #expect(try samples("one") == shown)
    let all = shown.flatMap(\.self)
    for start in stride(from: 0, through: all.count - Self.count, by: Self.count) {
      #expect(Set(all[start..<start + Self.count]).count == Self.count)
    }
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path("many"))
    #expect(names.allSatisfy { !$0.hasPrefix(".ranks-") })
  }

  /// MPI waits for a process that hangs as long as it hangs.
  @Test(arguments: [0, 1]) func aProcessThatHangsEndsTheRun(rank: Int) throws {
    let stopped = try interrupted("hung", rank: rank, by: "STOP", " --rank-timeout 5")
    #expect(stopped.status != 0)
    let seconds = try #require(stopped.output.firstMatch(of: /took (\d+)/)?.1)
    #expect(try #require(Int(seconds)) < 30)
    let sentences = Launcher.sentences(stopped)
    #expect(sentences.count == 1, "\(stopped.errors)")
    let checkpoint = try newest("hung").checkpoint
    for part in ["process \(rank) of 2, on ", "no sign of life for 5 s", "\(checkpoint) is kept"] {
      #expect(sentences.first?.contains(part) == true, "\(stopped.errors)")
    }
  }

  @Test func aRefusedLockNamesItsOwner() throws {
    let out = folder.path("locked")
    let first = " --set training.checkpoint_every_steps=0"
    let run = try BuiltCommand.shell(
      """
      "$0" \(arguments(steps: 100_000, out: "locked"))\(first) & pid=$!
      for i in $(seq 3000); do [ -s \(out)/.lock ] && break; sleep 0.1; done
      "$0" \(arguments(steps: 1, out: "locked")) 2>\(out).errors
      echo "status $? of $pid"
      kill -9 $pid
      """)
    let pid = try #require(run.output.firstMatch(of: /status 73 of (\d+)/)?.1)
    let errors = try String(contentsOfFile: out + ".errors", encoding: .utf8)
    #expect(errors.contains("training into it (process \(pid) on "), "\(errors)")
    // The lock of a dead process is nobody's.
    try train(1, steps: 1, "locked", " --resume")
  }
}
