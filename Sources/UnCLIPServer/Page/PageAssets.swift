import Files
public import Foundation

/// A file of the page.
public struct PageAsset: Sendable, Equatable {
  /// The path that a browser asks for: `/` or `/page/app.css`.
  public let path: String
  /// Its media type.
  public let contentType: String
  /// The bytes.
  public let data: Data
  /// Its entity tag with the quotation marks, for `ETag` and `If-None-Match`.
  public let etag: String
}

/// The page that a browser shows: static files, which need no build step and load nothing from
/// elsewhere.
public enum PageAssets {
  /// The `Content-Security-Policy` that the page keeps to.
  public static let contentSecurityPolicy =
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none';"
    + " form-action 'none'; frame-ancestors 'none'"

  private static let types = [
    "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml", "json": "application/json",
    "webmanifest": "application/manifest+json",
  ]

  /// The paths of files that lie elsewhere than below `/page`.
  private static let paths = ["index.html": "/", "openapi.json": "/openapi.json"]

  /// Where the files may be: in an installation; beside a program that SwiftPM built; in the sources
  /// of a program that was moved alone.
  private static var folders: [URL] {
    let program = Bundle.main.executableURL?.resolvingSymlinksInPath().deletingLastPathComponent()
    let places =
      ["../share/unclip/Page"]
      + ["resources", "bundle"].map {
        "swift-unclip_UnCLIPServer.\($0)/Assets"
      }
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    return places.compactMap { program?.appending(path: $0).standardizedFileURL }
      + [source.appending(path: "Assets")]
  }

  /// Reads all files of the page; nothing of the disk is read when a browser asks.
  ///
  /// - Throws: `StoreError` when they are not beside the program.
  public static func load() throws(StoreError) -> [PageAsset] {
    let folders = folders
    let folder =
      folders.first {
        FileManager.default.fileExists(atPath: $0.appending(path: "index.html").path)
      }
      ?? folders[0]
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        .compactMap { name in
          guard let type = types[URL(fileURLWithPath: name).pathExtension] else { return nil }
          let data = try Data(contentsOf: folder.appending(path: name))
          return PageAsset(
            path: paths[name] ?? "/page/" + name, contentType: type, data: data,
            etag: "\"\(sha256(data).prefix(32))\"")
        }
    } catch {
      throw StoreError(error, folder)
    }
  }
}
