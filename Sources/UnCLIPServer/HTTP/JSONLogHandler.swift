import Files
public import Foundation
public import Logging

/// Writes the log to standard error, a JSON object on each line.
public struct JSONLogHandler: LogHandler {
  /// The least level that is written.
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

  /// The value of a key that every line has.
  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  /// Writes a message: `time`, `level`, `message`, and the metadata beside them.
  public func log(event: LogEvent) {
    var members = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues(Self.json)
    members["time"] = .text(
      Date().ISO8601Format(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
    members["level"] = .text(event.level.rawValue)
    members["message"] = .text("\(event.message)")
    do {
      write(try JSONEncoder.server.encode(members) + Data("\n".utf8))
    } catch {
      // Texts and finite numbers can always be written.
    }
  }

  private enum Value: Encodable {
    case text(String)
    case whole(Int)
    case number(Double)
    case list([Value])
    case members([String: Value])

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let value): try container.encode(value)
      case .whole(let value): try container.encode(value)
      case .number(let value): try container.encode(value)
      case .list(let value): try container.encode(value)
      case .members(let value): try container.encode(value)
      }
    }
  }

  private static func json(_ value: Logger.MetadataValue) -> Value {
    switch value {
    case .stringConvertible(let value as Int): .whole(value)
    case .stringConvertible(let value as UInt64) where value <= Int.max: .whole(Int(value))
    case .stringConvertible(let value as Double) where value.isFinite: .number(value)
    case .array(let values): .list(values.map(json))
    case .dictionary(let members): .members(members.mapValues(json))
    default: .text("\(value)")
    }
  }
}
