import Foundation

#if canImport(Darwin)
  import Darwin
  import MachO
#endif

/// What the processor and the loader say about this machine.
struct Machine: Sendable, Equatable, Encodable {
  /// The processor's own name.
  var processor: String
  /// Logical cores.
  var cores: Int
  /// Bytes of memory.
  var memory: UInt64
  /// Instruction sets that make tensor arithmetic faster, of those the processor has.
  var instructionSets: [String]

  /// Instruction sets worth telling, as Linux names them, slowest first.
  static let known = [
    "sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512_vnni", "avx512_bf16",
    "avx512_fp16", "amx_tile", "amx_bf16", "asimd", "asimdhp", "asimddp", "bf16", "sve", "sve2",
  ]

  /// The file that LibTorch's operations lie in.
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

  /// The file of a shared library that this process has loaded, or nil.
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

  /// Files of the kernel state no size, so they are read until they end.
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

    /// Whether the kernel states a feature; false where it does not know the name.
    fileprivate static func systemFlag(_ name: String) -> Bool {
      var value: Int32 = 0
      var size = MemoryLayout<Int32>.size
      return sysctlbyname(name, &value, &size, nil, 0) == 0 && value != 0
    }

    /// A text that the kernel states, or nil where it does not know the name.
    fileprivate static func systemText(_ name: String) -> String? {
      var size = 0
      guard sysctlbyname(name, nil, &size, nil, 0) == 0 else { return nil }
      var bytes = [UInt8](repeating: 0, count: size)
      guard sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return nil }
      return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
#endif
