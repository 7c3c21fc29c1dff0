import ArgumentParser
import Foundation

/// The options of `unclip serve`. Each may also stand in the environment or in a file; nil or empty is
/// what nobody gave.
struct ServeOptions: ParsableArguments {
  // MARK: Address

  @Option(
    help: ArgumentHelp(
      "Name or address to listen at; another than this machine's own, 127.0.0.1, needs keys.",
      valueName: "name"))
  var host: String?

  static let portRange = OptionRange("--port", 0...65535)

  @Option(help: portRange.help("Port to listen at", note: "0 takes a free one; 8080 if not given"))
  var port: Int?

  @Option(
    help: ArgumentHelp("Listen at a socket in the file system instead.", valueName: "path"))
  var unixSocket: String?

  @Option(
    help: ArgumentHelp(
      "Certificate for HTTPS, a PEM file, followed by those that sign it.", valueName: "file"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("Private key of the certificate, a PEM file.", valueName: "file"))
  var tlsKey: String?

  @Option(
    help: ArgumentHelp(
      "Address that links to images begin with, as behind a proxy: https://images.example.",
      valueName: "url"))
  var publicURL: String?

  @Option(
    name: .customLong("allow-host"),
    help: ArgumentHelp(
      "A further name under which browsers may reach the server; may be repeated.",
      valueName: "name"))
  var allowedHosts: [String] = []

  @Option(
    name: .customLong("allow-origin"),
    help: ArgumentHelp(
      "A page elsewhere that may use the server, as https://page.example; may be repeated.",
      valueName: "origin"))
  var allowedOrigins: [String] = []

  // MARK: Work

  @OptionGroup var folderOption: ServeFolder

  /// The folder as it is given.
  var data: String? {
    get { folderOption.data }
    set { folderOption.data = newValue }
  }

  @Option(
    help: ArgumentHelp(
      "Bytes, more than 0, that images and uploads may have together, as 500MB or 2GB; the oldest "
        + "that are no favourites go first; 2GB if not given.", valueName: "size"))
  var quota: ByteCount?

  static let workerRange = OptionRange("--workers", 1...64)

  @Option(
    help: workerRange.help(
      "Processes that each hold the model and make an image at a time",
      note: "one for each device if not given"))
  var workers: Int?

  static let queueRange = OptionRange("--queue", 1...100_000)

  @Option(help: queueRange.help("Images that may wait", note: "64 if not given"))
  var queue: Int?

  static let rateRange = OptionRange("--rate", 1...100_000)

  @Option(
    help: rateRange.help(
      "Images that each key may ask for in a minute", note: "60 if not given; no limit without keys"
    ))
  var rate: Int?

  static let graceRange = OptionRange("--grace", 0.0...3600)

  @Option(
    help: graceRange.help(
      "Seconds that running jobs have to end when the server stops", note: "30 if not given"))
  var grace: Double?

  // MARK: Model

  @Option(
    name: [.customShort("m"), .long], help: ModelSearch.option, completion: .model)
  var model: String?

  @Option(
    help: ArgumentHelp(
      "A further name of the model in the OpenAI API; dall-e-2 if not given, none if empty.",
      valueName: "name"))
  var alias: String?

  @Flag(
    help: "Pass over fields that OpenAI's API does not have, as proxies add some.")
  var ignoreUnknown = false

  @Option(
    help: ArgumentHelp(
      "Where to compute: cpu, cuda, cuda:INDEX, or several with commas between; cpu if not given.",
      valueName: "names"))
  var device: String?

  @Option(
    help: ArgumentHelp(
      "Element type to compute in; auto, if not given, is bfloat16 where that is fast, else float32.",
      valueName: "type"))
  var dtype: ElementChoice?

  @OptionGroup var memory: MemoryOptions

  @Option(
    name: [.customShort("t"), .long],
    help: MachineOptions.threadRange.help(
      "Threads of each worker on the processor", note: "all cores if not given"))
  var threads: Int?

  // MARK: Log

  /// How important a line of the log is.
  enum LogLevel: String, ExpressibleByArgument, CaseIterable {
    case trace, debug, info, notice, warning, error, critical
  }

  @Option(
    help: ArgumentHelp(
      "Least important lines of the log on standard error; info if not given.",
      valueName: "level"))
  var logLevel: LogLevel?

  /// How lines of the log are written.
  enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
  }

  @Option(
    help: ArgumentHelp(
      "Form of the log; text on a terminal and json elsewhere if not given.", valueName: "form"))
  var logFormat: LogFormat?

  @Flag(help: "Write prompts to the log; else their hash and length.")
  var logTexts = false

  func validate() throws {
    try Self.portRange.check(port)
    try Self.workerRange.check(workers)
    try Self.queueRange.check(queue)
    try Self.rateRange.check(rate)
    try Self.graceRange.check(grace)
    try MachineOptions.threadRange.check(threads)
    if unixSocket != nil, host != nil || port != nil || tlsCert != nil || tlsKey != nil {
      throw ValidationError(
        "--unix-socket takes the place of an address; leave --host, --port, --tls-cert and "
          + "--tls-key out.")
    }
    if (tlsCert == nil) != (tlsKey == nil) {
      throw ValidationError("--tls-cert and --tls-key belong together; give both or none.")
    }
    for origin in allowedOrigins where !Self.isOrigin(origin) {
      throw ValidationError(
        "The origin '\(origin)' is not as https://page.example: a scheme, a name and, where it is "
          + "not the usual one, a port.")
    }
    if let publicURL, !Self.isAddress(publicURL) {
      throw ValidationError("The address '\(publicURL)' does not begin with http:// or https://.")
    }
    if let host = allowedHosts.first(where: { $0.isEmpty || $0.contains("/") }) {
      throw ValidationError("'\(host)' is no name of a host; give it without scheme and path.")
    }
  }

  private static func isOrigin(_ text: String) -> Bool {
    guard isAddress(text), let url = URL(string: text) else { return false }
    return url.path.isEmpty && url.query == nil && url.user == nil && url.fragment == nil
  }

  private static func isAddress(_ text: String) -> Bool {
    guard let url = URL(string: text) else { return false }
    return (url.scheme == "http" || url.scheme == "https") && !(url.host ?? "").isEmpty
  }

  /// These options where they are given, else those of a lower layer.
  func over(_ lower: ServeOptions) -> ServeOptions {
    var merged = self
    // An address replaces a socket and the other way round.
    if host == nil, port == nil { merged.unixSocket = unixSocket ?? lower.unixSocket }
    if unixSocket == nil {
      merged.host = host ?? lower.host
      merged.port = port ?? lower.port
      if tlsCert == nil { (merged.tlsCert, merged.tlsKey) = (lower.tlsCert, lower.tlsKey) }
    }
    merged.publicURL = publicURL ?? lower.publicURL
    if allowedHosts.isEmpty { merged.allowedHosts = lower.allowedHosts }
    if allowedOrigins.isEmpty { merged.allowedOrigins = lower.allowedOrigins }
    merged.data = data ?? lower.data
    merged.quota = quota ?? lower.quota
    merged.workers = workers ?? lower.workers
    merged.queue = queue ?? lower.queue
    merged.rate = rate ?? lower.rate
    merged.grace = grace ?? lower.grace
    merged.model = model ?? lower.model
    merged.alias = alias ?? lower.alias
    merged.ignoreUnknown = ignoreUnknown || lower.ignoreUnknown
    merged.device = device ?? lower.device
    merged.dtype = dtype ?? lower.dtype
    merged.memory = memory.isGiven ? memory : lower.memory
    merged.threads = threads ?? lower.threads
    merged.logLevel = logLevel ?? lower.logLevel
    merged.logFormat = logFormat ?? lower.logFormat
    merged.logTexts = logTexts || lower.logTexts
    return merged
  }
}

/// `--data`, which the commands for keys take too.
struct ServeFolder: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Folder for jobs, images and keys; unclip/server in $XDG_DATA_HOME, or in ~/.local/share, if "
        + "not given.", valueName: "folder"), completion: .directory)
  var data: String?

  /// The folder: that of the option, else of the environment, else the usual one.
  static func url(_ path: String?, environment: [String: String]) -> URL {
    func folder(_ path: String) -> URL { URL(fileURLWithPath: path, isDirectory: true) }
    if let path { return folder(path) }
    if let base = environment["XDG_DATA_HOME"], base.hasPrefix("/") {
      return folder(base).appending(path: "unclip/server")
    }
    let home = environment["HOME"].map(folder) ?? FileManager.default.homeDirectoryForCurrentUser
    return home.appending(path: ".local/share/unclip/server")
  }
}
