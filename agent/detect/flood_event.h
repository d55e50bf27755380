// One null-sender RCPT (or an answer that nobody here asked for), as the detector of floods sees
// it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"

namespace backscatter {

// Times are held to this, so that windows can be added to them.
inline constexpr PacketTime kFarthestTime = PacketTime{1} << 62;

struct FloodEvent {
  PacketTime at = 0;
  double weight = 1;
  bool unsolicited = false;
  bool uncertain = false;  // what was sent is not known well enough to tell
  bool surely = false;     // unsolicited with strong confidence
  bool callout = false;
  bool unknown_user = false;
  bool loop = false;
  bool emitted = false;  // ours, to others
  // Keyed hashes.
  std::uint64_t target_key = 0;
  std::uint64_t domain_key = 0;
  std::uint64_t network_key = 0;
  std::uint64_t source_key = 0;
  IpAddress source = {};

  void SetSource(const IpAddress& address, const HashKey& hash_key, std::uint64_t prefix_v4,
                 std::uint64_t prefix_v6);
  // Whose flood of this kind it may belong to; what the key names depends on the kind.
  std::uint64_t KeyFor(FloodKind kind) const;
  // It is one of those that make such a flood.
  bool Counts(FloodKind kind) const;
};

// The latest events, so that a flood can be told from its first RCPT on, though it is one only with
// its thirtieth. About 250 bytes each.
class RecentEvents {
 public:
  static constexpr std::size_t kMostMessageId = 120;
  struct Entry {
    FloodEvent event;
    std::array<char, kMostMessageId> message_id{};  // of what was returned; cut off
    std::uint8_t message_id_length = 0;
    // By kind, a bit each: a flood of that kind it belonged to is over, so it makes no other.
    std::uint8_t spent = 0;

    bool IsSpentFor(FloodKind kind) const { return (spent >> static_cast<int>(kind) & 1) != 0; }
    std::string_view MessageId() const { return {message_id.data(), message_id_length}; }
  };
  explicit RecentEvents(std::size_t capacity) : capacity_(capacity < 1 ? 1 : capacity) {}

  void Add(const FloodEvent& event, std::string_view message_id);
  void Restore(const Entry& entry);
  // A flood of this kind is over.
  void Spend(FloodKind kind, std::uint64_t key);
  // visit(const Entry&), the oldest first.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (std::size_t i = 0; i < ring_.size(); ++i) visit(ring_[(oldest_ + i) % ring_.size()]);
  }
  void Clear() {
    ring_.clear();
    oldest_ = 0;
  }
  std::size_t MemoryBytes() const { return ring_.capacity() * sizeof(Entry); }
  // All events since `time` are here.
  bool Reaches(PacketTime time) const {
    return ring_.size() < capacity_ || ring_[oldest_].event.at < time;
  }

 private:
  std::size_t capacity_;
  std::vector<Entry> ring_;
  std::size_t oldest_ = 0;
};

}  // namespace backscatter
