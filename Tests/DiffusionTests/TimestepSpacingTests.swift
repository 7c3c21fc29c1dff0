import Config
import Diffusion
import TestSupport
import Testing
import TorchNN

@Suite struct TimestepSpacingTests {
  static let golden = Golden("diffusion/timesteps")

  @Test(arguments: [2, 3, 7, 15, 25, 50, 64, 100, 250, 999, 1000])
  func uniformMatchesDiffusers(_ count: Int) throws {
    let visited = try TimestepSpacing.uniform(count).timesteps(of: 1000)
    #expect(try visited == Self.golden.ints("uniform.\(count)"))
  }

  @Test func halvesRoundToEven() throws {
    #expect(
      try TimestepSpacing.uniform(7).timesteps(of: 1000) == [0, 166, 333, 500, 666, 832, 999])
    #expect(
      try TimestepSpacing.uniform(15).timesteps(of: 1000).reversed()
        == [999, 928, 856, 785, 714, 642, 571, 500, 428, 357, 285, 214, 143, 71, 0])
    #expect(try TimestepSpacing.uniform(1).timesteps(of: 1000) == [999])
    #expect(try TimestepSpacing.uniform(20).timesteps(of: 20) == Array(0..<20))
  }

  @Test(arguments: [7, 10, 50, 300])
  func leadingAndTrailingMatchDiffusers(_ count: Int) throws {
    let leading = try TimestepSpacing.leading(count).timesteps(of: 1000)
    #expect(try leading == Self.golden.ints("leading.\(count)"))
    let trailing = try TimestepSpacing.trailing(count).timesteps(of: 1000)
    #expect(try trailing == Self.golden.ints("trailing.\(count)"))
  }

  @Test(arguments: [7, 100, 500, 1000])
  func everyCountAscendsWithoutRepeats(_ total: Int) throws {
    for count in 1...total where count < 40 || count > total - 40 {
      for spacing in [TimestepSpacing.uniform(count), .leading(count), .trailing(count)] {
        let visited = try spacing.timesteps(of: total)
        #expect(visited.count == count)
        #expect(zip(visited, visited.dropFirst()).allSatisfy { $0 < $1 })
        #expect(visited.allSatisfy { (0..<total).contains($0) })
      }
    }
  }

  @Test func impossibleCountsAreNamed() {
    func text(_ spacing: TimestepSpacing, of total: Int) -> String? {
      #expect(throws: ConfigError.self) { _ = try spacing.timesteps(of: total) }?.description
    }
    let limit = "but it must lie between 1 and 1000, the number of training steps."
    #expect(text(.uniform(1001), of: 1000) == "sampling: 'steps' is 1001, \(limit)")
    #expect(text(.uniform(0), of: 1000) == "sampling: 'steps' is 0, \(limit)")
    #expect(text(.leading(2000), of: 1000) == "sampling: 'steps' is 2000, \(limit)")
    #expect(text(.trailing(-1), of: 1000) == "sampling: 'steps' is -1, \(limit)")
  }
}
