#include "agent/mail/sent_set.h"

#include <algorithm>

namespace backscatter {
namespace {

constexpr std::size_t kMinSegments = 8;
constexpr std::size_t kMinCapacity = 1024;
constexpr std::uint64_t kLowMask = (std::uint64_t{1} << SentSegment::kRestBits) - 1;

}  // namespace

SentSet::SentSet(std::size_t capacity) {
  capacity = std::clamp(capacity, kMinCapacity, kMaxCapacity);
  const auto in_segment = [&] { return std::size_t{SentSegment::kNamesPerLine} << log2_lines_; };
  while (in_segment() * 2 * kMinSegments <= capacity && log2_lines_ < SentSegment::kMaxLog2Lines) {
    ++log2_lines_;
  }
  const std::size_t segments = (capacity + in_segment() - 1) / in_segment();
  for (std::size_t i = 0; i < segments; ++i) {
    segments_.push_back(std::make_unique<SentSegment>(log2_lines_));
  }
}

// The high 24 bits of the hash choose the segment, the low 40 are named by their high bits.
std::uint64_t SentSet::NameOf(std::uint64_t hash) const {
  const std::uint64_t segment = (hash >> 40) * segments_.size() >> 24;
  const int bits = log2_lines_ + SentSegment::kRestBits;
  std::uint64_t low = (hash & ((std::uint64_t{1} << 40) - 1)) >> (40 - bits);
  if ((low & kLowMask) == 0) low |= 1;  // a rest of zero means a free slot
  return segment << kSegmentShift | low;
}

bool SentSet::IsName(std::uint64_t name) const {
  const std::uint64_t low = name & ((std::uint64_t{1} << kSegmentShift) - 1);
  return SegmentOf(name) < segments_.size() && (low & kLowMask) != 0 &&
         low >> (log2_lines_ + SentSegment::kRestBits) == 0;
}

SentAdd SentSet::AddName(std::uint64_t name, std::int64_t slice) {
  const SentAdd added = segments_[SegmentOf(name)]->Add(
      name & ((std::uint64_t{1} << kSegmentShift) - 1), LabelOf(slice), LabelOf(current_));
  if (added == SentAdd::kFull) ++refused_;
  if (added == SentAdd::kNew) ++size_;
  return added;
}

bool SentSet::Contains(std::uint64_t hash) const {
  const std::uint64_t name = NameOf(hash);
  return segments_[SegmentOf(name)]->Contains(name & ((std::uint64_t{1} << kSegmentShift) - 1));
}

void SentSet::Prefetch(std::uint64_t hash) const {
  const std::uint64_t name = NameOf(hash);
  segments_[SegmentOf(name)]->Prefetch(name & ((std::uint64_t{1} << kSegmentShift) - 1));
}

void SentSet::TurnTo(std::int64_t slice) {
  if (slice == current_) return;
  unsigned keep = 0;
  for (int back = 0; back < kSentSlices; ++back) {
    const std::int64_t kept = current_ - back;
    if (kept <= slice && kept > slice - kSentSlices) keep |= 1U << LabelOf(kept);
  }
  current_ = slice;
  size_ = 0;
  for (const auto& segment : segments_) {
    if (segment->size() > 0) segment->Keep(keep);
    size_ += segment->size();
  }
}

std::vector<std::uint64_t> SentSet::NamesOf(std::int64_t slice) const {
  std::vector<std::uint64_t> names;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const std::uint64_t high = std::uint64_t{i} << kSegmentShift;
    segments_[i]->ForEach([&](std::uint64_t low, unsigned label) {
      if (label == LabelOf(slice)) names.push_back(high | low);
    });
  }
  std::ranges::sort(names);
  return names;
}

std::size_t SentSet::capacity() const { return segments_.size() * segments_.front()->capacity(); }

std::size_t SentSet::overflowed() const {
  std::size_t sum = 0;
  for (const auto& segment : segments_) sum += segment->overflowed();
  return sum;
}

std::size_t SentSet::MemoryBytes() const {
  std::size_t sum = sizeof *this;
  for (const auto& segment : segments_) sum += sizeof *segment + segment->MemoryBytes();
  return sum;
}

}  // namespace backscatter
