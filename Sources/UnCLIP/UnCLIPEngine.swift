public import Imaging
public import Torch

/// A pipeline for concurrent callers: an actor on a thread of its own, so that seconds of
/// arithmetic never hold a thread of Swift's pool.
///
/// ```swift
/// let engine = UnCLIPEngine(ModelFolder(url))
/// for try await event in engine.events(for: ImageRequest(prompt: "a red apple")) {
///   switch event {
///   case .step(let step): print(step.stage, step.step, "of", step.stepCount)
///   case .image(let image, let settings): try image.write(to: file(settings.seed))
///   }
/// }
/// ```
///
/// It makes every edit of the pipeline's, by the same names. Requests are served one after the other. A
/// task that is cancelled ends within one denoising step, and so does one whose `progress` throws. The thread count of the arithmetic is the process's, see `setThreadCount`.
public actor UnCLIPEngine {
  /// What happens during a generation.
  public enum Event: Sendable {
    /// A step of a stage is done.
    case step(Step)
    /// An image is done, and what it was made with.
    case image(Image, GenerationSettings)
  }

  /// How far a generation is.
  public struct Step: Sendable {
    /// The stage at work.
    public let stage: GenerationProgress.Stage
    /// Steps done of this stage.
    public let step: Int
    /// Steps of this stage.
    public let stepCount: Int
    /// Index of the image, from 0.
    public let index: Int
    /// Images asked for.
    public let count: Int
    /// The image as it would come out now; nil unless previews are asked for and the stage makes
    /// images.
    public let preview: Image?
  }

  private let thread = ComputeThread()
  private let open: @Sendable () throws -> UnCLIPPipeline
  private var pipeline: UnCLIPPipeline?

  /// The thread that the actor's work runs on.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    thread.asUnownedSerialExecutor()
  }

  /// Makes an engine that opens the model when it is first used.
  ///
  /// The parameters are those of ``UnCLIPPipeline/init(_:requiring:device:dtype:residency:)``.
  public init(
    _ folder: ModelFolder, requiring parts: [ModelFolder.Part] = [], device: Device = .cpu,
    dtype: DType = .float32, residency: UnCLIPPipeline.Residency = .lasting
  ) {
    open = {
      try UnCLIPPipeline(
        folder, requiring: parts, device: device, dtype: dtype, residency: residency)
    }
  }

  /// Runs `body` with the pipeline: its open stages, for whatever is not an image of a request.
  ///
  /// Tensors must not leave `body`; images and values may.
  /// - Throws: as ``UnCLIPPipeline/init(_:requiring:device:dtype:residency:)``, and what `body`
  ///   throws.
  public func withPipeline<Result: Sendable>(
    _ body: @Sendable (UnCLIPPipeline) throws -> Result
  ) throws -> Result {
    let opened = try pipeline ?? open()
    pipeline = opened
    return try body(opened)
  }

  /// Returns the model's name, version and default settings.
  /// - Throws: as ``withPipeline(_:)``.
  public func defaults() throws -> ModelDefaults { try withPipeline { $0.defaults } }

  /// Generates the images of a request, in order; see
  /// ``UnCLIPPipeline/images(for:varying:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func images(
    for request: ImageRequest, varying original: Image? = nil,
    progress: @escaping Progress = { _ in }
  ) throws -> [Image] {
    try working(progress) { try $0.images(for: request, varying: original, progress: $1) }
  }

  /// Generates one image; see ``UnCLIPPipeline/image(_:varying:progress:)``.
  /// - Throws: As that; `CancellationError` when the task is cancelled.
  public func image(
    _ settings: GenerationSettings, varying original: Image? = nil,
    progress: @escaping Progress = { _ in }
  ) throws -> Image {
    try working(progress) { try $0.image(settings, varying: original, progress: $1) }
  }

  /// Runs work that asks at each of its steps whether its task is cancelled.
  func working<Result: Sendable>(
    _ progress: @escaping Progress,
    _ body:
      @Sendable (UnCLIPPipeline, @escaping (GenerationProgress) throws -> Void) throws -> Result
  ) throws -> Result {
    // A task that was cancelled while it waited does nothing.
    try Task.checkCancellation()
    return try withPipeline { pipeline in
      try body(pipeline) { step in
        try Self.checkCancellation(after: step)
        try progress(step)
      }
    }
  }

  /// Generates the images of a request, and says each step on the way.
  ///
  /// The stream ends with the last image, or with the error that ended the generation. Whoever
  /// stops listening ends it too.
  /// - Parameters:
  ///   - request: What to generate.
  ///   - original: An image to vary; nil generates from the prompt.
  ///   - previews: whether steps carry the image as it would come out now.
  public nonisolated func events(
    for request: ImageRequest, varying original: Image? = nil, previews: Bool = false
  ) -> AsyncThrowingStream<Event, any Error> {
    events(previews) { pipeline, progress, image in
      var settings = try pipeline.settings(for: request, varying: original)
      for index in 0..<request.count {
        settings.seed = request.seed &+ UInt64(index)
        let made = try pipeline.image(settings, varying: original) { step in
          var step = step
          (step.index, step.count) = (index, request.count)
          try progress(step)
        }
        try image(made, settings)
      }
    }
  }

  /// Generates the images of an edit, and says each step on the way, as
  /// ``events(for:varying:previews:)`` does.
  public nonisolated func events(
    for request: ImageRequest, editing edit: ImageEdit, previews: Bool = false
  ) -> AsyncThrowingStream<Event, any Error> {
    events(previews) { pipeline, progress, image in
      try pipeline.generate(request, editing: edit, progress: progress, image: image)
    }
  }

  /// Work that says its steps, and hands over its images.
  private typealias Work =
    @Sendable (
      UnCLIPPipeline, _ progress: (GenerationProgress) throws -> Void,
      _ image: (Image, GenerationSettings) throws -> Void
    ) throws -> Void

  private nonisolated func events(
    _ previews: Bool, _ work: @escaping Work
  ) -> AsyncThrowingStream<Event, any Error> {
    AsyncThrowingStream { continuation in
      let task = Task {
        do {
          try await self.run(work, previews: previews) { continuation.yield($0) }
          continuation.finish()
        } catch {
          continuation.finish(throwing: error)
        }
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// An exit of the process cancels too.
  static func checkCancellation(after progress: GenerationProgress) throws {
    try Task.checkCancellation()
    // The stage's layers have run once.
    if ProcessExit.isExiting { throw CancellationError() }
  }

  private func run(
    _ work: Work, previews: Bool, event: @escaping @Sendable (Event) -> Void
  ) throws {
    try working { progress in
      event(
        .step(
          Step(
            stage: progress.stage, step: progress.step, stepCount: progress.stepCount,
            index: progress.index, count: progress.count,
            preview: previews ? progress.preview : nil)))
    } _: { pipeline, progress in
      try work(pipeline, progress) { event(.image($0, $1)) }
    }
  }
}
