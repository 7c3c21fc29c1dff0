public import Config
public import Torch
public import TorchNN

/// The configuration of a codebook and how it learns.
public struct VectorQuantizerConfig: Codable, Sendable, Equatable {
  /// How codes learn from the vectors assigned to them.
  public enum Update: String, ConfigChoice {
    /// Each code is a moving average of its vectors (van den Oord et al. 2017, appendix A.1).
    case ema
    /// The loss pulls each code to its vectors (equation 3, second term).
    case loss
  }

  /// K, the number of codes.
  public var codebookSize: Int
  /// d, the dimensions of a code.
  public var codeDim: Int
  /// How codes learn.
  public var update: Update
  /// β, the weight of the commitment loss; 0.25 in the paper.
  public var commitment: Double
  /// γ, the decay of the moving averages, in 0 ..< 1; 0.99 in the paper.
  public var decay: Double
  /// A code unused for this many training batches in a row restarts at a random vector of the
  /// batch; 0 for never.
  public var restartAfter: Int

  enum CodingKeys: String, CodingKey {
    case codebookSize = "codebook_size"
    case codeDim = "code_dim"
    case update, commitment, decay
    case restartAfter = "restart_after"
  }

  /// Groups the values.
  public init(
    codebookSize: Int, codeDim: Int, update: Update = .ema, commitment: Double = 0.25,
    decay: Double = 0.99, restartAfter: Int = 0
  ) {
    self.codebookSize = codebookSize
    self.codeDim = codeDim
    self.update = update
    self.commitment = commitment
    self.decay = decay
    self.restartAfter = restartAfter
  }

  /// Checks each value.
  ///
  /// - Parameters:
  ///   - file: The name used in errors.
  ///   - key: The path of these values in the file, such as "model.quantizer".
  /// - Throws: `ConfigError.invalid` for the first value that is impossible.
  public func validate(file: String, key: String) throws(ConfigError) {
    let check = ConfigCheck(file: file, at: key)
    try check.count("codebook_size", codebookSize, in: 1...ConfigLimit.vocabulary)
    try check.count("code_dim", codeDim)
    try check.number("commitment", commitment, in: 0...1e6)
    try check.belowOne("decay", decay)
    // 0 means never.
    try check.count("restart_after", restartAfter, in: 0...1_000_000_000)
    try check.weights(Double(codebookSize) * Double(codeDim), "codebook_size", codebookSize)
  }
}

/// A quantiser's output for a map of vectors.
public struct Quantized {
  /// The nearest code of each vector, `[B, d, h, w]`. Gradients pass straight through to the
  /// vectors.
  public let values: Tensor
  /// The index of each code, `[B, h, w]` int64.
  public let codes: Tensor
  /// The quantiser's term of the model's loss, `[]`.
  public let loss: Tensor
  /// The effective number of codes in this batch, e to the entropy of their frequencies: 1 to K,
  /// `[]`.
  public let perplexity: Tensor
}

/// Replaces each vector by the nearest of K learnt ones, the codes: `[B, d, h, w] -> [B, d, h, w]`.
///
/// A code that is nearest to no vector never learns. Two things prevent this, both only in training
/// with random numbers. The first batch initialises all codes at random vectors of its own: random
/// codes lie close together, far from the vectors, and most would stay unused. And a code unused
/// for long restarts at a random vector.
/// Source: van den Oord, Vinyals & Kavukcuoglu 2017, equations 1 to 3 and appendix A.1; the
/// smoothing of counts as in their code (sonnet `VectorQuantizerEMA`).
public final class VectorQuantizer: Module, TrainingSwitch, BatchDependent {
  /// The codes are a buffer or a parameter, under one key.
  public static let keys = ["averaged": "codebook", "trained": "codebook"]
  /// ε, which keeps the count of an unused code above zero.
  private static let epsilon = 1e-5

  /// The codes `[K, d]`, if they are moving averages.
  private let averaged: Buffer?
  /// The codes `[K, d]`, if the loss trains them.
  private let trained: Parameter?
  /// N `[K]`, the moving average of the number of vectors per code in a batch.
  let clusterSize: Buffer?
  /// m `[K, d]`, the moving average of the sum of these vectors.
  let clusterSum: Buffer?
  /// For how many batches in a row each code has been unused, `[K]` int64.
  let idle: Buffer
  /// 1 once the first batch has initialised the codes; int64.
  let initialized: Buffer
  /// Its shape.
  public let config: VectorQuantizerConfig
  /// Whether the codes learn.
  public var isTraining = true
  /// Gathers the vectors of other processes, since the codes learn from the whole batch.
  public var gather: ((Tensor) -> Tensor)?

  /// Makes a quantiser with codes sampled uniformly from ±1/K, until the first batch sets them.
  public init(_ config: VectorQuantizerConfig, using random: RandomSource) {
    let count = config.codebookSize
    let initial = Parameter(
      [count, config.codeDim], .uniform(bound: 1 / Double(count)), using: random)
    let isAveraged = config.update == .ema
    averaged = isAveraged ? Buffer(initial.shape) { initial.value } : nil
    trained = isAveraged ? nil : initial
    // A code starts as the mean of one vector.
    clusterSize = isAveraged ? Buffer([count], filledWith: 1) : nil
    clusterSum =
      isAveraged ? Buffer(initial.shape) { initial.value.detached().cloned() } : nil
    idle = Buffer([count], filledWith: 0, dtype: .int64)
    initialized = Buffer([], filledWith: 0, dtype: .int64)
    self.config = config
  }

  /// e, the codes, `[K, d]`.
  public var codebook: Tensor {
    guard let codes = averaged?.value ?? trained?.value else {
      preconditionFailure("a quantiser has averaged or trained codes")
    }
    return codes
  }

  /// Replaces each vector by its code; in training the codes learn from the batch afterwards.
  ///
  /// Without random numbers no code restarts.
  /// The loss is `β ‖z - sg[e]‖²`, with `‖sg[z] - e‖²` when the loss trains the codes: means over
  /// all elements, as in the paper's code, where the paper has sums.
  /// Shapes: `z` `[B, d, h, w]`.
  public func callAsFunction(_ z: Tensor, using random: RandomSource? = nil) -> Quantized {
    let z = z.to(codebook.dtype)
    let vectors = isTraining ? gathered(rows(of: z)) : rows(of: z)  // [N, d]
    if isTraining, let random { placeOnce(on: vectors, using: random.whole) }
    let codes = self.codes(of: z)  // [B, h, w]
    let e = embedding(of: codes)  // [B, d, h, w]

    var loss = F.mseLoss(z, e.detached()) * config.commitment
    if config.update == .loss { loss = loss + F.mseLoss(e, z.detached()) }

    let chosen = isTraining ? gathered(codes.flattened()) : codes.flattened()  // [N]
    let counts = chosen.occurrences(minimumLength: config.codebookSize)  // [K]
    let frequencies = counts.to(codebook.dtype) / Double(chosen.count)
    let entropy = -(frequencies * frequencies.clamped(min: 1e-10).log()).sum()

    if isTraining {
      noGrad {
        average(vectors, chosen, counts)
        restart(on: vectors, counts, using: random?.whole)
      }
    }
    // The value is e, the gradient z's: the straight-through estimator (section 3.2).
    return Quantized(
      values: z + (e - z).detached(), codes: codes, loss: loss, perplexity: entropy.exp())
  }

  /// Returns the index of each vector's nearest code (equations 1 and 2).
  ///
  /// Shapes: `[B, d, h, w]` -> `[B, h, w]` int64.
  public func codes(of z: Tensor) -> Tensor {
    let (batch, _, height, width) = z.shape4
    return noGrad {
      let e = codebook
      let vectors = rows(of: z.to(e.dtype))  // [N, d]
      // ‖z - e‖² = ‖z‖² - 2 z·e + ‖e‖², and ‖z‖² is the same for all codes.
      let distances = e.square().sum(over: 1) - vectors.matmul(e.transposed()) * 2  // [N, K]
      return distances.argmin(over: 1).reshaped(batch, height, width)
    }
  }

  /// Looks up codes by their indices.
  ///
  /// Shapes: `[B, h, w]` int64 in 0 ..< K -> `[B, d, h, w]`.
  public func embedding(of codes: Tensor) -> Tensor {
    F.embedding(codebook, codes).permuted(0, 3, 1, 2).contiguous()
  }

  /// Returns the vectors of a map as rows, outside the graph: `[B, d, h, w] -> [B h w, d]`.
  private func rows(of z: Tensor) -> Tensor {
    z.detached().permuted(0, 2, 3, 1).reshaped(-1, config.codeDim)
  }

  private func gathered(_ rows: Tensor) -> Tensor { gather?(rows) ?? rows }

  /// Moves all codes to vectors of the first batch.
  private func placeOnce(on vectors: Tensor, using random: RandomSource) {
    guard initialized.value.itemInt() == 0 else { return }
    let indices = Tensor.indices(config.codebookSize, device: vectors.device)
    noGrad {
      place(indices, on: vectors, using: random)
      initialized.value.copy(from: initialized.value.onesLike())
    }
  }

  /// Updates the moving averages, and so the codes (appendix A.1).
  private func average(_ vectors: Tensor, _ chosen: Tensor, _ counts: Tensor) {
    guard let averaged, let clusterSize, let clusterSum else { return }
    let gamma = config.decay
    let sums = clusterSum.value.zerosLike().indexAdded(0, chosen, vectors)  // Σ z
    let n = counts.to(vectors.dtype)
    clusterSize.value.copy(from: clusterSize.value * gamma + n * (1 - gamma))  // N
    clusterSum.value.copy(from: clusterSum.value * gamma + sums * (1 - gamma))  // m
    let total = clusterSize.value.sum()
    let smoothing = total / (total + Double(config.codebookSize) * Self.epsilon)
    let size = (clusterSize.value + Self.epsilon) * smoothing
    averaged.value.copy(from: clusterSum.value / size.unsqueezed(1))  // e = m / N
  }

  /// Counts how long each code has been unused, and restarts those unused for too long.
  private func restart(on vectors: Tensor, _ counts: Tensor, using random: RandomSource?) {
    idle.value.copy(from: (idle.value + 1) * (counts .== 0).to(.int64))
    guard config.restartAfter > 0, let random else { return }
    let dead = (idle.value .>= Double(config.restartAfter)).nonzero().flattened()
    if dead.count > 0 { place(dead, on: vectors, using: random) }
  }

  /// Moves the codes at some indices `[n]` to random vectors of the batch, distinct ones if there
  /// are enough.
  private func place(_ indices: Tensor, on vectors: Tensor, using random: RandomSource) {
    let (batch, wanted) = (vectors.dim(0), indices.count)
    let rows =
      wanted <= batch
      ? random.permutation(batch)[0..<wanted] : random.integers(in: 0..<batch, [wanted])
    let new = vectors.indexed(by: rows.to(vectors.device))  // [n, d]
    let rowIndices = indices.unsqueezed(1).expanded(wanted, config.codeDim)
    codebook.copy(from: codebook.detached().scattered(0, rowIndices, new))
    if let clusterSize, let clusterSum {
      let one = Tensor.ones([wanted], dtype: clusterSize.value.dtype, device: vectors.device)
      clusterSize.value.copy(from: clusterSize.value.scattered(0, indices, one))
      clusterSum.value.copy(from: clusterSum.value.scattered(0, rowIndices, new))
    }
    let zero = Tensor.zeros([wanted], dtype: .int64, device: vectors.device)
    idle.value.copy(from: idle.value.scattered(0, indices, zero))
  }
}
