import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import ModelHub

@Suite struct HubSettingsTests {
  private let home = URL(fileURLWithPath: "/home/a", isDirectory: true)

  private func settings(_ environment: [String: String]) throws -> HubSettings {
    try HubSettings(environment: environment, home: home)
  }

  @Test func findsTheCacheAsOthersDo() throws {
    func cache(_ environment: [String: String]) -> String {
      HubSettings.cache(environment: environment, home: home).path
    }
    #expect(cache([:]) == "/home/a/.cache/huggingface/hub")
    #expect(cache(["HOME": "/home/b"]) == "/home/b/.cache/huggingface/hub")
    #expect(cache(["XDG_CACHE_HOME": "/c"]) == "/c/huggingface/hub")
    #expect(cache(["XDG_CACHE_HOME": "/c", "HF_HOME": "/h"]) == "/h/hub")
    #expect(cache(["HF_HOME": "~/h"]) == "/home/a/h/hub")
    #expect(cache(["HF_HOME": "/h", "HUGGINGFACE_HUB_CACHE": "/g"]) == "/g")
    #expect(cache(["HF_HUB_CACHE": "/i", "HUGGINGFACE_HUB_CACHE": "/g"]) == "/i")
    #expect(cache(["HF_HUB_CACHE": "", "HF_HOME": ""]) == "/home/a/.cache/huggingface/hub")
  }

  @Test func readsTheHubAndTheToken() throws {
    #expect(try settings([:]).endpoint == "https://huggingface.co")
    #expect(try settings([:]).token == nil)
    let own = try settings([
      "HF_ENDPOINT": "http://127.0.0.1:80/mirror/", "HF_TOKEN": " hf_a\n", "HF_HUB_OFFLINE": "yes",
      "HF_HUB_DOWNLOAD_TIMEOUT": "30",
    ])
    #expect(own.endpoint == "http://127.0.0.1:80/mirror" && own.token == "hf_a")
    #expect(own.isOffline && own.patience == 30)
    try withTemporaryFolder { folder in
      try Data("hf_file\n".utf8).write(to: folder.appending(path: "token"))
      let environment = ["HF_HOME": folder.path]
      #expect(try settings(environment).token == "hf_file")
      #expect(try settings(environment.merging(["HF_TOKEN": "hf_a"]) { $1 }).token == "hf_a")
      #expect(
        try settings(environment.merging(["HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"]) { $1 }).token
          == nil)
    }
  }

  @Test func refusesWhatCannotBeUsed() {
    #expect(
      sentence { try settings(["HF_ENDPOINT": "huggingface.co"]) }
        == "HF_ENDPOINT cannot be used: 'huggingface.co' is no address; give one as "
        + "https://huggingface.co.")
    #expect(
      sentence { try settings(["HF_TOKEN": "hf\r\nX: y"]) }
        == "HF_TOKEN cannot be used: it holds characters that no token has.")
    #expect(
      sentence { try settings(["SSL_CERT_FILE": "/none.pem"]) }
        == "SSL_CERT_FILE cannot be used: there is no readable file /none.pem.")
    #expect(
      sentence { try settings(["HF_HUB_DOWNLOAD_TIMEOUT": "-1"]) }
        .contains("'-1' is no count of seconds"))
    #expect(
      sentence { try settings(["HTTPS_PROXY": "socks5://p:1"]) }
        .contains("HTTPS_PROXY cannot be used: only a proxy's address as http://host:port"))
  }

  @Test func findsTheProxy() throws {
    #expect(
      try settings(["https_proxy": "http://u:p@proxy:3128"]).proxy
        == .init(host: "proxy", port: 3128, credentials: "u:p"))
    #expect(try settings(["HTTPS_PROXY": "proxy:8080"]).proxy?.port == 8080)
    #expect(try settings(["HTTP_PROXY": "proxy:8080"]).proxy == nil)
    for excepted in ["*", "huggingface.co", "a, .co"] {
      #expect(try settings(["HTTPS_PROXY": "proxy:1", "NO_PROXY": excepted]).proxy == nil)
    }
    #expect(try settings(["HTTPS_PROXY": "proxy:1", "NO_PROXY": "face.co"]).proxy != nil)
  }

  @Test(arguments: [
    "a", "a/b/c", "/a", "a/", "", "a/..", "a/b.git", "-a/b", "a/b--c", "a/b c", "a/b?", "a/.b",
    "a/b.",
    "a\u{E4}/b", "a/" + String(repeating: "b", count: 95),
  ])
  func refusesNames(_ name: String) {
    #expect(throws: HubError.name(name)) { try HubRepository(name) }
  }

  @Test func namesAreFolders() throws {
    let repository = try HubRepository("laion/CLIP-ViT-B-32_x.1")
    #expect(repository.folder == "models--laion--CLIP-ViT-B-32_x.1")
    #expect(HubRepository(folder: repository.folder) == repository)
    #expect(HubRepository(folder: "datasets--a--b") == nil)
    #expect(HubRepository(folder: "models--gpt2") == nil)
    for revision in ["main", "v1.0", "refs/pr/1", "feature/x"] {
      try HubRepository.check(revision: revision)
    }
    for revision in ["", "../x", "a b", "-f", "a//b", "a?b", "a\nb", "/a", "a/.."] {
      #expect(throws: HubError.revision(revision)) { try HubRepository.check(revision: revision) }
    }
  }

  @Test func readsHowLongToWait() {
    func wait(_ headers: [(String, String)]) -> Double? {
      HubFailure.wait(HTTPHeaders(headers), now: Date(timeIntervalSince1970: 0))
    }
    #expect(wait([]) == nil)
    #expect(wait([("Retry-After", "12")]) == 12)
    #expect(wait([("Retry-After", "Thu, 01 Jan 1970 00:01:40 GMT")]) == 100)
    #expect(wait([("Retry-After", "soon")]) == nil)
    #expect(wait([("Retry-After", "-1")]) == nil)
    #expect(wait([("RateLimit", "\"api\";r=0;t=55")]) == 55)
  }

  @Test func sizesAreReadable() {
    #expect(byteText(0) == "0 bytes")
    #expect(byteText(999) == "999 bytes")
    #expect(byteText(1500) == "1.5 kB")
    #expect(byteText(30_120_386) == "30 MB")
    #expect(byteText(999_600_000) == "1.0 GB")
    #expect(byteText(15_600_000_000) == "16 GB")
  }

  /// The stand-in's own hash is Git's.
  @Test func hashesAreGits() {
    #expect(gitHash(Data()) == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
    #expect(gitHash(Data("hello\n".utf8)) == "ce013625030ba8dba906f756967f9e9ca394464a")
  }
}
