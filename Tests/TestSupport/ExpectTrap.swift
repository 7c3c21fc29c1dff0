public import Testing

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Expects that an exit test died of a trap of ours, with `sentence` on its standard error.
///
/// The test observes `\.standardErrorContent`. Optimised builds drop the text of preconditions, so
/// there the signal of a trap is all that is left to check; a body that throws, or ends by `exit`,
/// gives no signal and fails the test in either build.
///
/// - Parameters:
///   - sentence: A part of the sentence.
///   - result: What `#expect(processExitsWith:)` gave; nil when that failed already.
public func expectTrap(
  _ sentence: String, _ result: ExitTest.Result?, sourceLocation: SourceLocation = #_sourceLocation
) {
  guard let result else { return }
  let signals: [ExitStatus] = [.signal(SIGILL), .signal(SIGTRAP)]
  #expect(
    signals.contains(result.exitStatus), "ended with \(result.exitStatus), which is no trap",
    sourceLocation: sourceLocation)
  #if DEBUG
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.contains(sentence), "stderr: \(text.prefix(400))", sourceLocation: sourceLocation)
  #endif
}
