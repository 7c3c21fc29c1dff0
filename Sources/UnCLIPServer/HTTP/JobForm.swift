import Files
import Foundation
import Hummingbird

/// A job and the files that it names, as a form: `request` is the job's JSON, in which `file:NAME`
/// stands for the part of that name.
struct JobForm {
  /// The job.
  private(set) var job: JobRequest
  /// The files, by their names in the form.
  private var files: [String: Data] = [:]

  /// What stands before the name of a part.
  private static let prefix = "file:"

  /// Sorts the parts of a form.
  ///
  /// - Throws: `JobRefusal.invalid` for a form without a job, a name given twice, a file that the job
  ///   does not name or the form does not hold; `APIError` for one that is no image.
  init(_ parts: [FormPart]) throws {
    var job: JobRequest?
    for part in parts {
      let name = part.name
      guard files[name] == nil, name != "request" || job == nil else {
        throw JobRefusal.invalid(
          "The form has two parts '\(name.prefix(60))'; give each a name of its own", field: nil)
      }
      if name == "request" {
        guard part.data.count <= BodyMiddleware.jsonLimit else {
          throw MultipartError.partSize(name: name, limit: BodyMiddleware.jsonLimit)
        }
        job = try JobRequest.read(part.data)
      } else {
        files[name] = part.data
      }
    }
    guard let job else {
      throw JobRefusal.invalid(
        "'request' is a required part of the form: the JSON of the job", field: "request")
    }
    self.job = job
    try nameFiles()
  }

  /// Puts the hashes of the files in place of their names.
  private mutating func nameFiles() throws {
    var unused = Set(files.keys)
    func hash(_ text: String?, _ field: String) throws -> String? {
      guard let text, text.hasPrefix(Self.prefix) else { return text }
      let name = String(text.dropFirst(Self.prefix.count))
      guard let file = files[name] else {
        throw JobRefusal.invalid(
          "The form has no part '\(name.prefix(60))' - '\(field)'", field: field)
      }
      _ = try UploadedImage.header(file, field: field)
      unused.remove(name)
      return sha256(file)
    }
    for index in job.sources.indices {
      job.sources[index].file = try hash(job.sources[index].file, "sources[\(index)]")
    }
    job.mask = try hash(job.mask, "mask")
    if let name = unused.min() {
      throw JobRefusal.invalid(
        "The job does not name the part '\(name.prefix(60))'; write '\(Self.prefix)\(name.prefix(60))' "
          + "where it belongs, or leave it out", field: nil)
    }
  }

  /// Stores the files.
  func store(in jobs: any JobService) async throws(JobRefusal) {
    for (_, file) in files.sorted(by: { $0.key < $1.key }) { _ = try await jobs.store(file) }
  }
}
