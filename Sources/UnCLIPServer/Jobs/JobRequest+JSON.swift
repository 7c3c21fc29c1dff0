import Config
import Files
public import Foundation

extension JobRequest {
  /// Reads a request as a client sends it.
  ///
  /// - Throws: `JobRefusal.invalid` for what is no JSON object, a key that no request has, one that
  ///   stands twice, and a value of another type.
  public static func read(_ data: Data) throws(JobRefusal) -> JobRequest {
    let members: [String: JSONValue]
    do { members = try JSONDecoder().decode([String: JSONValue].self, from: data) } catch {
      throw .invalid("The request is not a JSON object.", field: nil)
    }
    if let key = data.withUnsafeBytes({ JSONKeys.repeated(in: $0) }) {
      throw .invalid("'\(key.prefix(60))' stands twice; give it once", field: nil)
    }
    try check(members.keys, among: CodingKeys.allCases.map(\.rawValue), in: "")
    if case .array(let sources)? = members[CodingKeys.sources.rawValue] {
      for (index, source) in sources.enumerated() {
        guard case .object(let members) = source else { continue }
        try check(members.keys, among: ["prompt", "file", "weight"], in: "sources[\(index)].")
      }
    }
    guard let operation = members[CodingKeys.operation.rawValue], operation != .null else {
      throw .invalid("'operation' is a required property", field: "operation")
    }
    do {
      return try JSONDecoder().decode(JobRequest.self, from: data)
    } catch let error as DecodingError {
      throw refusal(of: error, in: members)
    } catch {
      throw .invalid("The request cannot be read.", field: nil)
    }
  }

  private static func check(
    _ keys: some Sequence<String>, among known: [String], in place: String
  ) throws(JobRefusal) {
    guard let key = keys.sorted().first(where: { !known.contains($0) }) else { return }
    let near = Spelling.nearest(to: key, among: known)
    let name = place + key.prefix(60)
    throw .invalid(
      "'\(name)' is no property of a job" + (near.map { "; '\($0)' is the nearest" } ?? ""),
      field: name)
  }

  private static func refusal(
    of error: DecodingError, in members: [String: JSONValue]
  ) -> JobRefusal {
    let path: [any CodingKey] =
      switch error {
      case .typeMismatch(_, let context), .valueNotFound(_, let context),
        .dataCorrupted(let context):
        context.codingPath
      case .keyNotFound(let key, let context): context.codingPath + [key]
      @unknown default: []
      }
    var field = ""
    for key in path {
      field += key.intValue.map { "[\($0)]" } ?? (field.isEmpty ? "" : ".") + key.stringValue
    }
    // A number that does not fit its type has no path.
    let name = path.first?.stringValue ?? members.keys.sorted().first { !isReadable($0, members) }
    guard let name, let value = members[name] else {
      return .invalid("The request cannot be read.", field: nil)
    }
    if field.isEmpty { field = name }
    if name == CodingKeys.operation.rawValue {
      let all = Operation.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
      return .invalid("\(value.text) is not one of [\(all)] - 'operation'", field: name)
    }
    return .invalid("\(value.text) is of the wrong type - '\(field)'", field: field)
  }

  /// Whether a member can be read on its own.
  private static func isReadable(_ key: String, _ members: [String: JSONValue]) -> Bool {
    do {
      var alone = [CodingKeys.operation.rawValue: JSONValue.string(Operation.generate.rawValue)]
      alone[key] = members[key]
      _ = try JSONDecoder().decode(JobRequest.self, from: JSONEncoder().encode(alone))
      return true
    } catch {
      return false
    }
  }
}
