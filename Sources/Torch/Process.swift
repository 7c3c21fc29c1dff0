import CTorch
import Foundation
import Synchronization

/// Returns the text of the last LibTorch failure on this thread.
func lastFailure() -> String { String(cString: ct_last_error()) }

/// Returns the version of LibTorch this build was compiled against.
public func libtorchVersion() -> String { String(cString: ct_version()) }

/// Returns the instruction set that LibTorch's kernels use, as "AVX512".
public func cpuCapability() -> String { String(cString: ct_cpu_capability()) }

/// How many threads one operation may use.
public var threadCount: Int { ct_thread_count() }

/// Sets how many threads one operation may use.
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

/// Calls `handler`, which must end the process, when LibTorch runs out of memory. Without a handler
/// the process traps.
///
/// `handler` must not need memory.
package func onOutOfMemory(_ handler: @escaping @convention(c) () -> Void) {
  outOfMemoryHandler.withLock { $0 = handler }
  ct_on_out_of_memory(handler)
}

private let outOfMemoryHandler = Mutex<(@convention(c) () -> Void)?>(nil)

/// Calls the handler of ``onOutOfMemory(_:)`` if the failure is for want of memory.
func endIfOutOfMemory(_ reason: String) {
  let signs = [
    "allocate memory", "failed to allocate", "bad_alloc", "not enough memory", "out of memory",
  ]
  guard signs.contains(where: reason.contains) || isMemoryShort() else { return }
  outOfMemoryHandler.withLock { $0 }?()
}

/// Returns whether the system has no memory left: oneDNN reports only that it failed.
private func isMemoryShort() -> Bool {
  let size = 64 << 20
  let block = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  guard let block, block != MAP_FAILED else { return true }
  munmap(block, size)
  return false
}

/// Keeps the memory of freed CPU tensors for later ones of the same size, from here on.
///
/// Large tensors otherwise get fresh pages each time, which costs more than many an operation.
/// Tensors and kept memory together never exceed the peak of the tensors alone by more than a
/// quarter (half a GiB at most) and 64 MiB; so after a peak of 10 GiB about 10 GiB may stay with
/// the process until ``releaseTensorMemory()``.
public func cacheTensorMemory() { ct_cache_tensor_memory() }

/// Frees the memory that ``cacheTensorMemory()`` keeps.
public func releaseTensorMemory() { ct_release_tensor_memory() }

/// Returns the largest resident size of this process so far, bytes; 0 where the system does not
/// say.
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
