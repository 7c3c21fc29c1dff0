import Config
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import TestSupport
import Testing
import UnCLIP

@testable import UnCLIPServer

/// Compares `openapi.json` with the routes and the types.
struct OpenAPITests {
  typealias Members = [String: Any]

  let folder: TemporaryFolder
  let document: Members

  init() throws {
    folder = try TemporaryFolder()
    let asset = try #require(try PageAssets.load().first { $0.path == "/openapi.json" })
    #expect(asset.contentType == "application/json")
    document = try #require(try JSONSerialization.jsonObject(with: asset.data) as? Members)
  }

  private func schema(_ name: String) throws -> Members {
    let components = try #require(document["components"] as? Members)
    return try #require((components["schemas"] as? Members)?[name] as? Members)
  }

  private func properties(_ name: String) throws -> Members {
    try #require(try schema(name)["properties"] as? Members)
  }

  private func keys(_ name: String) throws -> Set<String> { Set(try properties(name).keys) }

  private func choices(_ name: String, _ property: String) throws -> [String] {
    let member = try #require(try properties(name)[property] as? Members)
    return try #require(member["enum"] as? [Any]).compactMap { $0 as? String }
  }

  @Test func everyRouteIsDescribedAndNoOther() async throws {
    let bench = try await ServerBench(folder.url, assets: try PageAssets.load())
    let files = Set(bench.routes.assets.map(\.path)).subtracting(["/openapi.json"])
    var routes: [String: Set<String>] = [:]
    for (path, methods) in bench.routes.table.paths where !files.contains(path) {
      routes[RouteTable.name(path), default: []].formUnion(methods.map { $0.rawValue.lowercased() })
    }
    let methods: Set = ["get", "post", "put", "delete", "patch"]
    let paths = try #require(document["paths"] as? [String: Members])
    let described = paths.mapValues { Set($0.keys).intersection(methods) }
    #expect(described == routes)
    // Every parameter of a path is listed, and every operation has a name of its own.
    var names: Set<String> = []
    for (path, operations) in paths {
      for (method, value) in operations where methods.contains(method) {
        let operation = try #require(value as? Members)
        #expect(names.insert(try #require(operation["operationId"] as? String)).inserted)
        let listed = (operation["parameters"] as? [Members] ?? []).filter {
          $0["in"] as? String == "path"
        }.compactMap { $0["name"] as? String }
        #expect(listed == path.matches(of: /\{([a-z]+)\}/).map { String($0.1) })
        #expect((operation["responses"] as? Members)?["default"] != nil)
      }
    }
  }

  @Test func theFieldsAreThoseOfTheTypes() throws {
    #expect(try keys("JobRequest") == Set(JobRequest.CodingKeys.allCases.map(\.rawValue)))
    let operations = JobRequest.Operation.allCases.map(\.rawValue)
    #expect(try choices("JobRequest", "operation") == operations)
    #expect(try keys("Source") == ["prompt", "file", "weight"])
    #expect(try choices("JobRecord", "state") == JobRecord.State.allCases.map(\.rawValue))

    var record = JobRecord(id: "", owner: "", request: JobRequest(.generate), created: Date())
    record.failure = .cancelled
    record.started = Date()
    record.finished = Date()
    record.progress = JobStep(
      stage: "", step: 0, stepCount: 1, index: 0, count: 1, preview: Data([0]))
    record.position = 0
    record.secondsLeft = 0
    record.result = Data([0])
    let members = try self.members(record)
    #expect(try keys("JobRecord") == Set(members.keys))
    #expect(
      try keys("JobStep") == Set(try #require(members["progress"] as? Members).keys))

    var model = QueueRunner.description
    model.domain = ""
    model.card = ""
    #expect(try keys("ModelDescription") == Set(try self.members(model).keys))
    let image = LibraryImage(
      id: "", job: "", index: 0, seed: 0, width: 1, height: 1, bytes: 1, created: Date(),
      favourite: false, request: JobRequest(.generate), similarity: 0)
    #expect(try keys("LibraryImage") == Set(try self.members(image).keys))
    let page = LibraryPage(images: [], next: 0)
    #expect(try keys("LibraryPage") == Set(try self.members(page).keys))
    let error = try JSONSerialization.jsonObject(with: APIError("").json) as? Members
    let described = try #require(try properties("Error")["error"] as? Members)
    #expect(
      Set(try #require(described["properties"] as? Members).keys)
        == Set(try #require(error?["error"] as? Members).keys))
  }

  private func members(_ value: some Encodable) throws -> Members {
    let data = try JSONEncoder.server.encode(value)
    return try #require(try JSONSerialization.jsonObject(with: data) as? Members)
  }

  @Test(arguments: [
    ("GenerationRequest", GenerationRequest.Route.generations), ("EditForm", .edits),
    ("EditRequest", .edits), ("VariationForm", .variations),
  ])
  func theOpenAIRoutesTakeWhatIsDescribed(
    _ name: String, _ route: GenerationRequest.Route
  ) throws {
    let files: Set = ["image", "mask", "images"]
    let described = try keys(name).subtracting(files)
    /// Whether a route knows a key, whatever its value.
    func isKnown(_ key: String) -> Bool {
      var fields: [String: JSONValue] = route == .variations ? [:] : ["prompt": .string("a")]
      fields[key] = .object([:])
      do throws(APIError) { _ = try GenerationRequest(fields, route) } catch {
        return error.code != "unknown_parameter"
      }
      return true
    }
    for key in described { #expect(isKnown(key), "\(key)") }
    // What is described anywhere and not here is not known here; 'style' is known to be refused.
    let all = try ["GenerationRequest", "EditForm", "VariationForm"].reduce(into: Set<String>()) {
      $0.formUnion(try keys($1))
    }.subtracting(files)
    for key in all.subtracting(described) { #expect(!isKnown(key), "\(key)") }
    for key in GenerationRequest.settingKeys.keys where route != .variations {
      #expect(described.contains(key), "\(key)")
    }
    #expect(try choices(name, "size") == GenerationRequest.sizes + ["auto"])
  }

  @Test func everyReferenceLeadsSomewhere() throws {
    var found = 0
    func check(_ value: Any) throws {
      if let members = value as? Members {
        if let reference = members["$ref"] as? String {
          found += 1
          var place: Any? = document
          for name in reference.split(separator: "/").dropFirst() {
            place = (place as? Members)?[String(name)]
          }
          #expect(place != nil, "\(reference)")
        }
        for member in members.values { try check(member) }
      } else if let items = value as? [Any] {
        for item in items { try check(item) }
      }
    }
    try check(document)
    #expect(found > 30)
    #expect(document["openapi"] as? String == "3.1.0")
  }

  @Test func itIsServedWithoutAKey() async throws {
    var bench = try await ServerBench(folder.url, assets: try PageAssets.load())
    bench.askForKeys()
    try await bench.serve { client in
      let answer = try await client.ask(.get, "/openapi.json")
      #expect(answer.status == .ok)
      let again = try await client.ask(
        .get, "/openapi.json", [.ifNoneMatch: try #require(answer.headers[.eTag])])
      #expect(again.status == .notModified)
      #expect(try await client.ask(.post, "/openapi.json").status == .unauthorized)
    }
  }
}
