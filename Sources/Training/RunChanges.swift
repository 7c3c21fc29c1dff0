import Config
public import Foundation

/// What differs between the settings and inputs of a checkpoint and those that a run is resumed
/// with, as far as it changes the result.
struct RunChanges {
  /// Keys that leave the result as it is: how often something is written, and how data are fetched.
  /// Threads change rounding alone.
  private static let free: Set<String> = [
    "training.log_every_steps", "training.sample_every_steps", "training.checkpoint_every_steps",
    "training.checkpoint_every_seconds", "training.keep_checkpoints", "training.threads",
    "data.workers", "data.prefetch",
  ]

  /// Each change as a key with both values, sorted by key.
  let lines: [String]

  /// Compares configurations, and fingerprints of inputs where the checkpoint has them.
  init(
    from before: [String: JSONValue], _ inputsBefore: [String: String]?,
    to now: [String: JSONValue], _ inputs: [String: String], schedule: TrainingOptions.Schedule
  ) {
    var free = Self.free
    // The cosine falls over all steps; a constant rate is the same however long the run.
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

  /// The values by the path of keys that leads to them.
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
