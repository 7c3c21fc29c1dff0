import Foundation
import Synchronization

/// The embeddings of all kept images, one after the other, so that a search reads memory alone.
///
/// A library of 20,000 images with embeddings of 768 elements has 61 MB.
final class EmbeddingIndex: Sendable {
  /// Image ids and unit vectors of one embedding space.
  private struct Rows {
    var space: String
    var isWhole = false
    var width = 0
    var ids: [String] = []
    var values: [Float] = []
  }

  private let rows = Mutex<Rows?>(nil)

  /// Whether it holds all images of a space.
  func holds(_ space: String) -> Bool {
    rows.withLock { $0?.space == space && $0?.isWhole == true }
  }

  /// Begins with the images of a space; what is added from now on is not lost.
  func begin(_ space: String) {
    rows.withLock { rows in
      if rows?.space != space { rows = Rows(space: space) }
    }
  }

  /// Takes the other images of a space; those of another width than the first are left out.
  func fill(_ space: String, _ images: [(id: String, embedding: [Float])]) {
    rows.withLock { rows in
      guard var all = rows, all.space == space else { return }
      if all.ids.isEmpty { all.width = images.first?.embedding.count ?? 0 }
      let known = Set(all.ids)
      all.values.reserveCapacity(all.values.count + images.count * all.width)
      for image in images where image.embedding.count == all.width && !known.contains(image.id) {
        all.ids.append(image.id)
        all.values += image.embedding
      }
      all.isWhole = true
      rows = all
    }
  }

  /// Takes a new image, if the images of its space are held.
  func add(_ id: String, _ embedding: [Float], space: String) {
    rows.withLock { rows in
      guard rows?.space == space else { return }
      if rows?.ids.isEmpty == true { rows?.width = embedding.count }
      guard rows?.width == embedding.count else { return }
      rows?.ids.append(id)
      rows?.values += embedding
    }
  }

  /// Drops images.
  func remove(_ ids: Set<String>) {
    rows.withLock { rows in
      guard var kept = rows, kept.ids.contains(where: ids.contains) else { return }
      let places = kept.ids.indices.filter { !ids.contains(kept.ids[$0]) }
      kept.values = places.flatMap { kept.values[$0 * kept.width..<($0 + 1) * kept.width] }
      kept.ids = places.map { kept.ids[$0] }
      rows = kept
    }
  }

  /// Returns the image ids by cosine similarity, the nearest first.
  func nearest(to embedding: [Float], space: String) -> [(id: String, similarity: Float)] {
    guard let query = Self.normalized(embedding) else { return [] }
    return rows.withLock { rows in
      guard let rows, rows.space == space, rows.width == query.count else { return [] }
      let width = rows.width
      var found: [(Int, Float)] = []
      found.reserveCapacity(rows.ids.count)
      rows.values.withUnsafeBufferPointer { values in
        query.withUnsafeBufferPointer { query in
          for row in 0..<rows.ids.count {
            found.append((row, Self.product(values, row * width, query)))
          }
        }
      }
      found.sort { $0.1 > $1.1 }
      return found.map { (rows.ids[$0.0], $0.1) }
    }
  }

  /// The scalar product of a row and the query. Eight sums, so that the compiler may use vectors.
  private static func product(
    _ values: UnsafeBufferPointer<Float>, _ start: Int, _ query: UnsafeBufferPointer<Float>
  ) -> Float {
    var sums = SIMD8<Float>()
    var index = 0
    while index + 8 <= query.count {
      var (a, b) = (SIMD8<Float>(), SIMD8<Float>())
      for lane in 0..<8 {
        a[lane] = values[start + index + lane]
        b[lane] = query[index + lane]
      }
      sums += a * b
      index += 8
    }
    var sum = sums.sum()
    while index < query.count {
      sum += values[start + index] * query[index]
      index += 1
    }
    return sum
  }

  /// Scales an embedding to length 1; nil for one that has no direction.
  static func normalized(_ embedding: [Float]) -> [Float]? {
    let length = embedding.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    guard length > 0, length.isFinite else { return nil }
    return embedding.map { Float(Double($0) / length) }
  }

  /// Reads an embedding as the store holds it.
  static func embedding(_ data: Data) -> [Float] {
    data.withUnsafeBytes { bytes in
      (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
    }
  }
}
