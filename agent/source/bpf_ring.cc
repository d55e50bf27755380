#include "agent/source/bpf_ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/status/status.h"

namespace backscatter {
namespace {

// Each record has a header of 8 bytes: its length, whose two highest bits say more.
constexpr std::size_t kHeader = 8;
constexpr std::uint32_t kBusy = 1u << 31;
constexpr std::uint32_t kDiscarded = 1u << 30;

std::uint64_t RoundUp(std::uint64_t length) { return (length + 7) / 8 * 8; }

absl::Status MapError(const char* what) {
  return absl::UnavailableError(std::string("the ring of the kernel program, ") + what + ": " +
                                std::strerror(errno));
}

}  // namespace

absl::StatusOr<std::unique_ptr<BpfRing>> BpfRing::Open(int fd, std::size_t bytes) {
  std::unique_ptr<BpfRing> ring(new BpfRing);
  ring->page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  ring->mask_ = bytes - 1;
  void* const consumer = mmap(nullptr, ring->page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer == MAP_FAILED) return MapError("our position");
  ring->consumer_ = static_cast<std::atomic<std::uint64_t>*>(consumer);
  void* const producer = mmap(nullptr, ring->page_ + 2 * bytes, PROT_READ, MAP_SHARED, fd,
                              static_cast<off_t>(ring->page_));
  if (producer == MAP_FAILED) return MapError("its records");
  ring->producer_ = static_cast<const std::atomic<std::uint64_t>*>(producer);
  ring->data_ = static_cast<const std::uint8_t*>(producer) + ring->page_;
  return ring;
}

BpfRing::~BpfRing() {
  if (consumer_ != nullptr) munmap(consumer_, page_);
  if (data_ == nullptr) return;
  munmap(const_cast<std::uint8_t*>(data_ - page_), page_ + 2 * (mask_ + 1));
}

std::size_t BpfRing::pending() const {
  return static_cast<std::size_t>(producer_->load(std::memory_order_acquire) -
                                  consumer_->load(std::memory_order_relaxed));
}

std::size_t BpfRing::Drain(BpfRecordSink& sink, std::size_t limit) {
  std::uint64_t at = consumer_->load(std::memory_order_relaxed);
  const std::uint64_t end = producer_->load(std::memory_order_acquire);
  std::size_t count = 0;
  while (at < end && count < limit) {
    const std::uint8_t* const head = data_ + (at & mask_);
    const std::uint32_t length =
        __atomic_load_n(reinterpret_cast<const std::uint32_t*>(head), __ATOMIC_ACQUIRE);
    if ((length & kBusy) != 0) break;  // still being written
    const std::uint32_t size = length & ~kDiscarded;
    if ((length & kDiscarded) == 0 && size >= sizeof(bs_record)) {
      const auto* const record = reinterpret_cast<const bs_record*>(head + kHeader);
      const std::size_t room = size - sizeof *record;
      sink.OnRecord(*record, {head + kHeader + sizeof *record,
                              record->captured < room ? record->captured : room});
      ++count;
    }
    at += RoundUp(kHeader + size);
    consumer_->store(at, std::memory_order_release);  // the room is free at once
  }
  return count;
}

}  // namespace backscatter
