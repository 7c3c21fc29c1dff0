import Torch

/// The images that a caption is searched among while the vision tower is frozen: all that training
/// shows, and those of the batch that were composed.
///
/// Source: Zhai et al. 2022, "LiT", with the whole data set instead of the batch: it costs one matrix
/// product where the embeddings never change.
struct ImageCatalogue {
  /// Some captions of a batch, and the images they are searched among.
  struct Search {
    /// Embeddings of the images, `[N + M, D]`; the last M are the composed ones of the batch.
    let images: Tensor
    /// The image of each caption, `[B]`.
    let targets: [Int64]
    /// What is added to the logits, `[B, N + M]`: minus infinity for another image that the caption is
    /// true of as well. Nil if there is none.
    let mask: Tensor?
  }

  private let embeddings: Tensor
  private let rows: [String: Int]
  private let captions: [String]

  /// Embeds images; of those with the same key the first counts.
  init(of images: [Images], embed: (Tensor) -> Tensor) {
    embeddings = Tensor.concatenated(images.map { embed($0.images) }, over: 0)
    captions = images.flatMap(\.captions)
    rows = Dictionary(
      images.flatMap(\.keys).enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// Prepares the search of some captions of a batch.
  ///
  /// All processes that share a batch search among the same images, its composed ones included, so
  /// that the loss does not depend on their number.
  ///
  /// - Parameters:
  ///   - batch: The whole batch.
  ///   - chosen: The rows whose captions are searched.
  ///   - embed: The vision tower.
  func search(
    _ batch: Images, rows chosen: Range<Int>, embed: (Tensor) -> Tensor
  ) -> Search {
    let composed = batch.keys.indices.filter { rows[batch.keys[$0]] == nil }
    var images = embeddings
    if !composed.isEmpty {
      let shown = Tensor.stacked(composed.map { batch.images[$0] }, over: 0)
      images = Tensor.concatenated([embeddings, embed(shown)], over: 0)
    }
    let places = Dictionary(
      uniqueKeysWithValues: composed.enumerated().map { ($1, captions.count + $0) })
    let targets = chosen.map { row in
      guard let target = rows[batch.keys[row]] ?? places[row] else {
        preconditionFailure("row \(row) is neither in the catalogue nor composed")
      }
      return target
    }
    let all = captions + composed.map { batch.captions[$0] }
    var alike: [String: [Int]] = [:]
    for place in composed { alike[batch.captions[place]] = [] }
    for (column, caption) in all.enumerated() { alike[caption]?.append(column) }
    let masked = chosen.enumerated().flatMap { index, row in
      (alike[batch.captions[row]] ?? []).filter { $0 != targets[index] }
        .map { index * all.count + $0 }
    }
    var mask: Tensor?
    if !masked.isEmpty {
      var values = [Float](repeating: 0, count: chosen.count * all.count)
      for place in masked { values[place] = -.infinity }
      mask = Tensor(values, shape: [chosen.count, all.count], device: embeddings.device)
    }
    return Search(images: images, targets: targets.map(Int64.init), mask: mask)
  }
}
