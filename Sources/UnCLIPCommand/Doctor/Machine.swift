import Foundation

#if canImport(Darwin)
  import Darwin
  import MachO
#endif

/// This machine, as the processor and the loader describe it.
struct Machine: Sendable, Equatable, Encodable {
  /// The processor's own name.
  var processor: String
  /// Logical cores.
  var cores: Int
  /// Bytes of memory.
  var memory: UInt64
  /// The processor's instruction sets that make tensor arithmetic faster.
  var instructionSets: [String]

  /// Instruction sets worth reporting, by their Linux names, slowest first.
  static let known = [
    "sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512_vnni", "avx512_bf16",
    "avx512_fp16", "amx_tile", "amx_bf16", "asimd", "asimdhp", "asimddp", "bf16", "sve", "sve2",
  ]

  /// The library file with LibTorch's operations.
  #if canImport(Darwin)
    static let libtorch = "libtorch_cpu.dylib"
  #else
    static let libtorch = "libtorch_cpu.so"
  #endif
}

extension Machine {
  /// This machine.
  static var current: Machine {
    let process = ProcessInfo.processInfo
    #if canImport(Darwin)
      return Machine(
        processor: systemText("machdep.cpu.brand_string") ?? "unknown",
        cores: process.activeProcessorCount, memory: process.physicalMemory,
        instructionSets: known.filter { systemFlag("hw.optional." + (darwinNames[$0] ?? $0)) })
    #else
      return Machine(
        cpuInfo: text(ofFile: "/proc/cpuinfo") ?? "", cores: process.activeProcessorCount,
        memory: process.physicalMemory)
    #endif
  }

  /// Reads the text of `/proc/cpuinfo`.
  init(cpuInfo: String, cores: Int, memory: UInt64) {
    var fields: [String: String] = [:]
    for line in cpuInfo.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let name = line[..<colon].trimmingCharacters(in: .whitespaces)
      guard fields[name] == nil else { continue }
      fields[name] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let flags = Set((fields["flags"] ?? fields["Features"] ?? "").split(separator: " "))
    processor = fields["model name"] ?? "unknown"
    instructionSets = Self.known.filter { flags.contains(Substring($0)) }
    self.cores = cores
    self.memory = memory
  }

  /// Processes that ran or wanted to in the last minute, on average; nil where it is not known.
  static var load: Double? {
    var average = 0.0
    return getloadavg(&average, 1) == 1 ? average : nil
  }

  /// How threads wait for each other: `GOMP_SPINCOUNT=0`, chosen at the start, or the user's own.
  static var waiting: String? {
    let settings = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"].compactMap { (name: String) in
      getenv(name).map { "\(name)=\(String(cString: $0))" }
    }
    return settings.isEmpty ? nil : settings.joined(separator: " ")
  }

  /// Whether there is a GPU of NVIDIA's with its driver, also under Windows' Linux.
  static var hasGPU: Bool {
    ["/dev/nvidiactl", "/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1"]
      .contains(where: FileManager.default.fileExists)
  }

  /// The file of a loaded shared library; nil if it is not loaded.
  static func pathOfLibrary(_ name: String) -> String? {
    #if canImport(Darwin)
      return (0..<_dyld_image_count()).lazy
        .compactMap { _dyld_get_image_name($0) }.map { String(cString: $0) }
        .first { $0.hasSuffix("/" + name) }
    #else
      let maps = text(ofFile: "/proc/self/maps") ?? ""
      let line = maps.split(separator: "\n").first { $0.hasSuffix("/" + name) }
      return line?.firstIndex(of: "/").flatMap { start in line.map { String($0[start...]) } }
    #endif
  }

  /// Reads a kernel file until its end, since it states no size.
  private static func text(ofFile path: String) -> String? {
    do {
      let data = try FileHandle(forReadingAtPath: path)?.readToEnd()
      return data.map { String(decoding: $0, as: UTF8.self) }
    } catch {
      return nil
    }
  }
}

#if canImport(Darwin)
  extension Machine {
    /// Darwin's names below `hw.optional`, where they differ from Linux's.
    fileprivate static let darwinNames = [
      "avx": "avx1_0", "avx2": "avx2_0", "asimd": "AdvSIMD", "asimdhp": "arm.FEAT_FP16",
      "asimddp": "arm.FEAT_DotProd", "bf16": "arm.FEAT_BF16",
    ]

    /// Whether the kernel reports a feature; false if it does not know the name.
    fileprivate static func systemFlag(_ name: String) -> Bool {
      var value: Int32 = 0
      var size = MemoryLayout<Int32>.size
      return sysctlbyname(name, &value, &size, nil, 0) == 0 && value != 0
    }

    /// A text from the kernel; nil if it does not know the name.
    fileprivate static func systemText(_ name: String) -> String? {
      var size = 0
      guard sysctlbyname(name, nil, &size, nil, 0) == 0 else { return nil }
      var bytes = [UInt8](repeating: 0, count: size)
      guard sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return nil }
      return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
#endif
