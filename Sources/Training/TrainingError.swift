public import Foundation

/// Why a training run cannot start or go on; each case reads as one sentence a user can act on.
public enum TrainingError: LocalizedError, Sendable, Equatable, CustomStringConvertible {
  /// A checkpoint could not be written; `kept` names the newest complete one.
  case checkpointNotWritten(path: String, reason: String, kept: String?)
  /// A file of the run could not be written.
  case notWritten(path: String, reason: String)
  /// A file of a run or checkpoint could not be read.
  case notRead(path: String, reason: String)
  /// The output folder already holds a run and resuming was not asked for.
  case alreadyStarted(folder: String, checkpoint: String)
  /// Another process trains into the output folder; `owner` says which and where, if that is known.
  case busy(folder: String, owner: String?)
  /// A checkpoint of another format.
  case wrongFormat(path: String, found: Int, expected: Int)
  /// A file of a checkpoint has changed since it was written.
  case damaged(path: String, reason: String)
  /// All checkpoints of a run are damaged; `newest` says what is wrong with the newest.
  case noSoundCheckpoint(folder: String, newest: String)
  /// The checkpoint was made with another model or seed.
  case differentRun(path: String, key: String)
  /// The checkpoint was made with other settings or inputs, which `--allow-changes` permits; each
  /// change is a key with both values.
  case changed(path: String, changes: [String])
  /// The checkpoint is beyond the last step of the configuration.
  case beyondLastStep(path: String, step: Int, of: Int)
  /// The loss or the gradient is not a finite number.
  case notFinite(what: String, step: Int, kept: String?)
  /// A stage needs a part of the model that is not there.
  case missingPart(folder: String?, part: String, stage: String)
  /// The run was asked to end before its last step; `kept` names its newest checkpoint.
  case stopped(step: Int, of: Int, kept: String?)
  /// A process of several has died, or has given no sign of life for `seconds`; `kept` names the run's
  /// newest checkpoint.
  case lostProcess(rank: Int, of: Int, host: String, seconds: Int?, kept: String?)

  /// The same sentence, for `localizedDescription`.
  public var errorDescription: String? { description }

  /// One sentence: what, where, what to do.
  public var description: String {
    func kept(_ name: String?) -> String {
      name.map { "\($0) is kept: run again with --resume" } ?? "no checkpoint was written before"
    }
    switch self {
    case .checkpointNotWritten(let path, let reason, let last):
      return "\(path): the checkpoint cannot be written (\(reason)); make room; \(kept(last))."
    case .notWritten(let path, let reason):
      return "\(path): cannot be written (\(reason)); choose a folder you may write to."
    case .notRead(let path, let reason):
      return "\(path): cannot be read (\(reason))."
    case .alreadyStarted(let folder, let checkpoint):
      return
        "\(folder): holds a run already (\(checkpoint)); add --resume to go on with it, or "
        + "choose another --out."
    case .busy(let folder, let owner):
      return
        "\(folder): another process is training into it\(owner.map { " (\($0))" } ?? ""); wait for "
        + "its end, or choose another --out."
    case .wrongFormat(let path, let found, let expected):
      return
        "\(path): is of checkpoint format \(found), but this program reads format \(expected); "
        + "use the version that wrote it."
    case .differentRun(let path, let key):
      return
        "\(path): was made with another '\(key)' than the configuration has; resume with the "
        + "same configuration, or choose another --out."
    case .damaged(let path, let reason):
      return "\(path): is damaged (\(reason))."
    case .noSoundCheckpoint(let folder, let newest):
      return
        "\(folder): no checkpoint is sound, so the run cannot go on; restore one, or choose "
        + "another --out. The newest: \(newest)"
    case .changed(let path, let changes):
      return
        "\(path): was made with other values than are given now: "
        + "\(changes.joined(separator: ", ")); give the same values, add --allow-changes to go on "
        + "with the new ones, or choose another --out."
    case .beyondLastStep(let path, let step, let count):
      return
        "\(path): is at step \(step), beyond the \(count) steps of the configuration; raise "
        + "training.steps, or choose another --out."
    case .notFinite(let what, let step, let last):
      return
        "step \(step): the \(what) is not a finite number, so training stopped; lower the "
        + "learning rate; \(kept(last))."
    case .missingPart(let folder, let part, let stage):
      return
        "\(folder ?? "no model folder"): training the \(stage) needs the part '\(part)'; name a "
        + "model folder that has it with --model."
    case .stopped(let step, let count, let last):
      return "stopped as asked after step \(step) of \(count); \(kept(last))."
    case .lostProcess(let rank, let count, let host, let seconds, let last):
      let what = seconds.map { "has given no sign of life for \($0) s" } ?? "has died"
      return
        "process \(rank) of \(count), on \(host), \(what), so the run ends; \(kept(last))"
        + "\(last == nil ? "" : ", with as many processes as you like")."
    }
  }
}
