public import Foundation
public import Logging

/// Writes the server's log to standard error, a JSON object on each line.
public struct JSONLogHandler: LogHandler {
  /// The lowest level that is written.
  public var logLevel = Logger.Level.info
  /// What each line holds beside its message.
  public var metadata: Logger.Metadata = [:]

  private let write: @Sendable (Data) -> Void

  /// Makes a handler.
  ///
  /// - Parameter write: Takes each line, with its line feed.
  public init(
    write: @escaping @Sendable (Data) -> Void = { line in
      // A log that cannot be written cannot be told of either.
      do { try FileHandle.standardError.write(contentsOf: line) } catch {}
    }
  ) {
    self.write = write
  }

  /// Reads or sets what each line holds under a key.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes a line.
  public func log(event: LogEvent) {
    var fields = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
    fields["time"] = Date().ISO8601Format(
      .iso8601(timeZone: .gmt, includingFractionalSeconds: true))
    fields["level"] = event.level.rawValue
    fields["message"] = event.message.description
    do { write(try JSONEncoder.server.encode(fields) + Data("\n".utf8)) } catch {}
  }
}
