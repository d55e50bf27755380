// A compact set of hashed keys with the slice of the window in which each was seen last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/mail/sent_clock.h"
#include "agent/mail/sent_segment.h"

namespace backscatter {

// All eight slices lie in the same cache lines: one look-up answers for the window. Keys are
// 64-bit keyed hashes; a key that is not there is found with a chance of at most
// 16 * 2^-21 = 7.6e-6 when the set is full, and less by its filling before.
// 8 to 15 segments that double on their own: an empty set takes about 50 KiB, a full one at most
// 4.5 bytes and an overflow of about 0.3 a key; while a segment doubles or a slice turns, one
// segment is there twice. At capacity new keys are refused and counted.
// Not thread-safe. Fails to allocate like a container.
class SentSet {
 public:
  static constexpr std::size_t kMaxCapacity = (std::size_t{15} * SentSegment::kNamesPerLine)
                                              << SentSegment::kMaxLog2Lines;  // 126 million

  // `capacity` in keys, held to 1,024 to kMaxCapacity; rounded up by at most an eighth.
  explicit SentSet(std::size_t capacity);

  // What a key is called here, and in a file: below 2^44.
  std::uint64_t NameOf(std::uint64_t hash) const;
  bool IsName(std::uint64_t name) const;

  // `slice` within the eight that end with current_slice(). What is there keeps its newest slice.
  SentAdd Add(std::uint64_t hash, std::int64_t slice) { return AddName(NameOf(hash), slice); }
  SentAdd AddName(std::uint64_t name, std::int64_t slice);
  bool Contains(std::uint64_t hash) const;
  // Lets main memory fetch what Contains(hash) will read.
  void Prefetch(std::uint64_t hash) const;

  // Makes `slice` the current one and forgets what is older than seven before it; what is newer,
  // too. O(memory) where something has to be forgotten.
  void TurnTo(std::int64_t slice);
  std::int64_t current_slice() const { return current_; }
  // The names of one slice, sorted. O(memory).
  std::vector<std::uint64_t> NamesOf(std::int64_t slice) const;

  std::size_t capacity() const;  // in keys; a full segment refuses somewhat before or after it
  std::size_t size() const { return size_; }
  std::size_t overflowed() const;  // names that found their line full
  std::uint64_t refused() const { return refused_; }
  void RestoreRefused(std::uint64_t refused) { refused_ = refused; }
  std::size_t MemoryBytes() const;

 private:
  static unsigned LabelOf(std::int64_t slice) { return static_cast<unsigned>(slice) & 7; }
  std::size_t SegmentOf(std::uint64_t name) const { return name >> kSegmentShift; }

  static constexpr int kSegmentShift = 40;

  int log2_lines_ = 0;  // of a segment, in the end
  std::vector<std::unique_ptr<SentSegment>> segments_;
  std::int64_t current_ = 0;
  std::size_t size_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace backscatter
