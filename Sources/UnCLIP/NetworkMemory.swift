import CLIP
import Torch
import TorchNN

/// Something that can be taken out of memory and loaded again.
protocol Releasable: AnyObject {
  func release()
}

/// Which networks are in memory: decides what is released when another one is used.
///
/// The networks of a pipeline run in turn, image after image, so the one that ran last is needed
/// last again: it is the first to go.
package final class NetworkMemory {
  /// What a network needs, bytes.
  struct Need {
    /// Its weights.
    var weights: Int
    /// Of these, the weights that one step uses.
    var step: Int
    /// The values of a step beside the weights. An estimate.
    var values: Int
  }

  private struct Resident {
    let stage: any Releasable
    let bytes: Int
  }

  private let residency: UnCLIPPipeline.Residency
  /// The networks in memory, by their last use.
  private var residents: [Resident] = []

  /// Memory of a process beside networks and their values, bytes: LibTorch, a layer on its way from
  /// the file, and what the allocator keeps. Measured with Karlo, rounded up.
  package static let process = 600_000_000

  init(_ residency: UnCLIPPipeline.Residency) { self.residency = residency }

  /// Makes room for a stage that is about to run.
  ///
  /// - Returns: How much of its weights may stay in memory if it is loaded now; nil for all.
  func use(_ stage: any Releasable, _ need: Need) -> WeightBudget? {
    let known = residents.firstIndex { $0.stage === stage }.map { residents.remove(at: $0) }
    switch residency {
    case .lasting: return nil
    case .oneAtATime:
      while let last = residents.popLast() { last.stage.release() }
      residents = [Resident(stage: stage, bytes: need.weights)]
      return WeightBudget(need.step)
    case .within(let limit):
      let room = max(0, limit - Self.process - need.values)
      while residents.reduce(known?.bytes ?? need.weights, { $0 + $1.bytes }) > room,
        let last = residents.popLast()
      {
        last.stage.release()
      }
      let left = max(0, room - residents.reduce(0) { $0 + $1.bytes })
      let own = known?.bytes ?? min(need.weights, left)
      residents.append(Resident(stage: stage, bytes: own))
      return WeightBudget(own)
    }
  }

  /// Forgets a stage that was released.
  func forget(_ stage: any Releasable) { residents.removeAll { $0.stage === stage } }
}

/// The text encoder as one of the networks that share the memory.
///
/// It stays open, since prompts are read and counted by it: only its packed weights are released,
/// and packed again at its next use.
final class TextWeights: Releasable {
  private let model: CLIPTextModelWithProjection
  private let need: NetworkMemory.Need
  private let memory: NetworkMemory

  init(_ model: CLIPTextModelWithProjection, of dtype: DType, in memory: NetworkMemory) {
    (self.model, self.memory) = (model, memory)
    need = StageNetworks([model], values: model.config.cost.alive).need(of: dtype)
  }

  /// Makes room for it.
  func use() { _ = memory.use(self, need) }

  func release() { model.releasePackedWeights() }
}

/// The networks of a stage.
struct StageNetworks {
  /// Those of which each step uses all.
  let step: [any Module]
  /// Those of other steps.
  let others: [any Module]
  /// Elements that a step has beside the weights. An estimate.
  let values: Double

  init(_ step: [(any Module)?], others: [(any Module)?] = [], values: Double) {
    self.step = step.compactMap { $0 }
    self.others = others.compactMap { $0 }
    self.values = values
  }

  var all: [any Module] { step + others }

  /// What they need with elements of a type.
  func need(of dtype: DType) -> NetworkMemory.Need {
    func bytes(_ modules: [any Module]) -> Int {
      modules.reduce(0) { $0 + $1.parameterCount } * dtype.size
    }
    return NetworkMemory.Need(
      weights: bytes(all), step: bytes(step), values: Int(values) * dtype.size)
  }
}
