import Diffusion
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct NoiseScheduleTests {
  static let golden = Golden("diffusion/schedules")

  /// The tables of the whole schedule, under the golden file's names.
  private static func tables(_ schedule: NoiseSchedule) -> [String: [Double]] {
    [
      "betas": schedule.betas,
      "alpha_bars": schedule.alphaBars,
      "previous_alpha_bars": schedule.previousAlphaBars,
      "posterior_variance": schedule.posteriorVariance,
      "posterior_log_variance": schedule.posteriorLogVariance,
      "posterior_start": schedule.posteriorStartCoefficient,
      "posterior_sample": schedule.posteriorSampleCoefficient,
    ]
  }

  @Test(arguments: [("cosine", BetaSchedule.cosine), ("linear", .linear)])
  func everyTableMatchesTheFormulas(_ name: String, _ family: BetaSchedule) throws {
    let schedule = NoiseSchedule(family)
    #expect(schedule.stepCount == 1000)
    for (table, values) in Self.tables(schedule) {
      try expectTable(values, Self.golden["\(name).\(table)"], 1e-12, "\(name).\(table)")
    }
  }

  @Test func otherStepCounts() throws {
    try expectTable(
      BetaSchedule.cosine.betas(stepCount: 64), Self.golden["cosine64.betas"], 1e-12, "cosine 64")
    try expectTable(
      BetaSchedule.linear.betas(stepCount: 250), Self.golden["linear250.betas"], 1e-12,
      "linear 250")
    #expect(BetaSchedule.linear.betas(stepCount: 1) == [0.1])
    #expect(NoiseSchedule(.cosine, stepCount: 1).alphaBars.count == 1)
  }

  @Test func rawValuesAreDiffusers() {
    #expect(BetaSchedule.allCases.map(\.rawValue) == ["squaredcos_cap_v2", "linear"])
    #expect(Prediction.allCases.map(\.rawValue) == ["epsilon", "sample", "v_prediction"])
    #expect(
      Variance.allCases.map(\.rawValue) == ["fixed_small_log", "fixed_large", "learned_range"])
  }

  @Test func cosineValuesOfThePaperSchedule() {
    let schedule = NoiseSchedule(.cosine)
    let betas = [
      0: 4.128422482196914e-05, 1: 4.614175273665033e-05, 10: 8.987136245297567e-05,
      100: 5.318991556979569e-04, 500: 3.155691441585007e-03, 900: 1.974185587243449e-02,
      990: 0.18998754207369384, 998: 0.7499993929011166, 999: 0.999,
    ]
    let bars = [
      0: 0.999958715775178, 1: 0.9999125759273678, 10: 0.9992789037733427,
      100: 0.9715756818078386, 500: 0.49228517244880304, 900: 0.023616108794393863,
      990: 1.9671738012480353e-04, 998: 2.4287669070348544e-06, 999: 2.4287669070348567e-09,
    ]
    for (t, beta) in betas { #expect(isClose(schedule.betas[t], beta, 1e-12), "β of \(t)") }
    for (t, bar) in bars { #expect(isClose(schedule.alphaBars[t], bar, 1e-12), "ᾱ of \(t)") }
    for (t, variance) in [1: 2.178950e-05, 500: 3.146005e-03, 999: 0.99899758] {
      #expect(isClose(schedule.posteriorVariance[t], variance, 1e-6), "β̃ of \(t)")
    }
    #expect(schedule.betas.dropLast().allSatisfy { $0 < 0.999 })
  }

  @Test func linearValues() {
    let schedule = NoiseSchedule(.linear)
    let bars = [
      0: 0.9999, 1: 0.9997800920720721, 10: 0.997806572507846, 100: 0.8951415908975365,
      500: 0.07779665836502389, 900: 0.0002702445195582643, 999: 4.035829765375676e-05,
    ]
    for (t, bar) in bars { #expect(isClose(schedule.alphaBars[t], bar, 1e-12), "ᾱ of \(t)") }
  }

  @Test func float32ReferenceIsDiffusersBitForBit() throws {
    let schedule = NoiseSchedule(.cosine, precision: .float32Reference)
    #expect(try schedule.betas.map { Float($0) } == Self.golden.floats("cosine.float32.betas"))
    #expect(
      try schedule.alphaBars.map { Float($0) } == Self.golden.floats("cosine.float32.alpha_bars"))
    #expect(Float(schedule.alphaBars[0]) == 0.99995869398)
    #expect(Float(schedule.alphaBars[999]) == 2.42873499e-09)
  }

  @Test func float32LinearIsWithinARounding() throws {
    let schedule = NoiseSchedule(.linear, precision: .float32Reference)
    try expectTable(schedule.betas, Self.golden["linear.float32.betas"], 1e-6, "betas")
    try expectTable(schedule.alphaBars, Self.golden["linear.float32.alpha_bars"], 1e-5, "ᾱ")
  }

  @Test func zeroTerminalSignal() throws {
    let schedule = NoiseSchedule(.linear).withZeroTerminalSignal()
    try expectTable(
      schedule.alphaBars, Self.golden["linear.zero_terminal.alpha_bars"], 1e-12, "ᾱ")
    #expect(isClose(schedule.alphaBars[500], 0.0752462157, 1e-8))
    #expect(isClose(schedule.betas[500], 0.0102926174, 1e-8))
    #expect(schedule.betas[999] == 1)
    #expect(schedule.alphaBars[999] == 0)
  }

  @Test func respacingMatchesTheFormulas() throws {
    let visited = try Self.golden.ints("respaced.timesteps")
    let respaced = NoiseSchedule(.cosine).respaced(to: visited)
    #expect(respaced.timesteps == visited)
    for (table, values) in Self.tables(respaced.schedule) {
      try expectTable(values, Self.golden["respaced.\(table)"], 1e-9, table)
    }
  }

  @Test(arguments: [TablePrecision.float64, .float32Reference])
  func respacingToEveryStepChangesNothing(_ precision: TablePrecision) {
    let schedule = NoiseSchedule(.cosine, precision: precision)
    #expect(schedule.respaced(to: Array(0..<1000)).schedule == schedule)
  }

  @Test func respacingKeepsTheSignalAtTheVisitedSteps() {
    let schedule = NoiseSchedule(.linear)
    let respaced = schedule.respaced(to: [3, 50, 999]).schedule
    #expect(respaced.alphaBars == [3, 50, 999].map { schedule.alphaBars[$0] })
    var product = 1.0
    for (beta, bar) in zip(respaced.betas, respaced.alphaBars) {
      product *= 1 - beta
      #expect(isClose(product, bar, 1e-12))
    }
  }

  @Test func sevenStepCoefficients() throws {
    let schedule = NoiseSchedule(.cosine, precision: .float32Reference)
    let visited = try TimestepSpacing.uniform(7).timesteps(of: 1000)
    let respaced = schedule.respaced(to: visited).schedule
    let rows: [(Double, Double, Double, Double)] = [
      (0.99995869, 1, 0, 0),
      (0.92760009, 0.99945012, 5.4949614e-04, 0.0064252749),
      (0.74197471, 0.74695541, 0.25095158, 0.23696062),
      (0.49228504, 0.57093421, 0.41395781, 0.41354892),
      (0.24600056, 0.46554076, 0.47600187, 0.58040971),
      (0.066220537, 0.38817634, 0.41894307, 0.76818535),
      (2.428735e-09, 0.2573335, 2.279735e-04, 0.96632263),
    ]
    for (t, row) in rows.enumerated() {
      #expect(isClose(respaced.alphaBars[t], row.0, 1e-6), "ᾱ of \(t)")
      // diffusers' first β and 1 − ᾱ_0 are rounded apart: their quotient is 0.9995.
      #expect(isClose(respaced.posteriorStartCoefficient[t], row.1, t == 0 ? 1e-3 : 1e-5))
      #expect(isClose(respaced.posteriorSampleCoefficient[t], row.2, 1e-5), "x_t of \(t)")
      if t > 0 {
        #expect(isClose(respaced.posteriorVariance[t].squareRoot(), row.3, 1e-5), "σ of \(t)")
      }
    }
    // Without diffusers' rounding the first and last rows are these.
    let exact = NoiseSchedule(.cosine).respaced(to: visited).schedule
    #expect(isClose(exact.posteriorSampleCoefficient[6], 1.7882904e-04, 1e-5))
    #expect(exact.posteriorStartCoefficient[0] == 1)
  }

  @Test func brokenContractsTrap() async {
    expectTrap(
      "β of step 1 is 1.5, outside (0, 1]",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = NoiseSchedule(betas: [0.1, 1.5])
      })
    expectTrap(
      "a noise schedule has at least one step",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = NoiseSchedule(betas: [])
      })
    expectTrap(
      "timestep 3 after 3 is not ascending within 0 ..< 10",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = NoiseSchedule(.cosine, stepCount: 10).respaced(to: [3, 3])
      })
    expectTrap(
      "timestep 10 after -1 is not ascending within 0 ..< 10",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = NoiseSchedule(.cosine, stepCount: 10).respaced(to: [10])
      })
    expectTrap(
      "a network that predicts ε needs a schedule whose last ᾱ is above zero",
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = GaussianDiffusion(schedule: NoiseSchedule(.linear).withZeroTerminalSignal())
      })
  }
}
