import Dispatch
public import Foundation
import Imaging
import Synchronization

/// An endless sequence of training batches, each a pure function of the data, the configuration and
/// its index.
///
/// Threads prepare batches ahead; index `n` gives the same bytes after a restart, so a run resumes
/// by its step number.
public final class TrainingStream: Sendable {
  /// The data, the batches and the seed.
  public let configuration: StreamConfiguration
  private let store: ImageStore
  private let composer: SceneComposer
  private let queues: [DispatchQueue]
  private let pending = Mutex<[PendingBatch.Key: PendingBatch]>([:])
  private let orders: EpochOrders
  /// What captions are varied with, if a data set has such words.
  package let words: CaptionWords?

  /// Opens data set folders and decodes their images.
  ///
  /// - Throws: `DataError.setting` for a value out of range, `.unreadable`, `.malformed` or
  ///   `.empty` for the data.
  public init(
    directories: [URL], configuration: StreamConfiguration = StreamConfiguration()
  ) throws(DataError) {
    try configuration.validate()
    self.configuration = configuration
    words = try CaptionWords.read(in: directories)
    store = try ImageStore(directories: directories, configuration: configuration)
    composer = SceneComposer(
      side: configuration.imageSize,
      elements: configuration.mixture.sceneFraction > 0 ? try Self.elements(of: store) : [])
    queues = (0..<configuration.mixture.workers).map { DispatchQueue(label: "unclip.data.\($0)") }
    orders = EpochOrders(
      weights: store.weights(monochrome: configuration.mixture.monochromeWeight),
      seed: configuration.seed)
  }

  /// Opens one data set folder.
  ///
  /// - Throws: As the initialiser for several.
  public convenience init(
    directory: URL, configuration: StreamConfiguration = StreamConfiguration()
  ) throws(DataError) {
    try self.init(directories: [directory], configuration: configuration)
  }

  /// Number of images that pass the filters.
  public var sampleCount: Int { store.entries.count }

  /// The captions and metadata of the images that pass the filters, by key.
  public var infos: [String: SampleInfo] {
    Dictionary(store.entries.map { ($0.key, $0.info) }, uniquingKeysWith: { first, _ in first })
  }

  /// Number of images in one pass, each as often as its weight says.
  public var epochLength: Int { orders.length }

  /// Number of batches in one pass over the data, at least 1.
  public var batchesPerEpoch: Int { max(1, epochLength / configuration.batchSize) }

  /// Returns the batch of this index and has the next ones prepared meanwhile.
  ///
  /// - Parameters:
  ///   - index: The index.
  ///   - rows: The rows of the batch that are wanted, where several processes share it; nil for all.
  /// - Throws: `DataError.malformed` if an image that did not fit into memory cannot be decoded.
  public func batch(at index: Int, rows: Range<Int>? = nil) throws(DataError) -> ImageBatch {
    precondition(index >= 0, "batch \(index) does not exist")
    let rows = rows ?? 0..<configuration.batchSize
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= configuration.batchSize,
      "rows \(rows) of a batch of \(configuration.batchSize)")
    guard !queues.isEmpty else { return try compose(index, rows) }
    let wanted = index...index + configuration.mixture.prefetch
    let batch = pending.withLock { pending in
      pending = pending.filter { wanted.contains($0.key.index) }
      for next in wanted where pending[PendingBatch.Key(index: next, rows: rows)] == nil {
        let batch = PendingBatch()
        pending[PendingBatch.Key(index: next, rows: rows)] = batch
        queues[next % queues.count].async { [weak self] in
          guard let self else { return }
          batch.fulfil(Result { () throws(DataError) in try self.compose(next, rows) })
        }
      }
      return pending[PendingBatch.Key(index: index, rows: rows)]
    }
    guard let batch else { preconditionFailure("batch \(index) was not queued") }
    return try batch.wait().get()
  }

  /// Returns every image of a part on white, not augmented, with its plain caption.
  ///
  /// A stream holds only its own part: open one of part `all` to get another part too.
  ///
  /// - Parameters:
  ///   - part: The part.
  ///   - limit: The most images.
  ///   - spread: Whether they are taken evenly from all of the part, instead of its first.
  /// - Throws: `DataError.malformed` if an image that did not fit into memory cannot be decoded.
  public func samples(
    in part: DataSplit.Part = .all, limit: Int = .max, spread: Bool = false
  ) throws(DataError) -> [EvaluationSample] {
    var samples: [EvaluationSample] = []
    var indices = store.entries.indices.filter {
      configuration.mixture.split.contains(store.entries[$0].info, in: part)
    }
    if spread, indices.count > limit {
      indices = (0..<limit).map { indices[$0 * indices.count / limit] }
    }
    for index in indices where samples.count < limit {
      let entry = store.entries[index]
      let (shown, image) = try store.image(at: index)
      guard shown.key == entry.key else { continue }
      let sprite = image.sprite
      var canvas = Canvas(side: store.side, color: (255, 255, 255))
      canvas.draw(sprite, x: 0, y: 0, size: Double(store.side))
      samples.append(
        EvaluationSample(
          key: entry.key, info: entry.info, caption: CaptionSampler.plain(entry.info),
          image: Image(
            width: store.side, height: store.side, channels: 3, pixels: canvas.pixels)))
    }
    return samples
  }

  /// Returns the captions of the first `count` images, for training a tokenizer.
  ///
  /// - Throws: As `batch(at:)`.
  public func captions(count: Int) throws(DataError) -> [String] {
    var captions: [String] = []
    for position in 0..<count { captions.append(try image(at: position).caption) }
    return captions
  }

  private func compose(_ index: Int, _ rows: Range<Int>) throws(DataError) -> ImageBatch {
    let size = configuration.imageSize
    let count = rows.count
    var pixels: [UInt8] = []
    pixels.reserveCapacity(count * size * size * 3)
    var captions: [String] = []
    var keys: [String] = []
    let first = index * configuration.batchSize
    for row in rows {
      let image = try image(at: first + row)
      pixels.append(contentsOf: image.pixels)
      captions.append(image.caption)
      keys.append(image.key)
    }
    return ImageBatch(pixels: pixels, count: count, size: size, captions: captions, keys: keys)
  }

  /// Returns the image at a position in the endless sequence.
  private func image(
    at position: Int
  ) throws(DataError) -> (pixels: [UInt8], caption: String, key: String) {
    var random = SampleRandom(seed: configuration.seed, position)
    let kind = random.uniform()
    let mixture = configuration.mixture
    if kind < mixture.sceneFraction {
      let scene = composer.scene(using: &random)
      return (scene.pixels, scene.caption, "scene_\(position)")
    }
    if kind < mixture.sceneFraction + mixture.shapeFraction {
      let scene = composer.shape(using: &random)
      return (scene.pixels, scene.caption, "shape_\(position)")
    }
    let index = orders.entry(at: position)
    let (entry, image) = try store.image(at: index)
    let augmentation = mixture.augmentation
    let flipped = entry.mayFlip && random.chance(augmentation.flipFraction)
    let side = Double(configuration.imageSize)
    let sampler = mixture.captions
    var caption =
      if let words {
        sampler.caption(for: entry.info, look: image.look, words: words, using: &random)
      } else {
        sampler.caption(for: entry.info, look: image.look, using: &random)
      }
    if image.sprite.isOpaque {
      var canvas = Canvas(side: configuration.imageSize, color: (255, 255, 255))
      canvas.draw(image.sprite, x: 0, y: 0, size: side, flipped: flipped)
      return (canvas.pixels, caption, entry.key)
    }
    let plain =
      image.look.isLineDrawing(entry.info) ? 1 : 1 - augmentation.coloredBackgroundFraction
    let background = composer.background(using: &random, plainFraction: plain)
    caption += background.phrase
    var canvas = background.canvas(configuration.imageSize)
    let scale = random.uniform(in: augmentation.smallestScale...augmentation.largestScale)
    let room = max(0, (1 - scale) / 2) + augmentation.shift
    let x = (1 - scale) / 2 + random.uniform(in: -room...room)
    let y = (1 - scale) / 2 + random.uniform(in: -room...room)
    canvas.draw(image.sprite, x: x * side, y: y * side, size: scale * side, flipped: flipped)
    return (canvas.pixels, caption, entry.key)
  }

  /// Returns the sprites with short names that can be placed in a scene.
  private static func elements(of store: ImageStore) throws(DataError) -> [SceneComposer.Element] {
    guard store.isCached else { return [] }
    var elements: [SceneComposer.Element] = []
    for (index, entry) in store.entries.enumerated() where SceneComposer.mayPlace(entry.info) {
      let image = try store.image(at: index).image
      let sprite = image.sprite
      // A line drawing is hard to see when small or on a coloured background.
      guard !sprite.isOpaque, !image.look.isLineDrawing(entry.info) else { continue }
      elements.append(
        SceneComposer.Element(name: NounPhrase.plain(entry.info.caption), sprite: sprite))
    }
    return elements
  }
}

/// A batch that a worker is preparing.
private final class PendingBatch: Sendable {
  struct Key: Hashable {
    let index: Int
    let rows: Range<Int>
  }

  private let result = Mutex<Result<ImageBatch, DataError>?>(nil)
  private let done = DispatchSemaphore(value: 0)

  func fulfil(_ batch: Result<ImageBatch, DataError>) {
    result.withLock { $0 = batch }
    done.signal()
  }

  func wait() -> Result<ImageBatch, DataError> {
    done.wait()
    done.signal()  // the same batch may be asked for again
    guard let batch = result.withLock({ $0 }) else {
      preconditionFailure("a finished batch has no result")
    }
    return batch
  }
}
