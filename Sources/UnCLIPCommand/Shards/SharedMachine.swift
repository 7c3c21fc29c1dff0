import Distribution
import Foundation
import Torch

/// Threads and arithmetic of processes that must compute the same bytes: those that the plan of the
/// folder says, unless options do.
enum SharedMachine {
  /// The threads of a process that is not told how many: those that were recorded, else its share of
  /// the machine's cores; nil for all cores.
  static func threads(_ recorded: [String: String], _ launch: Launch? = Launch()) -> Int? {
    if let threads = valid(recorded["threads"]) { return threads }
    guard let launch, launch.count > 1 else { return nil }
    let machine = ProcessInfo.processInfo
    return max(1, min(machine.activeProcessorCount, machine.processorCount / (launch.local ?? 1)))
  }

  /// The element type: of `auto` the one that was recorded, where there is one.
  static func dtype(
    _ recorded: [String: String], asked: ElementChoice, on device: Device
  ) -> ElementType {
    guard asked == .auto, let type = recorded["dtype"].flatMap(ElementType.init(rawValue:)) else {
      return asked.type(on: device)
    }
    return type
  }

  /// The settings that are taken from the plan since no option says them.
  static func open(_ machine: MachineOptions, seed: SeedChoice? = nil) -> Set<String> {
    Set((machine.threads == nil ? ["threads"] : []) + (seed == .random ? ["seed"] : []))
  }

  /// Computes with the threads of the plan, which another process may have written.
  static func use(_ settings: [String: String]) {
    if let threads = valid(settings["threads"]) { setThreadCount(threads) }
  }

  private static func valid(_ threads: String?) -> Int? {
    threads.flatMap { Int($0) }.flatMap { MachineOptions.threadRange.range.contains($0) ? $0 : nil }
  }
}
