import CTorch
import Foundation
import Synchronization

/// Returns the text of the last LibTorch failure on this thread.
func lastFailure() -> String { String(cString: ct_last_error()) }

/// Returns the version of LibTorch this build was compiled against.
public func libtorchVersion() -> String { String(cString: ct_version()) }

/// Returns the instruction set that LibTorch's kernels use, as "AVX512".
public func cpuCapability() -> String { String(cString: ct_cpu_capability()) }

/// The number of threads that one operation may use.
public var threadCount: Int { ct_thread_count() }

/// Sets the number of threads that one operation may use.
///
/// - Precondition: `count` is positive.
public func setThreadCount(_ count: Int) {
  precondition(count > 0, "setThreadCount needs at least one thread, not \(count)")
  ct_set_thread_count(count)
}

/// Whether matrix products in bfloat16 are faster here than in float32.
///
/// Processors without such instructions take many times as long as for float32.
public var hasFastBFloat16: Bool { ct_has_bfloat16_products() }

/// Calls `handler`, which must end the process, when LibTorch cannot allocate memory for a tensor
/// or for its own work. Without a handler the process traps.
///
/// `handler` must not need memory.
package func onOutOfMemory(_ handler: @escaping @convention(c) () -> Void) {
  outOfMemoryHandler.withLock { $0 = handler }
  ct_on_out_of_memory(handler)
}

private let outOfMemoryHandler = Mutex<(@convention(c) () -> Void)?>(nil)

/// Passes a failure to the handler of ``onOutOfMemory(_:)`` if memory ran out.
func endIfOutOfMemory(_ reason: String) {
  let signs = [
    "allocate memory", "failed to allocate", "bad_alloc", "not enough memory", "out of memory",
  ]
  guard signs.contains(where: reason.contains) || isMemoryShort() else { return }
  outOfMemoryHandler.withLock { $0 }?()
}

/// Whether the system has hardly any memory left: oneDNN does not report the cause of a failure.
private func isMemoryShort() -> Bool {
  let size = 64 << 20
  let block = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  guard let block, block != MAP_FAILED else { return true }
  munmap(block, size)
  return false
}

/// Starts to keep the memory of freed CPU tensors for later ones of their size.
///
/// Large tensors otherwise get fresh pages each time, which costs more than many operations
/// themselves. Tensors and what is kept never hold more together than tensors alone have held at
/// one time, plus a quarter of that (half a GiB at most) and 64 MiB; so after a peak of 10 GiB up
/// to 10 GiB may stay with the process until ``releaseTensorMemory()``.
public func cacheTensorMemory() { ct_cache_tensor_memory() }

/// Returns the memory kept by ``cacheTensorMemory()`` to the system.
public func releaseTensorMemory() { ct_release_tensor_memory() }

/// The largest resident size this process has had, bytes; 0 where the system does not report it.
public func peakMemory() -> Int {
  var usage = rusage()
  #if canImport(Glibc)
    let own = __rusage_who_t(RUSAGE_SELF.rawValue)
  #else
    let own = RUSAGE_SELF
  #endif
  guard getrusage(own, &usage) == 0 else { return 0 }
  #if os(Linux)
    return usage.ru_maxrss * 1024
  #else
    return usage.ru_maxrss
  #endif
}
