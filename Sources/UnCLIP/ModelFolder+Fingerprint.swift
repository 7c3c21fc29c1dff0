import Files
package import Foundation
package import Torch

extension ModelFolder {
  /// The parts on which the latent of an image depends.
  private static let latentParts: [Part] = [
    .imageEncoder, .featureExtractor, .textProjection, .imageHint, .decoder, .decoderScheduler,
  ]

  /// Returns a hash of the parts that encode an image and decode its latent.
  ///
  /// Of a large file blocks at even distances are read: weights that were trained further differ in
  /// all of them, and gigabytes would take minutes.
  /// - Throws: `CheckpointError.unreadable`.
  func latentFingerprint() throws(CheckpointError) -> String {
    try fingerprint(of: Self.latentParts).text
  }

  /// Returns a hash of all parts that the folder has, as ``latentFingerprint()`` computes it.
  /// - Throws: `CheckpointError.unreadable`.
  package func wholeFingerprint() throws(CheckpointError) -> String {
    try fingerprint(of: Part.allCases).text
  }

  /// Returns a hash of the files of those of the parts that the folder has, second moments left out;
  /// of large files as ``latentFingerprint()`` says.
  /// - Throws: `CheckpointError.unreadable`.
  func fingerprint(of parts: [Part]) throws(CheckpointError) -> Fingerprint {
    var fingerprint = Fingerprint()
    for part in parts where has(part) {
      let folder = folder(of: part)
      fingerprint.add(part.rawValue)
      for name in try Self.files(in: folder) {
        try Self.add(name, in: folder, to: &fingerprint)
      }
    }
    return fingerprint
  }

  /// Returns a hash of all files below a folder, of whatever layout, but hidden ones; of large files
  /// as ``latentFingerprint()`` says.
  /// - Throws: `CheckpointError.unreadable`.
  package static func fingerprint(ofAllIn folder: URL) throws(CheckpointError) -> String {
    let walk: FolderWalk
    do { walk = try FolderWalk(folder) } catch { throw CheckpointError(unreadable: error) }
    var fingerprint = Fingerprint()
    for name in walk.files { try add(name, in: folder, to: &fingerprint) }
    return fingerprint.text
  }

  /// Returns a hash of the weights of each of CLIP's towers, which no conversion of their type
  /// changes.
  /// - Throws: `CheckpointError`.
  package func clipFingerprint() throws(CheckpointError) -> CLIPFingerprint {
    CLIPFingerprint(
      textEncoder: try signFingerprint(of: .textEncoder),
      imageEncoder: try signFingerprint(of: .imageEncoder))
  }

  /// Hashes keys, shapes and the signs of at most 4,096 values of each of a part's weights.
  ///
  /// A conversion to half precision keeps every sign, those of zeros too, and training changes some
  /// of them.
  /// - Throws: `CheckpointError`.
  func signFingerprint(of part: Part) throws(CheckpointError) -> String {
    var fingerprint = Fingerprint()
    let weights = try Safetensors.readModel(
      folder: folder(of: part), stem: part.weightStem ?? Part.diffusersStem)
    for (key, tensor) in weights.sorted(by: { $0.key < $1.key })
    where tensor.dtype.isFloatingPoint && tensor.count > 0 {
      fingerprint.add("\(key) \(tensor.shape)")
      let step = max(1, tensor.count / 4096)
      let values = tensor.flattened().strided(0, from: 0, to: tensor.count, by: step)
      fingerprint.add(
        Data(values.to(.float32).array(of: Float.self).map { $0.sign == .minus ? 1 : 0 }))
    }
    return fingerprint.text
  }

  private static func files(in folder: URL) throws(CheckpointError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().filter {
        !$0.hasPrefix(".") && $0 != momentsName
          && !FileManager.default.isFolder(folder.appending(path: $0))
      }
    } catch {
      throw .unreadable(file: folder.path, reason: reason(of: error))
    }
  }

  /// Adds the name and the bytes of a file.
  private static func add(
    _ name: String, in folder: URL, to fingerprint: inout Fingerprint
  ) throws(CheckpointError) {
    fingerprint.add(name)
    let mapping: FileMapping
    do { mapping = try FileMapping(folder.appending(path: name)) } catch {
      throw CheckpointError(unreadable: error)
    }
    // The bytes do not keep the mapping, which nothing else refers to.
    withExtendedLifetime(mapping) { add(mapping.bytes, to: &fingerprint) }
  }

  private static func add(_ bytes: UnsafeRawBufferPointer, to fingerprint: inout Fingerprint) {
    let (block, blocks) = (1 << 12, 1 << 8)
    guard bytes.count > block * blocks else { return fingerprint.add(Data(bytes)) }
    fingerprint.add("\(bytes.count)")
    for index in 0..<blocks {
      let start = (bytes.count - block) / (blocks - 1) * index
      fingerprint.add(Data(bytes[start..<start + block]))
    }
  }
}
