import Testing

@testable import TorchNN
@testable import UnCLIP

@Suite struct NetworkMemoryTests {
  /// A stage that says when it is released.
  private final class Stage: Releasable {
    let name: String
    let need: NetworkMemory.Need
    private(set) var isLoaded = false
    private let memory: NetworkMemory
    /// How often it was loaded.
    private(set) var loads = 0

    init(_ name: String, _ weights: Int, values: Int = 0, in memory: NetworkMemory) {
      (self.name, self.memory) = (name, memory)
      need = NetworkMemory.Need(weights: weights, step: weights / 2, values: values)
    }

    /// Runs it; what may stay in memory if it had to be loaded.
    @discardableResult
    func run() -> Int? {
      let budget = memory.use(self, need)
      guard !isLoaded else { return nil }
      (isLoaded, loads) = (true, loads + 1)
      return budget?.left
    }

    func release() { isLoaded = false }
  }

  private static let base = NetworkMemory.process

  private func stages(_ residency: UnCLIPPipeline.Residency, values: Int = 0) -> [Stage] {
    let memory = NetworkMemory(residency)
    return [("prior", 40), ("decoder", 35), ("upsampler", 50)].map {
      Stage($0.0, $0.1, values: values, in: memory)
    }
  }

  @Test func withoutALimitAllStay() {
    let stages = stages(.lasting)
    for _ in 0..<3 { for stage in stages { stage.run() } }
    #expect(stages.map(\.loads) == [1, 1, 1])
  }

  @Test func oneAtATimeHasTheWeightsOfAStep() {
    let stages = stages(.oneAtATime)
    for _ in 0..<2 {
      for stage in stages {
        #expect(stage.run() == stage.need.step)
        #expect(stages.filter(\.isLoaded).map(\.name) == [stage.name])
      }
    }
  }

  /// Two of three stay, image after image.
  @Test func theLastUsedGoesFirst() {
    let stages = stages(.within(Self.base + 95))
    for _ in 0..<10 {
      for stage in stages {
        stage.run()
        let loaded = stages.filter(\.isLoaded)
        #expect(loaded.reduce(0) { $0 + $1.need.weights } <= 95)
      }
    }
    // Each image loads one of them or two, not all three.
    #expect(stages.map(\.loads).reduce(0, +) <= 3 + 9 * 2)
  }

  @Test func valuesOfTheStageThatRunsCountToo() {
    let memory = NetworkMemory(.within(Self.base + 100))
    let small = Stage("small", 60, in: memory)
    let busy = Stage("busy", 30, values: 50, in: memory)
    #expect(small.run() == 60)
    #expect(busy.run() == 30)
    #expect(!small.isLoaded, "30 + 60 + 50 are more than 100")
    #expect(small.run() == 60 && busy.isLoaded)
    busy.run()
    #expect(!small.isLoaded)
  }

  @Test func whatDoesNotFitHasWhatIsLeft() {
    let stages = stages(.within(Self.base + 45), values: 5)
    #expect(stages[0].run() == 40)
    #expect(stages[2].run() == 40, "50 are too many")
    #expect(!stages[0].isLoaded)
    #expect(self.stages(.within(1))[0].run() == 0)
  }
}
