import Testing

@testable import UnCLIPServer

@Suite struct SilenceTests {
  @Test func addsUpUntilSomethingIsHeard() {
    var silence = Silence()
    var now = ContinuousClock.now
    func look(after time: Duration) -> Duration {
      now = now.advanced(by: time)
      return silence.look(at: now, each: .seconds(1))
    }
    _ = look(after: .zero)
    silence.end()
    #expect(look(after: .seconds(1)) == .seconds(1))
    #expect(look(after: .milliseconds(1500)) == .milliseconds(2500))
    silence.end()
    #expect(look(after: .seconds(1)) == .seconds(1))
  }

  /// A listener that was stopped for an hour asks once more before it gives up.
  @Test func countsNoTimeWithoutAListener() {
    var silence = Silence()
    let now = ContinuousClock.now
    _ = silence.look(at: now, each: .seconds(1))
    silence.end()
    #expect(silence.look(at: now.advanced(by: .seconds(3600)), each: .seconds(1)) == .seconds(2))
  }
}
