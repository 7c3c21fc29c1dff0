import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct ScheduleTests {
  @Test(arguments: ["constant", "linear", "cosine"], [0, 7])
  func matchesPyTorch(shape: String, warmUp: Int) throws {
    let schedule = LearningRateSchedule(
      peak: 0.3, warmUpSteps: warmUp, totalSteps: 50,
      shape: try #require(LearningRateSchedule.Shape(rawValue: shape)))
    let golden = try Golden("torch_nn/schedules").tensor("\(shape).\(warmUp)")
    expectClose(
      (0..<50).map(schedule.rate), golden.array(of: Double.self), .schedule, "\(shape) \(warmUp)")
  }

  @Test func endsAtItsFinalRate() {
    for shape in [LearningRateSchedule.Shape.linear, .cosine] {
      let schedule = LearningRateSchedule(
        peak: 1, warmUpSteps: 2, totalSteps: 10, shape: shape, final: 0.1)
      #expect(schedule.rate(at: 2) == 1)
      #expect(abs(schedule.rate(at: 6) - 0.55) < 1e-12)
      #expect(abs(schedule.rate(at: 10) - 0.1) < 1e-12)
      #expect(abs(schedule.rate(at: 1000) - 0.1) < 1e-12)
    }
  }

  @Test func roundTripsThroughJSON() throws {
    let schedule = LearningRateSchedule(
      peak: 1e-3, warmUpSteps: 0, totalSteps: 0, shape: .cosine, final: 1e-5)
    let data = try JSONEncoder().encode(schedule)
    #expect(try JSONDecoder().decode(LearningRateSchedule.self, from: data) == schedule)
    #expect(schedule.rate(at: 0) == 1e-3)
  }

  @Test func warmUpFitsIntoTheWhole() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = LearningRateSchedule(peak: 1, warmUpSteps: 9, totalSteps: 5, shape: .linear)
    }
    expectTrap("a warm-up of 9 steps does not fit into 5 steps", result)
  }
}
