import Config
public import Foundation

/// The differences between a checkpoint's settings and inputs and those of the resumed run, as far
/// as they change the result.
struct RunChanges {
  /// Keys that do not change the result: how often something is written, and how data are fetched.
  /// The thread count changes only rounding.
  private static let free: Set<String> = [
    "training.log_every_steps", "training.sample_every_steps", "training.checkpoint_every_steps",
    "training.checkpoint_every_seconds", "training.keep_checkpoints", "training.threads",
    "training.log_samples", "training.shard_optimizer", "data.workers", "data.prefetch",
  ]

  /// Each change as a key with both values, sorted by key.
  let lines: [String]

  /// Compares configurations, and fingerprints of inputs where the checkpoint has them.
  init(
    from before: [String: JSONValue], _ inputsBefore: [String: String]?,
    to now: [String: JSONValue], _ inputs: [String: String], schedule: TrainingOptions.Schedule
  ) {
    var free = Self.free
    // A constant rate does not depend on the number of steps; a cosine does.
    if schedule == .constant { free.insert("training.steps") }
    let (old, new) = (Self.flat(before), Self.flat(now))
    var lines: [String] = []
    for key in Set(old.keys).union(new.keys).sorted()
    where old[key] != new[key] && !free.contains(key) {
      lines.append("\(key) \(old[key]?.text ?? "nothing"), now \(new[key]?.text ?? "nothing")")
    }
    for (name, fingerprint) in inputs.sorted(by: { $0.key < $1.key }) {
      guard let earlier = inputsBefore?[name], earlier != fingerprint else { continue }
      lines.append("the files given with --\(name)")
    }
    self.lines = lines
  }

  /// The values by their key paths.
  private static func flat(_ object: [String: JSONValue], under prefix: String = "")
    -> [String: JSONValue]
  {
    var all: [String: JSONValue] = [:]
    for (key, value) in object {
      if case .object(let inner) = value {
        all.merge(flat(inner, under: prefix + key + ".")) { first, _ in first }
      } else {
        all[prefix + key] = value
      }
    }
    return all
  }
}

/// What a run goes on from.
public struct Resumption: Sendable {
  /// The checkpoint.
  public let checkpoint: URL
  /// What is wrong with newer checkpoints, newest first.
  public let damage: [TrainingError]
  /// What has changed on purpose since the checkpoint, each as a key with both values.
  public let changes: [String]
}
