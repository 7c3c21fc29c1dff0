import Files
import Foundation
import GRDB

extension ServerStore {
  /// Puts right what a crash left, at the start: half files and files without rows are removed, rows
  /// without files forgotten, and jobs that ran wait again, with the images that they have.
  ///
  /// Of an ended job whose image's file is gone, the image counts as deleted.
  func reconcile() throws(StoreError) {
    let images = files(in: imageFolder)
    let inputs = files(in: inputFolder)
    let doomed = try database.writeNow { db -> [URL] in
      var doomed: [URL] = []
      let rows = try Row.fetchAll(
        db,
        sql: """
          SELECT image.id, job.state FROM image JOIN job ON job.id = image.job WHERE NOT deleted
          """)
      var known: Set<String> = []
      for row in rows {
        let id: String = row["id"]
        let path = "\(id.prefix(2))/\(id).png"
        if images.contains(path) {
          known.insert(path)
        } else if ["queued", "running"].contains(row["state"] as String) {
          try db.execute(sql: "DELETE FROM image WHERE id = ?", arguments: [id])
        } else {
          try db.execute(
            sql: "UPDATE image SET deleted = TRUE, bytes = 0, embedding = NULL WHERE id = ?",
            arguments: [id])
        }
      }
      doomed += images.subtracting(known).map { imageFolder.appending(path: $0) }
      let hashes = try String.fetchSet(db, sql: "SELECT hash FROM input")
      doomed += inputs.subtracting(hashes).map { inputFolder.appending(path: $0) }
      for hash in hashes.subtracting(inputs) {
        try db.execute(sql: "DELETE FROM input WHERE hash = ?", arguments: [hash])
      }
      try db.execute(sql: "UPDATE job SET state = 'queued' WHERE state = 'running'")
      return doomed
    }
    Self.remove(doomed)
  }

  /// Paths of all files in a folder and its folders, hidden ones too; none where there is no folder.
  private func files(in folder: URL) -> Set<String> {
    var found: Set<String> = []
    guard let walk = FileManager.default.enumerator(atPath: folder.path) else { return [] }
    for case let path as String in walk
    where !FileManager.default.isFolder(folder.appending(path: path)) {
      found.insert(path)
    }
    return found
  }
}
