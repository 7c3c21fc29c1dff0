import ArgumentParser
import Foundation
import Imaging
import Torch
import TorchNN
import UnCLIP

/// `unclip bench pipeline`.
struct PipelineBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pipeline",
    abstract: "Time the steps of each stage and compare them with the processor's peak.",
    discussion: """
      Generates an image with a few steps in each stage. A stage's first step includes the loading \
      of its network; the median of the others times the model's own number of steps gives the \
      time of a whole image. The peak is the best rate of a product of two large matrices in the \
      same element type, measured last. Operations are counted from the formulas: a stage whose \
      convolutions need fewer (Winograd's) can exceed the peak.

      EXAMPLES:
        unclip bench pipeline
        unclip bench pipeline --model karlo --dtype bfloat16 --steps 3
        unclip bench pipeline --model runs/model --prior ar
      """)

  private static let stepRange = OptionRange("--steps", 2...1000)

  @Option(help: stepRange.help("Steps to time in each stage"))
  var steps = 4

  @Option(
    help: ArgumentHelp(
      "Where the image embedding comes from: the diffusion or the autoregressive prior, none or text.",
      valueName: "name"))
  var prior = PriorKind.diffusion

  @Option(name: .out, help: ArgumentHelp("Where to write the image.", valueName: "file"))
  var out: String?

  @OptionGroup var files: OutputFiles

  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try Self.stepRange.check(steps)
    guard machine.device == "cpu" else {
      throw ValidationError("--device is \(machine.device), but only steps on the cpu are timed.")
    }
  }

  func run() throws {
    try files.check(out.map { [OutputFile($0)] } ?? [])
    let dtype = model.dtype.type(on: try machine.prepare())
    let clock = ContinuousClock()
    let (begin, age) = (clock.now, secondsSinceProcessStart())
    let pipeline = try model.open(on: machine, requiring: prior.parts)
    let counter = OperationCounter()
    var marks: [Mark] = []
    var sampling = pipeline.defaults.sampling
    sampling.priorKind = prior
    sampling.priorSteps = steps
    sampling.decoderSteps = steps
    sampling.upsamplerSteps = steps
    sampling.secondUpsamplerSteps = steps
    let settings = try pipeline.settings(
      for: ImageRequest(prompt: "a red apple", sampling: sampling))
    let image = try counter.counting {
      try pipeline.image(settings) { progress in
        marks.append(
          Mark(
            stage: progress.stage, seconds: (clock.now - begin) / .seconds(1),
            operations: counter.count))
      }
    }
    let own = pipeline.defaults.sampling
    // The autoregressive prior always samples all its tokens.
    let tokens = marks.count { $0.stage == .prior }
    if let out { try image.write(to: URL(fileURLWithPath: out), replacing: files.force) }
    let memory = peakMemory()
    let report = PipelineReport(
      model: pipeline.defaults.name, dtype: dtype.rawValue, threads: threadCount,
      peak: matrixProductRate(dtype.dtype), peakMemory: memory, age: age, marks: marks,
      stepCounts: [
        .prior: prior == .autoregressive ? tokens : own.priorSteps, .decoder: own.decoderSteps,
        .upsampler: own.upsamplerSteps,
        .secondUpsampler: own.secondUpsamplerSteps,
      ])
    if output.json {
      try Output.json(report)
    } else {
      try Output.line(report.text)
    }
  }

  /// The end of one step.
  struct Mark {
    var stage: GenerationProgress.Stage
    /// Seconds since the model was opened.
    var seconds: Double
    /// Floating-point operations since then.
    var operations: Double
  }
}

/// Seconds since this process was started; nil where the system does not say.
func secondsSinceProcessStart() -> Double? {
  #if os(Linux)
    func text(_ path: String) -> String? {
      FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
    // The 20th field after the name in brackets is the start, in clock ticks.
    guard let fields = text("/proc/self/stat")?.split(separator: ")").last?.split(separator: " "),
      fields.count > 19, let ticks = Double(fields[19]),
      let now = text("/proc/uptime")?.split(separator: " ").first.flatMap({ Double($0) })
    else { return nil }
    return now - ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  #else
    var process = kinfo_proc()
    var size = MemoryLayout<kinfo_proc>.stride
    var name = [CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()]
    guard sysctl(&name, UInt32(name.count), &process, &size, nil, 0) == 0, size > 0 else {
      return nil
    }
    let start = process.kp_proc.p_un.__p_starttime
    return Date().timeIntervalSince1970 - Double(start.tv_sec) - Double(start.tv_usec) / 1e6
  #endif
}

/// Measures floating-point operations a second in the product of two 2048 x 2048 matrices: the best
/// of several runs, by whichever kernel is faster here.
func matrixProductRate(_ dtype: DType) -> Double {
  let side = 2048
  let random = RandomSource(seed: 0)
  let layer = Linear(side, side, bias: false, using: random)
  layer.freeze()
  layer.to(dtype: dtype)
  let x = random.normal([side, side]).to(dtype)
  let clock = ContinuousClock()
  func best(_ body: () -> Tensor) -> Double {
    (0..<4).map { _ in clock.measure { _ = body() } / .seconds(1) }.min() ?? .infinity
  }
  let seconds = noGrad { () -> Double in
    let plain = best { layer(x) }
    layer.pack()
    return min(plain, best { layer(x) })
  }
  return 2 * Double(side * side * side) / seconds
}
