/// How long a process has said nothing, as far as another one listened.
///
/// While the listener is stopped itself, as by a suspended machine or for want of a processor, it
/// neither asks nor hears: that time says nothing of the other.
struct Silence {
  private var duration = Duration.zero
  private var looked = ContinuousClock.now

  /// Something was heard.
  mutating func end() { duration = .zero }

  /// Adds the time since the last look, of which there is one each `interval`, and returns the sum.
  mutating func look(at now: ContinuousClock.Instant, each interval: Duration) -> Duration {
    duration += min(looked.duration(to: now), interval * 2)
    looked = now
    return duration
  }
}
