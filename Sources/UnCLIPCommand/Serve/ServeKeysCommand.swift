import ArgumentParser
import Foundation
import UnCLIPServer

/// `unclip serve keys`: makes, lists and revokes the keys of a server.
struct ServeKeysCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys",
    abstract: "Make, list and revoke the keys of a server.",
    discussion: """
      Changes act at once, also on a server that runs; one that was started without keys asks for \
      them after its next start.

      EXAMPLES:
        unclip serve keys create laptop
        unclip serve keys list
        unclip serve keys revoke laptop
      """,
    subcommands: [Create.self, List.self, Revoke.self])

  struct Create: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a key and print it; nobody can print it again.",
      discussion: """
        EXAMPLES:
          unclip serve keys create laptop
          unclip serve keys create monitor --admin --json
        """)

    @Argument(help: "A name for it, such as that of who uses it.") var name: String
    @Flag(help: "Let it read /metrics too.") var admin = false
    @OptionGroup var folder: ServeFolder
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard (1...100).contains(name.unicodeScalars.count) else {
        throw ValidationError("The name must have 1 to 100 characters.")
      }
    }

    func run() throws {
      let (keys, name, admin) = (try folder.open(), name, admin)
      let made = try Waiting.run {
        guard try await !keys.list().contains(where: { $0.name == name && $0.revoked == nil })
        else {
          throw CommandError.usage(
            "There is a key '\(name)' already; choose another name, or revoke that first.")
        }
        return try await keys.create(name: name, scopes: admin ? [.draw, .admin] : [.draw])
      }
      struct Report: Encodable {
        var id: String
        var name: String
        var secret: String
      }
      if output.json {
        try Output.json(Report(id: made.key.id, name: name, secret: made.secret))
      } else {
        try Output.line(made.secret)
      }
    }
  }

  struct List: ParsableCommand {
    /// A key as `--json` prints it.
    struct Report: Encodable {
      var id: String
      var name: String
      var scopes: [String]
      var created: String
      var revoked: String?

      init(_ key: ServerKey) {
        (id, name) = (key.id, key.name)
        scopes = key.scopes.map(\.rawValue).sorted()
        created = key.created.ISO8601Format()
        revoked = key.revoked?.ISO8601Format()
      }
    }

    static let configuration = CommandConfiguration(
      abstract: "List the keys, without their secrets.",
      discussion: """
        EXAMPLES:
          unclip serve keys list
        """)

    @OptionGroup var folder: ServeFolder
    @OptionGroup var output: OutputOptions

    func run() throws {
      let keys = try folder.open()
      let all = try Waiting.run { try await keys.list() }
      if output.json { return try Output.json(all.map(Report.init)) }
      for key in all {
        let key = Report(key)
        let end = key.revoked.map { "revoked \($0)" } ?? "valid"
        try Output.line(
          [key.id, key.name, key.scopes.joined(separator: ","), "made \(key.created)", end]
            .joined(separator: "  "))
      }
    }
  }

  struct Revoke: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revoke a key; requests with it are refused from now on.",
      discussion: """
        EXAMPLES:
          unclip serve keys revoke laptop
        """)

    @Argument(help: "Its name or id.") var key: String
    @OptionGroup var folder: ServeFolder

    func run() throws {
      let (keys, key) = (try folder.open(), key)
      let count = try Waiting.run { try await keys.revoke(key) }
      guard count > 0 else {
        throw CommandError.usage(
          "There is no valid key '\(key)'; 'unclip serve keys list' shows those that there are.")
      }
    }
  }
}

extension ServeFolder {
  /// Opens the keys in it, with the environment's settings as the server has them.
  fileprivate func open() throws -> KeyStore {
    let environment = ProcessInfo.processInfo.environment
    let options = try ServeOptions.parse([]).layered(config: nil, environment: environment)
    return try KeyStore(ServeFolder.url(data ?? options.data, environment: environment))
  }
}
