import Files
public import Foundation

/// A repository of a model, as a hub has it.
public struct StandInRepository: Sendable {
  /// `OWNER/NAME`.
  public var id = "stand/in"
  /// Its commit.
  public var commit = "c0ffee0000000000000000000000000000000001"
  /// Its branch.
  public var branch = "main"
  /// The files.
  public var files: [String: Data]
  /// Files larger than this are kept elsewhere, by their SHA-256.
  public var largest = 1000
  /// Entries of one page of the list of files.
  public var pageSize = 1000

  /// A repository with files.
  public init(_ files: [String: Data]) { self.files = files }

  /// A repository with the files of a folder.
  ///
  /// - Throws: What the system says.
  public init(folder: URL) throws {
    files = [:]
    for path in try FolderWalk(folder).files {
      files[path] = try Data(contentsOf: folder.appending(path: path))
    }
  }

  /// The hash by which the hub names a file's content.
  public func hash(_ path: String) -> String {
    let data = files[path] ?? Data()
    return data.count > largest ? sha256(data) : gitHash(data)
  }

  /// Answers as the hub does; large files are at `storage`.
  public func answer(
    _ request: StandInServer.Request, at hub: String, storage: String
  ) -> StandInServer.Answer {
    let parts = request.target.split(separator: "?", maxSplits: 1)
    let path = parts.first.map { String($0).removingPercentEncoding ?? String($0) } ?? ""
    for revision in [branch, commit] where path == "/api/models/\(id)/revision/\(revision)" {
      return .json(["id": id, "sha": commit, "siblings": [] as [String]])
    }
    if path == "/api/models/\(id)/tree/\(commit)" {
      return tree(
        page: parts.last?.firstMatch(of: /page=(\d+)/).flatMap { Int($0.1) } ?? 0, at: hub)
    }
    for revision in [branch, commit] where path.hasPrefix("/\(id)/resolve/\(revision)/") {
      return file(
        String(path.dropFirst("/\(id)/resolve/\(revision)/".count)), request, storage: storage)
    }
    let isKnown = path.contains(id)
    return .init(404, ["X-Error-Code": isKnown ? "RevisionNotFound" : "RepoNotFound"])
  }

  /// Answers as the server that keeps large files.
  public func stored(_ request: StandInServer.Request) -> StandInServer.Answer {
    for (path, data) in files where request.target == "/" + hash(path) {
      return .range(of: data, request, ["ETag": "\"of-the-storage\""])
    }
    return .init(403)
  }

  private func tree(page: Int, at hub: String) -> StandInServer.Answer {
    let all = files.keys.sorted()
    let paths = all.dropFirst(page * pageSize).prefix(pageSize)
    let folders = Set(all.filter { $0.contains("/") }.map { $0.split(separator: "/")[0] })
    var entries: [[String: Any]] = folders.sorted().map {
      ["type": "directory", "oid": String(repeating: "0", count: 40), "size": 0, "path": "\($0)"]
    }
    for path in paths {
      let data = files[path] ?? Data()
      var entry: [String: Any] = [
        "type": "file", "oid": gitHash(data), "size": data.count, "path": path,
      ]
      if data.count > largest {
        entry["lfs"] = ["oid": sha256(data), "size": data.count, "pointerSize": 134]
      }
      entries.append(entry)
    }
    var answer = StandInServer.Answer.json(entries)
    if (page + 1) * pageSize < all.count {
      answer.headers["Link"] =
        "<\(hub)/api/models/\(id)/tree/\(commit)?recursive=true&page=\(page + 1)>; rel=\"next\""
    }
    return answer
  }

  private func file(
    _ path: String, _ request: StandInServer.Request, storage: String
  ) -> StandInServer.Answer {
    guard let data = files[path] else { return .init(404, ["X-Error-Code": "EntryNotFound"]) }
    let hash = hash(path)
    guard data.count > largest else {
      return .range(of: data, request, ["ETag": "\"\(hash)\"", "X-Repo-Commit": commit])
    }
    return .init(
      302,
      [
        "Location": "\(storage)/\(hash)", "X-Linked-Etag": "\"\(hash)\"",
        "X-Linked-Size": "\(data.count)", "X-Repo-Commit": commit, "ETag": "\"of-the-redirect\"",
      ])
  }
}

extension StandInServer.Answer {
  /// An answer in JSON.
  public static func json(_ value: Any) -> Self {
    do {
      return Self(
        200, ["Content-Type": "application/json"],
        body: try JSONSerialization.data(withJSONObject: value))
    } catch {
      return Self(500)
    }
  }

  /// The part of a file that a request asks for.
  public static func range(
    of data: Data, _ request: StandInServer.Request, _ headers: [String: String] = [:]
  ) -> Self {
    guard let match = request.headers["range"]?.firstMatch(of: /bytes=(\d+)-/),
      let start = Int(match.1)
    else { return Self(200, headers, body: data) }
    guard start < data.count else { return Self(416, headers) }
    var headers = headers
    headers["Content-Range"] = "bytes \(start)-\(data.count - 1)/\(data.count)"
    return Self(206, headers, body: data.dropFirst(start))
  }
}

/// The name of a file's content in Git: SHA-1 of `blob SIZE`, a zero and the content.
public func gitHash(_ content: Data) -> String {
  var message = [UInt8](Data("blob \(content.count)\0".utf8) + content)
  let bits = UInt64(message.count) * 8
  message.append(0x80)
  message += [UInt8](repeating: 0, count: (120 - message.count % 64) % 64)
  message += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) }
  func turn(_ x: UInt32, _ by: UInt32) -> UInt32 { x << by | x >> (32 - by) }
  var h: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
  for start in stride(from: 0, to: message.count, by: 64) {
    var w = (0..<16).map { i in
      message[start + 4 * i..<start + 4 * i + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    for i in 16..<80 { w.append(turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)) }
    var v = h
    for i in 0..<80 {
      let (f, k): (UInt32, UInt32) =
        switch i {
        case ..<20: (v[1] & v[2] | ~v[1] & v[3], 0x5A82_7999)
        case ..<40: (v[1] ^ v[2] ^ v[3], 0x6ED9_EBA1)
        case ..<60: (v[1] & v[2] | v[1] & v[3] | v[2] & v[3], 0x8F1B_BCDC)
        default: (v[1] ^ v[2] ^ v[3], 0xCA62_C1D6)
        }
      let next = turn(v[0], 5) &+ f &+ v[4] &+ k &+ w[i]
      v = [next, v[0], turn(v[1], 30), v[2], v[3]]
    }
    for i in 0..<5 { h[i] &+= v[i] }
  }
  return h.map { String(format: "%08x", $0) }.joined()
}

/// A hub with one repository, and the server that keeps its large files.
public final class StandInHub: Sendable {
  /// What the hub has.
  public let repository: StandInRepository
  /// The hub.
  public let hub: StandInServer
  /// Where it keeps large files.
  public let storage: StandInServer

  /// Starts both.
  ///
  /// - Throws: What the system says.
  public init(_ repository: StandInRepository) throws {
    self.repository = repository
    hub = try StandInServer()
    storage = try StandInServer()
    behave()
  }

  /// Answers rightly, as changed by `hub` and `storage`.
  public func behave(
    hub change:
      @escaping @Sendable (StandInServer.Request, StandInServer.Answer) -> StandInServer.Answer = {
        $1
      },
    storage changeStored:
      @escaping @Sendable (StandInServer.Request, StandInServer.Answer) -> StandInServer.Answer = {
        $1
      }
  ) {
    let (repository, address, store) = (repository, hub.address, storage.address)
    hub.answer { change($0, repository.answer($0, at: address, storage: store)) }
    storage.answer { changeStored($0, repository.stored($0)) }
  }
}
