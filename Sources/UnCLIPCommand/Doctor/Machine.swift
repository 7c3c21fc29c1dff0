import Foundation

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

  /// This machine.
  static var current: Machine {
    Machine(
      cpuInfo: text(ofFile: "/proc/cpuinfo") ?? "",
      cores: ProcessInfo.processInfo.activeProcessorCount,
      memory: ProcessInfo.processInfo.physicalMemory)
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
    let maps = text(ofFile: "/proc/self/maps") ?? ""
    let line = maps.split(separator: "\n").first { $0.hasSuffix("/" + name) }
    return line?.firstIndex(of: "/").flatMap { start in line.map { String($0[start...]) } }
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
