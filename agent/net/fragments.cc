#include "agent/net/fragments.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "agent/base/keyed_hash.h"

namespace backscatter {
namespace {

constexpr std::size_t kUnit = 8;
constexpr std::size_t kSmallestBuffer = 2048;

// Distance in time. Capture times are hostile: no signed subtraction.
std::uint64_t Between(PacketTime a, PacketTime b) {
  const auto x = static_cast<std::uint64_t>(std::min(a, b));
  return static_cast<std::uint64_t>(std::max(a, b)) - x;
}

// The length a fragment brings, or 0 when no receiver would take it.
std::size_t UsableLength(const DatagramKey& key, const Fragment& fragment) {
  if (!fragment.more || fragment.wire_length % kUnit == 0) return fragment.wire_length;
  return key.is_v6 ? 0 : fragment.wire_length & ~(kUnit - 1);
}

// The bits [first, last) that lie in the 64-bit word `word`.
std::uint64_t MaskIn(std::size_t word, std::size_t first, std::size_t last) {
  const std::size_t low = std::max(first, word * 64) - word * 64;
  const std::size_t high = std::min(last, word * 64 + 64) - word * 64;
  return (~std::uint64_t{0} << low) & (~std::uint64_t{0} >> (64 - high));
}

bool AnyBit(const std::vector<std::uint64_t>& words, std::size_t first, std::size_t last) {
  for (std::size_t word = first / 64; word * 64 < last; ++word) {
    if ((words[word] & MaskIn(word, first, last)) != 0) return true;
  }
  return false;
}

void SetBits(std::vector<std::uint64_t>& words, std::size_t first, std::size_t last) {
  for (std::size_t word = first / 64; word * 64 < last; ++word) {
    words[word] |= MaskIn(word, first, last);
  }
}

}  // namespace

Fragments::Fragments(Ledger* ledger) : ledger_(*ledger), slots_(kMaxDatagrams) {}

// Only narrows the search: whoever aims at a tag gains nothing over the scan of all of them.
std::uint32_t Fragments::TagOf(const DatagramKey& key) {
  std::uint64_t sum = MixWords(LoadWord(key.source.bytes().data()) ^ 0x9e3779b97f4a7c15,
                               LoadWord(key.source.bytes().data() + 8) ^ key.id);
  sum ^= MixWords(LoadWord(key.destination.bytes().data()) ^ 0xd1b54a32d192ed03,
                  LoadWord(key.destination.bytes().data() + 8) ^ key.protocol);
  return static_cast<std::uint32_t>(sum ^ (sum >> 32)) | 1;  // 0 marks a free slot
}

Fragments::Slot* Fragments::Find(const DatagramKey& key) {
  const std::uint32_t tag = TagOf(key);
  for (std::size_t i = 0; i < kMaxDatagrams; ++i) {
    if (tags_[i] == tag && slots_[i].key == key) return &slots_[i];
  }
  return nullptr;
}

Fragments::Slot* Fragments::Open(const DatagramKey& key, PacketTime now) {
  auto free = std::find(tags_.begin(), tags_.end(), 0u);
  if (free == tags_.end()) {
    if (!EvictOne(nullptr)) return nullptr;
    free = std::find(tags_.begin(), tags_.end(), 0u);
  }
  *free = TagOf(key);
  Slot& slot = slots_[static_cast<std::size_t>(free - tags_.begin())];
  slot.state = State::kIncomplete;
  slot.key = key;
  slot.age = next_age_++;
  slot.first_at = now;
  slot.captured = kMaxDatagramLength;
  return &slot;
}

// False when nothing may go: everything is handed out, or is `keep`.
bool Fragments::EvictOne(const Slot* keep) {
  Slot* victim = nullptr;
  for (Slot& slot : slots_) {
    if (slot.state == State::kFree || slot.handed_out || &slot == keep) continue;
    const bool sooner =
        victim == nullptr ||
        (slot.state == victim->state ? slot.age < victim->age : slot.state == State::kComplete);
    if (sooner) victim = &slot;
  }
  if (victim == nullptr) return false;
  GiveUp(*victim, Loss::kFragmentEvicted);
  return true;
}

bool Fragments::Grow(Slot& slot, std::size_t end) {
  const std::size_t size = std::bit_ceil(std::max(end, kSmallestBuffer));
  if (size <= slot.buffer.size()) return true;
  const std::size_t extra = size - slot.buffer.size();
  while (bytes_ + extra > kMaxBytes) {
    if (!EvictOne(&slot)) return false;
  }
  slot.buffer.resize(size);
  slot.units.resize(size / kUnit / 64);
  bytes_ += extra;
  return true;
}

// Of a complete datagram: nothing in `fragment` contradicts it.
bool Fragments::IsDuplicate(const Slot& slot, const Fragment& fragment, std::size_t end) {
  if (!Fits(slot, end, !fragment.more)) return false;
  const std::size_t known = std::min(slot.captured, fragment.offset + fragment.bytes.size());
  const std::size_t stop = std::min(known, end);
  return stop <= fragment.offset || std::memcmp(slot.buffer.data() + fragment.offset,
                                                fragment.bytes.data(), stop - fragment.offset) == 0;
}

// False when a fragment would end past the end of the datagram, or end it before its end.
bool Fragments::Fits(const Slot& slot, std::size_t end, bool is_last) {
  if (slot.total != 0 && end > slot.total) return false;
  return !is_last || end >= std::max(slot.highest, slot.total);
}

bool Fragments::Add(const DatagramKey& key, const Fragment& fragment, PacketTime now,
                    Datagram& whole) {
  Expire(now);
  const std::size_t length = UsableLength(key, fragment);
  if (length == 0) {
    ledger_.Add(Loss::kDecodeMalformed);
    return false;
  }
  const std::size_t end = fragment.offset + length;
  if (end > kMaxDatagramLength) {
    ledger_.Add(Loss::kFragmentTooLarge);
    return false;
  }
  Slot* slot = Find(key);
  if (slot != nullptr && slot->state == State::kComplete) {
    if (IsDuplicate(*slot, fragment, end)) return false;
    if (slot->handed_out) {  // a datagram that holds a fragment of itself
      ledger_.Add(Loss::kDecodeMalformed);
      return false;
    }
    Free(*slot);
    slot = nullptr;
  }
  if (slot == nullptr) slot = Open(key, now);
  if (slot == nullptr) {
    ledger_.Add(Loss::kFragmentEvicted);
    return false;
  }
  if (!Fits(*slot, end, !fragment.more)) {
    ledger_.Add(Loss::kFragmentTooLarge);
    return false;
  }
  if (!Grow(*slot, end)) {
    GiveUp(*slot, Loss::kFragmentEvicted);
    return false;
  }
  Insert(*slot, fragment, end);
  if (slot->total == 0 || slot->units_present != (slot->total + kUnit - 1) / kUnit) return false;
  slot->state = State::kComplete;
  slot->first_at = now;
  slot->captured = std::min(slot->captured, slot->total);
  slot->handed_out = true;
  any_handed_out_ = true;
  whole.bytes = {slot->buffer.data(), slot->captured};
  whole.wire_length = slot->total;
  whole.protocol = slot->protocol;
  return true;
}

void Fragments::Insert(Slot& slot, const Fragment& fragment, std::size_t end) {
  const std::size_t first = fragment.offset / kUnit;
  const std::size_t last = (end + kUnit - 1) / kUnit;
  if (AnyBit(slot.units, first, last)) {
    InsertOverlapping(slot, fragment, end);
  } else {
    const std::size_t copied = std::min(fragment.bytes.size(), end - fragment.offset);
    std::copy_n(fragment.bytes.begin(), copied, slot.buffer.data() + fragment.offset);
    if (fragment.offset + copied < end) {
      slot.captured = std::min(slot.captured, fragment.offset + copied);
    }
    SetBits(slot.units, first, last);
    slot.units_present += last - first;
    if (first == 0) slot.protocol = fragment.protocol;
  }
  slot.highest = std::max(slot.highest, end);
  if (!fragment.more) slot.total = end;
}

void Fragments::InsertOverlapping(Slot& slot, const Fragment& fragment, std::size_t end) {
  const std::size_t captured_end = std::min(end, fragment.offset + fragment.bytes.size());
  bool differs = false;
  std::size_t repeated = 0;
  std::size_t fresh = 0;
  for (std::size_t at = fragment.offset; at < end; at += kUnit) {
    const std::size_t stop = std::min(at + kUnit, end);
    const std::size_t copied = captured_end > at ? std::min(stop, captured_end) - at : 0;
    const auto piece = fragment.bytes.subspan(copied > 0 ? at - fragment.offset : 0, copied);
    const std::size_t unit = at / kUnit;
    if (AnyBit(slot.units, unit, unit + 1)) {
      ++repeated;
      differs = differs || (stop <= slot.captured &&
                            !std::equal(piece.begin(), piece.end(), slot.buffer.data() + at));
      continue;
    }
    ++fresh;
    SetBits(slot.units, unit, unit + 1);
    std::copy(piece.begin(), piece.end(), slot.buffer.data() + at);
    if (at + copied < stop) slot.captured = std::min(slot.captured, at + copied);
    if (unit == 0) slot.protocol = fragment.protocol;
  }
  slot.units_present += fresh;
  if (differs || (repeated > 0 && fresh > 0)) ledger_.Add(Anomaly::kFragmentOverlap);
}

// At most one sweep a second of packet time, also when time jumps back.
void Fragments::Expire(PacketTime now) {
  if (next_sweep_ != 0 && now < next_sweep_ && Between(now, next_sweep_) <= kSecond) return;
  next_sweep_ = now > std::numeric_limits<PacketTime>::max() - kSecond ? now : now + kSecond;
  for (Slot& slot : slots_) {
    if (slot.state == State::kFree || slot.handed_out) continue;
    const PacketTime limit = slot.state == State::kComplete ? kRemembered : kTimeout;
    if (Between(now, slot.first_at) > static_cast<std::uint64_t>(limit)) {
      GiveUp(slot, Loss::kFragmentExpired);
    }
  }
}

void Fragments::GiveUp(Slot& slot, Loss reason) {
  if (slot.state == State::kIncomplete) {
    ledger_.Add(reason);
    if (slot.units_present * kUnit < slot.highest) ledger_.Add(Anomaly::kFragmentHole);
  }
  Free(slot);
}

void Fragments::Free(Slot& slot) {
  bytes_ -= slot.buffer.size();
  tags_[static_cast<std::size_t>(&slot - slots_.data())] = 0;
  slot = Slot();
}

void Fragments::Release() {
  if (!any_handed_out_) return;
  any_handed_out_ = false;
  for (Slot& slot : slots_) slot.handed_out = false;
}

void Fragments::GiveUpAll() {
  Release();
  for (Slot& slot : slots_) {
    if (slot.state != State::kFree) GiveUp(slot, Loss::kFragmentExpired);
  }
}

std::size_t Fragments::datagrams() const {
  return kMaxDatagrams - static_cast<std::size_t>(std::count(tags_.begin(), tags_.end(), 0u));
}

}  // namespace backscatter
