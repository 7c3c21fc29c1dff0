import Foundation
import TestSupport
import Testing
import Torch

/// MPI's launcher and the built command.
enum Launcher {
  static let isThere = (try? BuiltCommand.shell("command -v mpirun"))?.status == 0
  /// Whether the built command has MPI.
  static let hasMPI =
    (try? run(2, "train clip --config no --data no --out no"))
    .map { !$0.errors.contains("this build has no MPI") } ?? false

  /// The errors that processes of a run have printed.
  static func sentences(_ run: BuiltCommand.Outcome) -> [Substring] {
    run.errorLines.filter { $0.hasPrefix("unclip: ") && !$0.hasPrefix("unclip: warning: ") }
  }

  /// The tensors of a file of a run's last checkpoint, by key.
  static func lastCheckpoint(of run: URL, _ file: String) throws -> [(String, Tensor)] {
    let names = try FileManager.default.contentsOfDirectory(atPath: run.path)
    let last = try #require(names.filter { $0.hasPrefix("checkpoint-") }.max())
    return try Safetensors.read(run.appending(path: "\(last)/\(file).safetensors"))
      .tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// What lets Open MPI start more processes than there are cores, as root too.
  static let environment = """
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
    """

  /// Runs the command in `count` processes, on fewer cores if need be. `$RANK` is the process's
  /// number.
  static func run(_ count: Int, _ arguments: String) throws -> BuiltCommand.Outcome {
    let command = "RANK=${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}; exec \"$0\" \(arguments)"
    if count == 1 { return try BuiltCommand.shell(command) }
    return try BuiltCommand.shell(
      """
      \(environment)
      exec mpirun -np \(count) sh -c '\(command)' "$0"
      """)
  }
}

/// `mpirun -np N unclip train`, beside one process.
///
/// Without mpirun there is nothing to test; a build without MPI must refuse to be one of several.
@Suite(
  .serialized,
  .enabled(if: Launcher.isThere, "mpirun was not found: install openmpi-bin"))
struct SharedTrainingTests {
  private let folder: TemporaryFolder
  private static let configs = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Configs")

  init() throws {
    folder = try TemporaryFolder()
    try writeDataSet(to: folder.file("data"), count: 24)
  }

  /// The arguments of a short run whose loss is of 8 images. Adam's epsilon is above the rounding of
  /// gradients, which it would else turn into steps as large as any.
  private func training(_ stage: String, _ config: String, steps: Int) -> String {
    let sets = [
      "training.steps=\(steps)", "training.batch_size=8", "training.epsilon=1e-4",
      "training.learning_rate=1e-3", "training.warm_up_steps=0", "training.threads=1",
      "training.sample_every_steps=0", "training.log_every_steps=10",
      "training.checkpoint_every_steps=0", "training.checkpoint_every_seconds=0",
      "data.workers=0", "data.held_out_fraction=0",
    ]
    return
      "train \(stage) --config \(Self.configs.path)/\(config).yaml --data \(folder.path("data"))"
      + sets.map { " --set \($0)" }.joined()
  }

  private static let classic =
    " --set model.image_size=16 --set model.widths=[4,8] --set objective.evaluation_count=4"

  private func weights(_ run: String) throws -> [(String, Tensor)] {
    try Launcher.lastCheckpoint(of: folder.file(run), "model")
  }

  private func trained(_ count: Int, _ arguments: String, out: String) throws -> [(String, Tensor)]
  {
    let run = try Launcher.run(count, arguments + " --out \(folder.path(out))")
    #expect(run.status == 0, "\(out): \(run.errors)")
    let done = run.errorLines.filter { $0.contains("; the model is in ") }
    #expect(done.count == 1, "\(run.errors)")
    return try weights(out)
  }

  private func expectAgreement(
    _ a: [(String, Tensor)], _ b: [(String, Tensor)], _ tolerance: Tolerance
  ) {
    #expect(a.map(\.0) == b.map(\.0))
    for (one, other) in zip(a, b) { expectClose(one.1, other.1, tolerance, one.0) }
  }

  private func tokenizer() throws -> String {
    let run = try Launcher.run(
      1,
      "train tokenizer --config \(Self.configs.path)/tiny-tokenizer.yaml --data "
        + "\(folder.path("data")) --out \(folder.path("tokenizer"))")
    #expect(run.status == 0, "\(run.errors)")
    let words = try Data(contentsOf: folder.file("tokenizer/model/tokenizer/vocab.json"))
    let count = try JSONDecoder().decode([String: Int].self, from: words).count
    return " --model \(folder.path("tokenizer")) --set model.text.vocab_size=\(count)"
  }

  @Test func wrongArgumentsAreReportedOnce() throws {
    let run = try Launcher.run(3, "train nothing --config no --data no --out no")
    #expect(run.status == 64 && Launcher.sentences(run).count == 1, "\(run.errors)")
  }

  @Test(.enabled(if: !Launcher.hasMPI)) func aBuildWithoutMPIRefusesToBeOneOfSeveral() throws {
    let run = try Launcher.run(
      2, training("ae", "fashion-ae", steps: 1) + " --out \(folder.path("no"))")
    #expect(run.status == 69, "\(run.errors)")
    let sentences = Launcher.sentences(run)
    #expect(sentences.count == 1 && sentences[0].contains("process 0 of 2"), "\(run.errors)")
    #expect(sentences[0].contains("make build MPI=1"))
    #expect(!FileManager.default.fileExists(atPath: folder.path("no")))
  }

  /// CLIP compares with the captions of all processes; a step has two batches.
  @Test(.enabled(if: Launcher.hasMPI)) func clipLearnsTheSameByOneTwoAndFour() throws {
    let arguments =
      training("clip", "tiny-clip", steps: 50) + " --set training.gradient_accumulation=2"
      + (try tokenizer())
    let alone = try trained(1, arguments, out: "one")
    let two = try trained(2, arguments, out: "two")
    expectAgreement(two, alone, .network(.float32))
    expectAgreement(try trained(4, arguments, out: "four"), alone, .network(.float32))
    expectAgreement(try trained(2, arguments, out: "again"), two, .exact)
    let logs = try ["one", "two"].map { run in
      try String(contentsOf: folder.file("\(run)/log.jsonl"), encoding: .utf8)
        .split(separator: "\n").count
    }
    #expect(logs == [5, 5])
    // The prior reads the embeddings that the first process keeps.
    let prior =
      training("prior", "tiny-prior", steps: 12) + " --model \(folder.path("one"))"
      + " --set model.transformer.dropout=0.1"
    expectAgreement(
      try trained(3, prior, out: "prior-3"), try trained(1, prior, out: "prior-1"),
      .network(.float32))
  }

  /// Each process keeps the moments of its share. Checkpoints are the same, so that runs of either kind go
  /// on from each other, by any number of processes.
  @Test(.enabled(if: Launcher.hasMPI)) func theOptimizersStateMayBeDivided() throws {
    let arguments = training("ae", "fashion-ae", steps: 20) + Self.classic
    let divided = arguments + " --set training.shard_optimizer=true"
    let alone = try trained(1, arguments, out: "one")
    expectAgreement(try trained(3, divided, out: "three"), alone, .network(.float32))
    let (states, state) = (
      try Launcher.lastCheckpoint(of: folder.file("three"), "optimizer"),
      try Launcher.lastCheckpoint(of: folder.file("one"), "optimizer")
    )
    expectAgreement(states, state, .network(.float32))
    let hidden = try FileManager.default.contentsOfDirectory(atPath: folder.path("three"))
      .filter { $0.hasSuffix(".partial") }
    #expect(hidden == [])

    let half = " --set training.steps=10 --set training.schedule=constant"
    let whole = " --set training.schedule=constant --resume"
    let straight = try trained(
      1, arguments + " --set training.schedule=constant", out: "straight")
    for (first, second) in [(divided, arguments), (arguments, divided)] {
      _ = try trained(2, first + half, out: "parts")
      expectAgreement(
        try trained(4, second + whole, out: "parts"), straight, .network(.float32))
      try FileManager.default.removeItem(at: folder.file("parts"))
    }
    let run = try Launcher.run(2, divided + " --out \(folder.path("said"))")
    #expect(run.errors.contains("keeps its share of the optimiser's state"), "\(run.errors)")
  }

  /// Batch norms and codebooks see the whole batch, and each image is made worse by its own seed.
  @Test(
    .enabled(if: Launcher.hasMPI),
    arguments: [
      ("gan", "fashion-gan", classic + " --set model.latent_dim=6"),
      ("vae", "fashion-vae", classic + " --set model.latent_dim=6 --set model.free_bits=0.1"),
      (
        "vqvae", "fashion-vqvae",
        classic + " --set model.residual_width=4 --set model.quantizer.codebook_size=8"
          + " --set model.quantizer.code_dim=4 --set model.quantizer.restart_after=3"
      ), ("upsampler", "tiny-upsampler", " --set objective.degradation=bsr_full"),
    ]) func othersLearnTheSameByOneAndThree(stage: String, config: String, more: String) throws
  {
    let arguments = training(stage, config, steps: 12) + more
    expectAgreement(
      try trained(3, arguments, out: "three"), try trained(1, arguments, out: "one"),
      // The gradient of a bias before a batch norm is nothing but rounding.
      stage == "gan" ? Tolerance(1e-3) : .network(.float32))
  }

  @Test(.enabled(if: Launcher.hasMPI)) func whatTheProcessesCannotShareEndsAllWithOneSentence()
    throws
  {
    let arguments = training("ae", "fashion-ae", steps: 4) + Self.classic
    for (more, count, parts) in [
      (" --set training.seed=$RANK", 2, ["the configuration of process 1", "process 0"]),
      ("", 9, ["9 processes cannot share a batch of 8"]),
      (" --data \(folder.path("data"))-$RANK", 2, ["there is no such"]),
    ] {
      let run = try Launcher.run(count, arguments + more + " --out \(folder.path("no"))")
      #expect(run.status != 0)
      let sentences = Launcher.sentences(run)
      #expect(sentences.count == 1, "\(run.errors)")
      for part in parts { #expect(sentences.first?.contains(part) == true, "\(run.errors)") }
    }
    let one = folder.path("data") + "-0"
    try FileManager.default.copyItem(atPath: folder.path("data"), toPath: one)
    let run = try Launcher.run(
      2, arguments + " --data \(folder.path("data"))-$RANK --out \(folder.path("no"))")
    let sentences = Launcher.sentences(run)
    #expect(sentences.count == 1, "\(run.errors)")
    #expect(sentences.first?.hasPrefix("unclip: process 1: ") == true, "\(run.errors)")
  }

  @Test(.enabled(if: Launcher.hasMPI)) func aKilledProcessEndsTheRunAndOneGoesOn() throws {
    let out = folder.path("killed")
    let arguments =
      training("ae", "fashion-ae", steps: 100_000) + Self.classic
      + " --set training.schedule=constant --set training.checkpoint_every_steps=5 --out \(out)"
    let script = """
      \(Launcher.environment)
      mpirun -np 2 sh -c 'echo $$ >\(out)-${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
        exec "$0" \(arguments)' "$0" &
      for i in $(seq 600); do ls \(out)/checkpoint-* >/dev/null 2>&1 && break; sleep 0.1; done
      kill -9 $(cat \(out)-1)
      start=$(date +%s)
      wait $!
      status=$?
      echo "took $(($(date +%s) - start))"
      exit $status
      """
    let run = try BuiltCommand.shell(script)
    #expect(run.status != 0)
    let seconds = try #require(run.output.firstMatch(of: /took (\d+)/)?.1)
    #expect(try #require(Int(seconds)) < 30)
    #expect(run.errors.contains("rank 1"), "\(run.errors)")
    // mpirun leaves the other a second to say it too.
    let sentences = Launcher.sentences(run)
    #expect(sentences.count <= 1, "\(run.errors)")
    #expect(sentences.allSatisfy { $0.contains("process 1 of 2, on ") }, "\(run.errors)")
    let names = try FileManager.default.contentsOfDirectory(atPath: out)
    let steps = names.compactMap { Int($0.replacing("checkpoint-", with: "")) }
    let step = try #require(steps.max())
    let more = try Launcher.run(1, arguments + " --set training.steps=\(step + 2) --resume")
    #expect(more.status == 0, "\(more.errors)")
    #expect(more.errors.contains("at step \(step)"))
  }
}
