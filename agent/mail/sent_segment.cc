#include "agent/mail/sent_segment.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace backscatter {
namespace {

constexpr int kFirstLog2Lines = 6;  // 4 KiB
constexpr int kLabelBits = 3;
constexpr std::size_t kMark = 63;

int WidthFor(int rest_bits) { return (rest_bits + kLabelBits + 7) / 8; }

// Little endian, as every machine that this is built for; only memory, never a file.
template <int kWidth>
std::uint64_t LoadSlot(const std::uint8_t* line, int slot) {
  if constexpr (kWidth == 3 || kWidth == 4) {
    std::uint32_t word;
    std::memcpy(&word, line + slot * kWidth, sizeof word);
    return kWidth == 3 ? word & 0xffffff : word;
  } else {
    std::uint64_t word;
    std::memcpy(&word, line + slot * kWidth, sizeof word);
    return word & ((std::uint64_t{1} << (8 * kWidth)) - 1);
  }
}

void StoreSlot(int width, std::uint8_t* line, int slot, std::uint64_t value) {
  for (int i = 0; i < width; ++i) {
    line[slot * width + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

// Whether some slot of three octets may have this rest; never false where one has. Two slots at
// once: what is equal becomes zero, and a borrow shows a zero. Most look-ups find nothing.
bool MayHave3(const std::uint8_t* line, std::uint64_t rest) {
  constexpr std::uint64_t kEach = 0x1000001;
  constexpr std::uint64_t kRest = (0xffffffULL << kLabelBits & 0xffffff) * kEach;
  const std::uint64_t wanted = (rest << kLabelBits) * kEach;
  std::uint64_t zeros = 0;
  for (int slot = 0; slot < 21; slot += 2) {
    std::uint64_t two = 0;  // of the last one, the line's end lies behind it
    std::memcpy(&two, line + slot * 3, slot == 20 ? 4 : 8);
    const std::uint64_t unlike = (two ^ wanted) & kRest;
    zeros |= (unlike - kEach) & ~unlike;
  }
  return (zeros & 0x800000 * kEach) != 0;
}

// The slot with this rest, or -1. No early end: the loop has no branch but its own.
template <int kWidth>
int Find(const std::uint8_t* line, std::uint64_t rest) {
  int found = -1;
  for (int slot = 0; slot < 63 / kWidth; ++slot) {
    if (LoadSlot<kWidth>(line, slot) >> kLabelBits == rest) found = slot;
  }
  return found;
}

}  // namespace

SentSegment::SentSegment(int final_log2_lines)
    : final_log2_lines_(std::clamp(final_log2_lines, 0, kMaxLog2Lines)) {
  Reset(std::min(kFirstLog2Lines, final_log2_lines_));
}

void SentSegment::Reset(int log2_lines) {
  log2_lines_ = log2_lines;
  width_ = WidthFor(RestBits());
  slots_ = 63 / width_;
  size_ = 0;
  sizes_ = {};
  overflow_ = {};
  lines_ = std::make_unique<ZeroedArray<Line>>(std::size_t{1} << log2_lines);
  first_ = &(*lines_)[0];
}

// Names at which the lines double, or at which the segment is full.
std::size_t SentSegment::GrowAt(int log2_lines) const {
  if (log2_lines == final_log2_lines_) return capacity();
  const int slots = 63 / WidthFor(final_log2_lines_ + kRestBits - log2_lines);
  return static_cast<std::size_t>(slots * 2 / 3) << log2_lines;
}

int SentSegment::FindSlot(const Line& line, std::uint64_t rest) const {
  if (width_ == 3) return MayHave3(line.bytes, rest) ? Find<3>(line.bytes, rest) : -1;
  return width_ == 4 ? Find<4>(line.bytes, rest) : Find<5>(line.bytes, rest);
}

bool SentSegment::Contains(std::uint64_t name) const {
  const Place place = PlaceOf(name);
  if (FindSlot(*place.line, place.rest) >= 0) return true;
  return place.line->bytes[kMark] != 0 && overflow_.contains(name);
}

SentAdd SentSegment::Add(std::uint64_t name, unsigned label, unsigned newest) {
  const auto age = [newest](unsigned of) { return (newest - of) & 7; };
  const Place place = PlaceOf(name);
  const int slot = FindSlot(*place.line, place.rest);
  if (slot >= 0) {
    const std::uint64_t old = ValueAt(*place.line, slot);
    if (age(old & 7) <= age(label)) return SentAdd::kKnown;
    StoreSlot(width_, place.line->bytes, slot, place.rest << kLabelBits | label);
    --sizes_[old & 7];
    ++sizes_[label];
    return SentAdd::kRefreshed;
  }
  if (place.line->bytes[kMark] != 0) {
    const auto found = overflow_.find(name);
    if (found != overflow_.end()) {
      if (age(found->second) <= age(label)) return SentAdd::kKnown;
      --sizes_[found->second];
      ++sizes_[label];
      found->second = static_cast<std::uint8_t>(label);
      return SentAdd::kRefreshed;
    }
  }
  if (size_ >= GrowAt(log2_lines_)) {
    if (log2_lines_ == final_log2_lines_) return SentAdd::kFull;
    Rebuild(log2_lines_ + 1, 0xff);
  }
  Put(name, label);
  return SentAdd::kNew;
}

// For a name that is not there.
void SentSegment::Put(std::uint64_t name, unsigned label) {
  const Place place = PlaceOf(name);
  const int slot = FindSlot(*place.line, 0);  // a rest of zero: a free one
  if (slot >= 0) {
    StoreSlot(width_, place.line->bytes, slot, place.rest << kLabelBits | label);
  } else {
    place.line->bytes[kMark] = 1;
    overflow_.insert_or_assign(name, static_cast<std::uint8_t>(label));
  }
  ++size_;
  ++sizes_[label];
}

// Names come in the order of their lines, old and new: both are walked in sequence.
void SentSegment::Rebuild(int log2_lines, unsigned labels) {
  SentSegment next(final_log2_lines_);
  next.Reset(log2_lines);
  ForEach([&](std::uint64_t name, unsigned label) {
    if ((labels >> label & 1) != 0) next.Put(name, label);
  });
  log2_lines_ = next.log2_lines_;
  width_ = next.width_;
  slots_ = next.slots_;
  size_ = next.size_;
  sizes_ = next.sizes_;
  lines_ = std::move(next.lines_);
  first_ = next.first_;
  overflow_ = std::move(next.overflow_);
}

void SentSegment::Keep(unsigned labels) {
  std::size_t left = 0;
  for (unsigned label = 0; label < sizes_.size(); ++label) {
    if ((labels >> label & 1) != 0) left += sizes_[label];
  }
  if (left == size_) return;
  int log2_lines = std::min(kFirstLog2Lines, final_log2_lines_);
  while (log2_lines < log2_lines_ && GrowAt(log2_lines) < left + left / 2) ++log2_lines;
  Rebuild(log2_lines, labels);
}

std::size_t SentSegment::MemoryBytes() const {
  return (sizeof(Line) << log2_lines_) +
         overflow_.capacity() * (sizeof(std::pair<std::uint64_t, std::uint8_t>) + 1);
}

}  // namespace backscatter
