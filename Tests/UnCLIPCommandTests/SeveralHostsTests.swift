import Foundation
import TestSupport
import Testing
import Torch

/// Machines that are network namespaces of this one, joined by a virtual cable.
private struct Hosts {
  /// Why there can be none here; nil if there can.
  static let obstacle: String? = {
    let trial = "unclip-trial-\(getpid())"
    let run = try? BuiltCommand.shell(
      "ip netns add \(trial) && ip netns exec \(trial) unshare --uts true; ip netns del \(trial)")
    return run?.status == 0 ? nil : "network namespaces need root and Debian's iproute2"
  }()

  /// Runs a shell script in two processes on each of two hosts.
  ///
  /// - Parameters:
  ///   - script: What each process runs.
  ///   - folder: Where the files lie that start it.
  static func run(_ script: String, in folder: TemporaryFolder) throws -> BuiltCommand.Outcome {
    let hosts = "unclip-\(getpid())"
    let subnet = "10.77.0"
    func write(_ name: String, _ text: String) throws -> String {
      let file = folder.file(name)
      try Data(text.utf8).write(to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
      return file.path
    }
    let process = try write("process", script)
    // Open MPI's way to another machine, ssh if not said, here enters the namespace.
    let agent = try write(
      "agent",
      """
      #!/bin/sh
      case $1 in \(subnet).1) host=a ;; *) host=b ;; esac
      shift
      exec ip netns exec \(hosts)-$host unshare --uts sh -c "hostname host-$host; $*"
      """)
    let list = try write("hosts", "\(subnet).1 slots=2\n\(subnet).2 slots=2\n")
    let start = try write(
      "start",
      """
      \(Launcher.environment)
      exec mpirun --hostfile \(list) --mca plm_rsh_agent \(agent) --mca btl tcp,self \
        --mca btl_tcp_if_include \(subnet).0/24 --mca oob_tcp_if_include \(subnet).0/24 \
        -np 4 sh \(process)
      """)
    return try BuiltCommand.shell(
      """
      trap 'ip netns del \(hosts)-a; ip netns del \(hosts)-b' EXIT
      set -e
      for host in a b; do
        ip netns add \(hosts)-$host
        ip -n \(hosts)-$host link set lo up
      done
      ip link add cable netns \(hosts)-a type veth peer name cable netns \(hosts)-b
      ip -n \(hosts)-a addr add \(subnet).1/24 dev cable
      ip -n \(hosts)-b addr add \(subnet).2/24 dev cable
      for host in a b; do ip -n \(hosts)-$host link set cable up; done
      \(agent) \(subnet).1 sh \(start)
      """)
  }
}

/// `unclip train` by processes of two hosts that only a network joins.
@Suite(
  .serialized,
  .enabled(
    if: Launcher.isThere && Launcher.hasMPI,
    "mpirun was not found, or the built command has no MPI"),
  .enabled(if: Hosts.obstacle == nil, Comment(rawValue: Hosts.obstacle ?? "")))
struct SeveralHostsTests {
  @Test func twoHostsLearnWhatOneProcessLearns() throws {
    let folder = try TemporaryFolder()
    try writeDataSet(to: folder.file("data"), count: 24)
    let sets = [
      "training.steps=12", "training.batch_size=8", "training.epsilon=1e-4",
      "training.learning_rate=1e-3", "training.warm_up_steps=0", "training.threads=1",
      "training.sample_every_steps=0", "training.checkpoint_every_steps=0",
      "training.checkpoint_every_seconds=0", "training.shard_optimizer=true", "data.workers=0",
      "data.held_out_fraction=0", "model.image_size=16", "model.widths=[4,8]",
      "objective.evaluation_count=4",
    ]
    let config = TrainingFile.folder.appending(path: "fashion-ae.yaml").path
    let arguments =
      "train ae --config \(config) --data \(folder.path("data"))"
      + sets.map { " --set \($0)" }.joined()
    let alone = try Launcher.run(1, arguments + " --out \(folder.path("one"))")
    #expect(alone.status == 0, "\(alone.errors)")
    let names = folder.path("names")
    let run = try Hosts.run(
      "hostname >>\(names); exec \(BuiltCommand.url.path) \(arguments) --out \(folder.path("two"))",
      in: folder)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.contains("4 processes share each batch of 8"), "\(run.errors)")
    let hosts = try String(contentsOf: folder.file("names"), encoding: .utf8)
    #expect(hosts.split(separator: "\n").sorted() == ["host-a", "host-a", "host-b", "host-b"])
    let one = try Launcher.lastCheckpoint(of: folder.file("one"), "model")
    let two = try Launcher.lastCheckpoint(of: folder.file("two"), "model")
    #expect(one.map(\.0) == two.map(\.0) && !one.isEmpty)
    for (a, b) in zip(one, two) { expectClose(b.1, a.1, .network(.float32), a.0) }
  }
}
