package import Foundation

/// What the environment says of the hub and its cache, by the variables of huggingface_hub.
package struct HubSettings: Sendable {
  /// The address of the hub, without a slash at its end.
  package var endpoint: String
  /// What shows the hub who asks; nil for an unknown user.
  package var token: String?
  /// The folder with a folder for each repository.
  package var cache: URL
  /// Whether the hub is not asked.
  package var isOffline = false
  /// How many files are fetched at a time.
  package var concurrency = 4
  /// How long a connection may be silent, seconds.
  package var patience: Double = 10
  /// How many times in a row a request may fail.
  package var attempts = 6
  /// The first pause between attempts, seconds; each next one is twice as long.
  package var pause: Double = 1
  /// The longest pause that a hub may ask for, seconds.
  package var longestPause: Double = 300
  /// A proxy's host and port, where the environment names one.
  package var proxy: Proxy?

  /// A file of certificates that are trusted in place of the system's.
  package var certificates: URL?

  /// A server through which requests go.
  package struct Proxy: Sendable, Equatable {
    package var host: String
    package var port: Int
    /// `user:password`, where it asks for one.
    package var credentials: String?
  }

  /// The hub that is asked when none is named.
  package static let standardEndpoint = "https://huggingface.co"

  /// Settings of a hub and a cache.
  package init(endpoint: String = standardEndpoint, token: String? = nil, cache: URL) {
    self.endpoint = endpoint
    self.token = token
    self.cache = cache
  }

  /// Reads the environment.
  ///
  /// - Parameters:
  ///   - environment: The variables.
  ///   - home: The user's folder where `HOME` is not set.
  /// - Throws: `HubError.setting`.
  ///
  /// Source: huggingface_hub `constants.py`, `utils/_auth.py`.
  package init(environment: [String: String], home: URL) throws(HubError) {
    func value(_ names: String...) -> String? {
      names.lazy.compactMap { environment[$0]?.trimmingCharacters(in: .whitespacesAndNewlines) }
        .first { !$0.isEmpty }
    }
    func isOn(_ name: String) -> Bool {
      ["1", "ON", "YES", "TRUE"].contains((environment[name] ?? "").uppercased())
    }
    var endpoint = value("HF_ENDPOINT") ?? Self.standardEndpoint
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    guard let url = URL(string: endpoint), ["http", "https"].contains(url.scheme?.lowercased()),
      url.host?.isEmpty == false
    else {
      throw .setting(
        variable: "HF_ENDPOINT",
        reason: "'\(endpoint)' is no address; give one as \(Self.standardEndpoint)")
    }
    self.init(
      endpoint: endpoint, cache: Self.cache(environment: environment, home: home))
    isOffline = isOn("HF_HUB_OFFLINE") || isOn("TRANSFORMERS_OFFLINE")
    if let text = value("HF_HUB_DOWNLOAD_TIMEOUT") {
      guard let seconds = Double(text), seconds > 0, seconds <= 86_400 else {
        throw .setting(
          variable: "HF_HUB_DOWNLOAD_TIMEOUT", reason: "'\(text)' is no count of seconds")
      }
      patience = seconds
    }
    if let named = value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") {
      token = try Self.checked(token: named, from: "HF_TOKEN")
    } else if !isOn("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
      let file =
        value("HF_TOKEN_PATH").map { Self.folder($0, environment: environment, home: home) }
        ?? Self.home(environment: environment, home: home).appending(path: "token")
      token = try Self.token(in: file)
    }
    proxy = try Self.proxy(for: url, environment: environment)
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"] where certificates == nil {
      guard let path = value(name) else { continue }
      guard FileManager.default.isReadableFile(atPath: path) else {
        throw .setting(variable: name, reason: "there is no readable file \(path)")
      }
      certificates = URL(fileURLWithPath: path)
    }
  }

  // MARK: Folders

  /// The folder of the cache in an environment.
  package static func cache(environment: [String: String], home: URL) -> URL {
    for name in ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"] {
      if let path = environment[name], !path.isEmpty {
        return folder(path, environment: environment, home: home)
      }
    }
    return Self.home(environment: environment, home: home).appending(path: "hub")
  }

  private static func home(environment: [String: String], home: URL) -> URL {
    if let path = environment["HF_HOME"], !path.isEmpty {
      return folder(path, environment: environment, home: home)
    }
    let caches = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "~/.cache"
    return folder(caches, environment: environment, home: home).appending(path: "huggingface")
  }

  /// A folder whose path may begin with `~`.
  private static func folder(_ path: String, environment: [String: String], home: URL) -> URL {
    guard path == "~" || path.hasPrefix("~/") else {
      return URL(fileURLWithPath: path, isDirectory: true).standardizedFileURL
    }
    let named = environment["HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
    let home = named.map { URL(fileURLWithPath: $0, isDirectory: true) } ?? home
    return path.count <= 2 ? home : home.appending(path: String(path.dropFirst(2)))
  }

  // MARK: Token

  private static func token(in file: URL) throws(HubError) -> String? {
    let text: String
    do { text = try String(contentsOf: file, encoding: .utf8) } catch { return nil }
    let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
    return token.isEmpty ? nil : try checked(token: token, from: file.path)
  }

  private static func checked(token: String, from variable: String) throws(HubError) -> String {
    // Anything else would be a line of its own in the request, or no header at all.
    guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .setting(variable: variable, reason: "it holds characters that no token has")
    }
    return token
  }

  // MARK: Proxy

  private static func proxy(
    for url: URL, environment: [String: String]
  ) throws(HubError) -> Proxy? {
    func value(_ name: String) -> (name: String, text: String)? {
      for name in [name.lowercased(), name] {
        if let text = environment[name], !text.isEmpty { return (name, text) }
      }
      return nil
    }
    let host = url.host?.lowercased() ?? ""
    let excepted = (value("NO_PROXY")?.text ?? "").split(separator: ",").map {
      $0.trimmingCharacters(in: .whitespaces).lowercased()
    }
    if excepted.contains(where: { name in
      let name = name.hasPrefix(".") ? String(name.dropFirst()) : name
      return name == "*" || host == name || (!name.isEmpty && host.hasSuffix("." + name))
    }) {
      return nil
    }
    let isSecure = url.scheme?.lowercased() == "https"
    guard let found = value(isSecure ? "HTTPS_PROXY" : "HTTP_PROXY") ?? value("ALL_PROXY") else {
      return nil
    }
    let text = found.text.contains("://") ? found.text : "http://" + found.text
    guard let proxy = URL(string: text), let host = proxy.host, !host.isEmpty,
      proxy.scheme?.lowercased() == "http"
    else {
      throw .setting(
        variable: found.name, reason: "only a proxy's address as http://host:port is supported")
    }
    let credentials = proxy.user.map { $0 + ":" + (proxy.password ?? "") }
    return Proxy(host: host, port: proxy.port ?? 80, credentials: credentials)
  }
}
