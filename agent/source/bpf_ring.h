// The ring into which the kernel programs write: records out, in the order in which room was taken.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/statusor.h"

#include "bpf/include/wire.h"

namespace backscatter {

class BpfRecordSink {
 public:
  virtual ~BpfRecordSink() = default;
  // `payload` is record.captured bytes; both live until the callback returns.
  virtual void OnRecord(const bs_record& record, std::span<const std::uint8_t> payload) = 0;
};

// A reader of a map of type BPF_MAP_TYPE_RINGBUF (Documentation/bpf/ringbuf.rst of the kernel).
// One reader a ring. Not thread-safe; the kernel writes at any time.
class BpfRing {
 public:
  // `fd` is the map's and must outlive the ring; `bytes` is the map's max_entries.
  static absl::StatusOr<std::unique_ptr<BpfRing>> Open(int fd, std::size_t bytes);
  ~BpfRing();
  BpfRing(const BpfRing&) = delete;
  BpfRing& operator=(const BpfRing&) = delete;

  // Hands over what is there, at most `limit` records; returns how many.
  std::size_t Drain(BpfRecordSink& sink, std::size_t limit);
  // What waits, records' headers included.
  std::size_t pending() const;

 private:
  BpfRing() = default;

  std::atomic<std::uint64_t>* consumer_ = nullptr;  // a page of its own, written by us
  const std::atomic<std::uint64_t>* producer_ = nullptr;
  const std::uint8_t* data_ = nullptr;  // mapped twice in a row: no record is in two pieces
  std::size_t mask_ = 0;
  std::size_t page_ = 0;
};

}  // namespace backscatter
