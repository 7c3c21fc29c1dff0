import Files
public import Foundation

extension ServerStore {
  /// The secret that links to images are signed with; made at the first start.
  ///
  /// - Throws: `StoreError`.
  public func linkSecret() throws(StoreError) -> Data {
    let url = folder.appending(path: "link-secret")
    do {
      if FileManager.default.fileExists(atPath: url.path) {
        let secret = try Data(contentsOf: url)
        if secret.count >= 32 { return secret }
      }
      let secret = Data((StoreID.random() + StoreID.random()).utf8)
      try AtomicFile.write(secret, to: url)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url.path)
      return secret
    } catch {
      throw StoreError(error, url)
    }
  }
}
