#include "agent/detect/flood_event.h"

#include <algorithm>

namespace backscatter {

namespace {

std::string_view BytesOf(const IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()};
}

}  // namespace

void FloodEvent::SetSource(const IpAddress& address, const HashKey& hash_key,
                           std::uint64_t prefix_v4, std::uint64_t prefix_v6) {
  source = address;
  source_key = HashBytes(hash_key, BytesOf(address));
  network_key = HashBytes(hash_key, BytesOf(NetworkOf(address, prefix_v4, prefix_v6)));
}

std::uint64_t FloodEvent::KeyFor(FloodKind kind) const {
  switch (kind) {
    case FloodKind::kJoeJob:
    case FloodKind::kBounceLoop:
      return target_key;
    case FloodKind::kRandomRecipients:
    case FloodKind::kCalloutStorm:
      return domain_key;
    case FloodKind::kEmitter:
      return network_key;
    case FloodKind::kOwnEmission:
    case FloodKind::kWidespread:
      return 0;
  }
  return 0;
}

bool FloodEvent::Counts(FloodKind kind) const {
  switch (kind) {
    case FloodKind::kJoeJob:
      return unsolicited || uncertain;
    case FloodKind::kRandomRecipients:
      return unknown_user;
    case FloodKind::kEmitter:
    case FloodKind::kWidespread:
      return unsolicited;
    case FloodKind::kCalloutStorm:
      return callout;
    case FloodKind::kOwnEmission:
      return emitted;
    case FloodKind::kBounceLoop:
      return loop;
  }
  return false;
}

void RecentEvents::Add(const FloodEvent& event, std::string_view message_id) {
  Entry entry{.event = event};
  entry.message_id_length =
      static_cast<std::uint8_t>(std::min(message_id.size(), entry.message_id.size()));
  std::copy_n(message_id.begin(), entry.message_id_length, entry.message_id.begin());
  Restore(entry);
}

void RecentEvents::Restore(const Entry& entry) {
  if (ring_.size() < capacity_) {
    if (ring_.empty()) ring_.reserve(capacity_);
    ring_.push_back(entry);
    return;
  }
  ring_[oldest_] = entry;
  oldest_ = (oldest_ + 1) % capacity_;
}

void RecentEvents::Spend(FloodKind kind, std::uint64_t key) {
  for (Entry& entry : ring_) {
    if (entry.event.KeyFor(kind) != key) continue;
    entry.spent = static_cast<std::uint8_t>(entry.spent | 1U << static_cast<unsigned>(kind));
  }
}

}  // namespace backscatter
