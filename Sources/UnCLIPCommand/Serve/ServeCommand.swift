import ArgumentParser
import Foundation

/// `unclip serve`: the page, the jobs and the OpenAI Images API.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve a page, a jobs API and the OpenAI Images API.",
    discussion: """
      It says where the page is, and runs until it is stopped. Jobs and images are kept in the folder \
      of --data; what is not made when the server stops is made after its next start. The first \
      Ctrl-C, or SIGTERM, lets running jobs end; the second ends them.

      Every option may also be a variable of the environment, \(ServeOptions.prefix)PORT for --port, \
      or a line of the file of --config, 'port: 8080', in YAML or JSON. An option goes before the \
      environment, and that before the file. Lists have commas between in the environment.

      Once there is a key, every request needs one: 'unclip serve keys create NAME' prints it once.

      \(ModelSearch.help)

      EXAMPLES:
        unclip serve
        unclip serve --model runs/decoder/model --port 9000 --quota 10GB
        unclip serve keys create laptop
        unclip serve --host 0.0.0.0 --allow-host images.example --tls-cert site.pem --tls-key key.pem
        unclip serve --config serve.yaml
        unclip serve --device cuda:0,cuda:1 --log-format json
      """,
    subcommands: [ServeKeysCommand.self])

  @Option(
    help: ArgumentHelp(
      "A YAML or JSON file with settings by the options' names.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "json"]))
  var config: String?

  @OptionGroup var options: ServeOptions

  func run() throws {
    let options = try options.layered(
      config: config, environment: ProcessInfo.processInfo.environment)
    // A sentence now is better than that of a worker.
    if let model = options.model { _ = try ModelSearch.current.folder(of: model) }
    try Waiting.run { try await ServerRun(options).run() }
  }
}
