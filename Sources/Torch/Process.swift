import CTorch

/// The text of the last LibTorch failure on this thread.
func lastFailure() -> String { String(cString: ct_last_error()) }

/// The version of LibTorch this build was compiled against.
public func libtorchVersion() -> String { String(cString: ct_version()) }

/// The instruction set LibTorch's kernels were chosen for, as "AVX512".
public func cpuCapability() -> String { String(cString: ct_cpu_capability()) }

/// How many threads one operation may use.
public var threadCount: Int { ct_thread_count() }

/// Sets how many threads one operation may use.
///
/// Traps: if `count` is not positive.
public func setThreadCount(_ count: Int) {
  precondition(count > 0, "setThreadCount needs at least one thread, not \(count)")
  ct_set_thread_count(count)
}

/// Whether matrix products in bfloat16 are faster here than in float32.
///
/// Processors without such instructions take many times as long as for float32.
public var hasFastBFloat16: Bool { ct_has_bfloat16_products() }

/// Keeps freed memory for the next operation instead of giving it back to the system.
///
/// Large tensors otherwise get fresh pages each time, which costs more than many operations
/// themselves. The process stays at its peak size. Call it once, before any thread is started.
/// Returns false where the C library cannot do it; nothing else changes then.
@discardableResult
public func keepFreedMemory() -> Bool { ct_keep_freed_memory() }
