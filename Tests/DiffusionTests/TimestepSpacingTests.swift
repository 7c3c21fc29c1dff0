import Config
import Diffusion
import TestSupport
import Testing
import TorchNN

@Suite struct TimestepSpacingTests {
  static let golden = Golden("diffusion/timesteps")

  @Test(arguments: [2, 3, 7, 15, 25, 50, 64, 100, 250, 999, 1000])
  func uniformMatchesThePeer(_ count: Int) throws {
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

  @Test(arguments: [1, 25, 50, 100, 250])
  func strideMatchesThePeer(_ count: Int) throws {
    let visited = try TimestepSpacing(parsing: "ddim\(count)").timesteps(of: 1000)
    #expect(try visited == Self.golden.ints("ddim.\(count)"))
  }

  @Test(arguments: ["10,10,15,20,20", "1,25", "3,3,3"])
  func sectionsMatchThePeer(_ counts: String) throws {
    let visited = try TimestepSpacing(parsing: counts).timesteps(of: 1000)
    #expect(try visited == Self.golden.ints("sections.\(counts)"))
  }

  @Test(arguments: [7, 10, 50, 300])
  func leadingAndTrailingMatchThePeer(_ count: Int) throws {
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

  @Test func parsing() throws {
    #expect(try TimestepSpacing(parsing: "25") == .uniform(25))
    #expect(try TimestepSpacing(parsing: "ddim25") == .stride(25))
    #expect(try TimestepSpacing(parsing: "1,2") == .sections([1, 2]))
    for text in ["", "x", "ddim", "ddim-1", "0", "3,,4", "-5", "2,0"] {
      let error = #expect(throws: ConfigError.self) { _ = try TimestepSpacing(parsing: text) }
      #expect(
        error?.description == "sampling: 'steps' is \"\(text)\", but it must be a count (25), "
          + "a stride (ddim50) or sections (10,15,20).")
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
    #expect(
      text(.stride(300), of: 1000)
        == "sampling: 'steps' is ddim300, but no whole stride visits exactly 300 of 1000 timesteps."
    )
    #expect(
      text(.sections([400, 600]), of: 1000)
        == "sampling: 'steps' is 600, but a section of 500 timesteps has room for 1 to 500.")
    #expect(
      text(.sections([]), of: 1000) == "sampling: 'steps' is empty, but it must name a section.")
  }
}
