import Foundation
import Imaging
import Torch
import TorchNN
import Training

/// A small regression with dropout and noise in its loss: everything a resumed run must repeat.
final class ToyTask: TrainingTask {
  final class Network: Module {
    let first: Linear
    let dropout = Dropout(0.2)
    let last: Linear

    init(width: Int, using random: RandomSource) {
      first = Linear(8, width, using: random)
      last = Linear(width, 1, using: random)
    }
  }

  let stage = "toy"
  let network: Network
  var module: any Module { network }
  /// From this batch on, the inputs are not finite.
  var breaksAt = Int.max
  private(set) var exports = 0

  init(width: Int = 32, seed: UInt64 = 0) {
    network = Network(width: width, using: RandomSource(seed: seed))
  }

  func batch(at index: Int, rows: BatchRows) throws -> (x: Tensor, y: Tensor) {
    let random = RandomSource(seed: UInt64(1000 + index), rows: rows)
    let x = random.normal([rows.range.count, 8])
    let y = x.sum(over: 1, keepingDims: true)
    return (index < breaksAt ? x : x / 0, y)
  }

  func loss(_ batch: (x: Tensor, y: Tensor), of part: Int, using random: RandomSource) -> Losses {
    let noisy = batch.x + random.normal(batch.x.shape) * 0.1
    let hidden = network.dropout(network.first(noisy).relu())
    let error = F.mseLoss(network.last(hidden), batch.y)
    return Losses(total: error, parts: ["squared_error": error.detached()])
  }

  func evaluate() throws -> [String: Double] { ["weight": network.last.weight.value.sum().item()] }

  func sample(using random: RandomSource) throws -> Image? {
    Image(width: 2, height: 1, color: [200, 0, 0])
  }

  func export(to folder: URL) throws {
    exports += 1
    let part = folder.appending(path: "toy")
    try FileManager.default.createDirectory(at: part, withIntermediateDirectories: true)
    try Safetensors.write(network.stateDict(), to: part.appending(path: "model.safetensors"))
  }

  /// A trainer of a new task in `folder`.
  static func trainer(
    in folder: URL, options: TrainingOptions = .tiny, width: Int = 32
  ) throws -> Trainer<ToyTask> {
    try Trainer(
      ToyTask(width: width), options: options, config: Data(#"{"model": {"width": 32}}"#.utf8),
      folder: folder)
  }
}

/// The files of a checkpoint that a run decides, by name.
func decidedFiles(of checkpoint: URL) throws -> [String: Data] {
  var files: [String: Data] = [:]
  for name in try FileManager.default.contentsOfDirectory(atPath: checkpoint.path)
  where name.hasSuffix(".safetensors") {
    files[name] = try Data(contentsOf: checkpoint.appending(path: name))
  }
  return files
}

/// Two weights with opposite losses: one is updated at every step, the other at every second. Each
/// has a scale that the task freezes.
final class DuelTask: TrainingTask {
  final class Fighter: Module {
    let position = Parameter([1], filledWith: 1)
    let scale = Parameter([1], filledWith: 2)
  }
  final class Both: Module {
    let left = Fighter()
    let right = Fighter()
  }

  let stage = "duel"
  let network = Both()
  var module: any Module { network }
  var parts: [TrainedPart] {
    [
      TrainedPart(name: "left", module: network.left, rateScale: 2),
      TrainedPart(name: "right", module: network.right, period: 2),
    ]
  }
  /// Parts in the order of their updates.
  private(set) var updates: [Int] = []
  private(set) var otherWasFrozen = true

  init() {
    for scale in [network.left.scale, network.right.scale] {
      scale.value = scale.value.detached()
    }
  }

  func batch(at index: Int, rows: BatchRows) throws -> Tensor { Tensor.ones([1]) }

  func loss(_ batch: Tensor, of part: Int, using random: RandomSource) -> Losses {
    updates.append(part)
    let other = part == 0 ? network.right : network.left
    otherWasFrozen = otherWasFrozen && other.position.isFrozen
    let gap =
      (network.left.position.value - network.right.position.value * network.right.scale.value
        + random.normal([1]))
    return Losses(total: (gap * (part == 0 ? 1 : -1)).sum())
  }

  func export(to folder: URL) throws {}
}
