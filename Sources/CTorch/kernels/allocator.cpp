// Memory of CPU tensors: freed blocks are kept for the next tensor of their size.
//
// A step of training or sampling asks for the same sizes in every round. Fresh pages for each would
// cost more than many operations, and the C library's heap, if set to keep them, splits and loses
// large blocks: with 128 KiB to 8 MiB tensors of changing order it grew by 2 MB a step without end.
#include "../guard.h"

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>

#include <sys/mman.h>

namespace {

/// The header of each block; as long as the alignment, so that the block is aligned too.
struct alignas(64) Header {
  size_t size;
};

/// From this size on a block is mapped by itself: in the heap a small block above it would keep its
/// pages for good.
constexpr size_t kMappedSize = size_t{1} << 20;

/// From this size on a block requests huge pages: one fault per 2 MiB instead of 512, which took a
/// third of the time of a run at Karlo's sizes.
constexpr size_t kHugeSize = size_t{4} << 20;

/// A new block, or null.
void *new_block(size_t size) {
  if (size >= kMappedSize) {
    void *block =
        mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return nullptr;
#ifdef MADV_HUGEPAGE  // Linux
    // A hint only: a kernel without huge pages gives small ones.
    if (size >= kHugeSize) (void)madvise(block, size, MADV_HUGEPAGE);
#endif
    return block;
  }
  void *block = nullptr;
  return posix_memalign(&block, sizeof(Header), size) == 0 ? block : nullptr;
}

void free_block(void *block, size_t size) {
  if (size >= kMappedSize) {
    munmap(block, size);
  } else {
    std::free(block);
  }
}

/// The size of a block for a tensor of so many bytes: at most an eighth of waste for small ones,
/// whole pages for large ones.
size_t block_size(size_t bytes) {
  const size_t wanted = bytes + sizeof(Header);
  size_t unit = 64;
  if (wanted >= kMappedSize) {
    unit = 4096;
  } else {
    while (unit * 16 < wanted) unit *= 2;
  }
  return (wanted + unit - 1) / unit * unit;
}

class CachingAllocator final : public c10::Allocator {
 public:
  static CachingAllocator &shared() {
    // Never destroyed: tensors of other static objects may be freed after it would be.
    static auto *allocator = new CachingAllocator;
    return *allocator;
  }

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &drop, c10::Device(c10::kCPU)};
    const size_t size = block_size(bytes);
    void *block = reused(size);
    if (!block) block = fresh(size);
    static_cast<Header *>(block)->size = size;
    void *data = static_cast<char *>(block) + sizeof(Header);
    return {data, data, &drop, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &drop; }

  void copy_data(void *to, const void *from, size_t count) const override {
    default_copy_data(to, from, count);
  }

  /// Frees all kept blocks.
  void flush() {
    std::unordered_map<size_t, std::vector<void *>> blocks;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      blocks.swap(kept_);
      kept_bytes_ = 0;
      peak_ = live_;
    }
    for (auto &[size, list] : blocks) {
      for (void *block : list) free_block(block, size);
    }
  }

 private:
  static void drop(void *data) noexcept {
    if (data) shared().keep(static_cast<char *>(data) - sizeof(Header));
  }

  /// If the list cannot grow, the block goes back to the system.
  void keep(void *block) noexcept {
    const size_t size = static_cast<Header *>(block)->size;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      live_ -= size;
      try {
        kept_[size].push_back(block);
        kept_bytes_ += size;
        return;
      } catch (const std::bad_alloc &) {
      }
    }
    free_block(block, size);
  }

  void *reused(size_t size) {
    std::lock_guard<std::mutex> lock(mutex_);
    live_ += size;
    peak_ = std::max(peak_, live_);
    const auto found = kept_.find(size);
    if (found == kept_.end() || found->second.empty()) return nullptr;
    void *block = found->second.back();
    found->second.pop_back();
    kept_bytes_ -= size;
    return block;
  }

  void *fresh(size_t size) {
    if (is_wasteful()) flush();
    if (void *block = new_block(size)) return block;
    flush();
    if (void *block = new_block(size)) return block;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      live_ -= size;
    }
    TORCH_CHECK(false, "not enough memory for a tensor of ", size, " bytes");
  }

  /// Whether the process is a quarter, of 2 GiB at most, and 64 MiB larger than its tensors ever
  /// were: then the kept blocks have sizes that are no longer requested.
  bool is_wasteful() {
    std::lock_guard<std::mutex> lock(mutex_);
    const size_t slack = std::min(peak_, size_t{2} << 30) / 4 + (size_t{64} << 20);
    return live_ + kept_bytes_ > peak_ + slack;
  }

  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void *>> kept_;
  size_t kept_bytes_ = 0;
  size_t live_ = 0;
  size_t peak_ = 0;
};

}  // namespace

void ct_cache_tensor_memory(void) { c10::SetCPUAllocator(&CachingAllocator::shared(), 1); }

void ct_release_tensor_memory(void) { CachingAllocator::shared().flush(); }
