import ArgumentParser
import Torch

/// `--device` and `--threads`.
struct MachineOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Where to compute: cpu, cuda or cuda:INDEX.", valueName: "name"))
  var device = "cpu"

  /// The possible thread counts.
  static let threadRange = OptionRange("--threads", 1...1024)

  @Option(
    name: [.customShort("t"), .long],
    help: threadRange.help("Threads on the processor", note: "all cores if not given"))
  var threads: Int?

  func validate() throws { try Self.threadRange.check(threads) }

  /// Sets the thread count and opens the device.
  /// - Parameter recorded: Threads to use if the option is not given; all cores if nil.
  /// - Throws: `DeviceError` when there is no such device.
  func prepare(recorded: Int? = nil) throws(DeviceError) -> Device {
    if let threads = threads ?? recorded { setThreadCount(threads) }
    let device = try Device(parsing: device)
    try device.require()
    return device
  }
}

/// The types a model can compute in, as image metadata name them.
enum ElementType: String, ExpressibleByArgument, CaseIterable, Sendable {
  case float32, bfloat16, float16

  /// The tensors' type.
  var dtype: DType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    }
  }
}

extension ElementType {
  /// The element type of a tensor type; float32 for types no model computes in.
  init(_ dtype: DType) { self = Self.allCases.first { $0.dtype == dtype } ?? .float32 }
}

/// `--dtype`: a type, or the fastest that is accurate enough.
enum ElementChoice: String, ExpressibleByArgument, CaseIterable, Sendable {
  case auto, float32, bfloat16, float16

  /// Resolves `auto`: bfloat16 on CUDA and on processors with bfloat16 products, else float32.
  func type(on device: Device) -> ElementType {
    switch self {
    case .auto: device.kind == .cpu && !hasFastBFloat16 ? .float32 : .bfloat16
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float16: .float16
    }
  }
}
