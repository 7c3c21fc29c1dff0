/// Why a model is not pulled; one sentence each, with what to do.
package enum HubError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Not the name of a repository.
  case name(String)
  /// Not the name of a revision.
  case revision(String)
  /// A variable of the environment that cannot be used.
  case setting(variable: String, reason: String)
  /// The hub was not to be asked, and the cache does not hold the model.
  case offline(String)
  /// No answer.
  case unreachable(url: String, reason: String)
  /// A repository that is not there, or is hidden from this user.
  case noRepository(String, endpoint: String, hasToken: Bool)
  /// A repository whose owner gives access one by one.
  case gated(String, endpoint: String, hasToken: Bool)
  /// A token that the hub refuses.
  case badToken(endpoint: String)
  /// A repository without that revision.
  case noRevision(String, of: String, endpoint: String)
  /// A file that the hub lists and does not have.
  case noFile(String, of: String)
  /// Too many requests.
  case limited(endpoint: String, seconds: Int)
  /// Another status that is no success.
  case status(Int, url: String, message: String?)
  /// An answer that no hub gives.
  case malformed(url: String, reason: String)
  /// A file that is not the one that was announced.
  case wrongContent(file: String, reason: String)
  /// Not enough room.
  case noSpace(folder: String, needed: Int64, free: Int64)
  /// A file of the cache that cannot be written.
  case unwritable(path: String, reason: String)
  /// A repository without a file that a model needs.
  case noModel(String, files: [String])
  /// A variant that no weights of the repository have.
  case noVariant(String, of: String, known: [String])

  package var description: String {
    switch self {
    case .name(let text):
      "'\(text)' is no name of a model on a hub; give OWNER/NAME, as kakaobrain/karlo-v1-alpha."
    case .revision(let text):
      "'\(text)' is no name of a revision; give a branch, a tag or a commit."
    case .setting(let variable, let reason):
      "\(variable) cannot be used: \(reason)."
    case .offline(let id):
      "\(id) is not whole in the cache and HF_HUB_OFFLINE is set; unset it to pull the model."
    case .unreachable(let url, let reason):
      "\(url) gives no answer (\(reason)); try again later, check the network, or name another hub "
        + "with HF_ENDPOINT. What was fetched is kept."
    case .noRepository(let id, let endpoint, let hasToken):
      "There is no model \(id) at \(endpoint), or it is private; check the name, "
        + (hasToken
          ? "or use a token of an account that may read it."
          : "or set HF_TOKEN to a token of an account that may read it.")
    case .gated(let id, let endpoint, let hasToken):
      "\(id) is gated: ask for access at \(endpoint)/\(id), "
        + (hasToken
          ? "with the account whose token is used."
          : "then set HF_TOKEN to a token of that account.")
    case .badToken(let endpoint):
      "\(endpoint) refuses the token; set HF_TOKEN to a valid one of \(endpoint)/settings/tokens, or "
        + "unset it for public models."
    case .noRevision(let revision, let id, let endpoint):
      "\(id) has no revision \(revision); \(endpoint)/\(id)/tree/main lists its branches and tags."
    case .noFile(let file, let id):
      "\(id) lists \(file) but does not have it; try again, or name another --revision."
    case .limited(let endpoint, let seconds):
      "\(endpoint) has had too many requests; run the same command again in "
        + (seconds == 1 ? "1 second" : "\(seconds) seconds")
        + " or more: what was fetched is kept. With HF_TOKEN more are allowed."
    case .status(let status, let url, let message):
      "\(url) answered with status \(status)\(message.map { " (\($0))" } ?? ""); try again later."
    case .malformed(let url, let reason):
      "\(url) does not answer as a hub does: \(reason); check HF_ENDPOINT and the network."
    case .wrongContent(let file, let reason):
      "\(file) arrived damaged (\(reason)) and is not kept; run the same command again."
    case .noSpace(let folder, let needed, let free):
      "\(folder) has room for \(byteText(free)) and the model needs "
        + "\(byteText(needed)); free some, or name another cache with HF_HOME."
    case .unwritable(let path, let reason):
      "Cannot write \(path): \(reason); name another cache with HF_HOME."
    case .noModel(let id, let files):
      "\(id) has no model that unclip reads, "
        + (files.isEmpty
          ? "but no files at all"
          : "only \(files.prefix(3).joined(separator: ", "))"
            + (files.count > 3 ? " and \(files.count - 3) more" : ""))
        + "; name a model of CLIP or unCLIP, or pull every file with --all."
    case .noVariant(let variant, let id, let known):
      "\(id) has no weights of the variant \(variant)"
        + (known.isEmpty
          ? "; leave --variant out." : "; it has \(known.joined(separator: ", ")).")
    }
  }
}
