// Reassembly of IPv4 and IPv6 fragments within fixed bounds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"

namespace backscatter {

// Which datagram a fragment belongs to: the full key, never a hash of it (RFC 791; for IPv6, RFC
// 8200 leaves the protocol out, so it is 0 here).
struct DatagramKey {
  IpAddress source;
  IpAddress destination;
  std::uint32_t id = 0;
  std::uint8_t protocol = 0;
  bool is_v6 = false;

  friend bool operator==(const DatagramKey&, const DatagramKey&) = default;
};

struct Fragment {
  std::uint32_t offset = 0;             // in bytes, a multiple of 8
  bool more = false;                    // not the last one
  std::uint8_t protocol = 0;            // of what is reassembled; that at offset 0 counts
  std::span<const std::uint8_t> bytes;  // captured
  std::size_t wire_length = 0;          // on the wire, >= bytes.size()
};

struct Datagram {
  std::span<const std::uint8_t> bytes;  // its captured prefix
  std::size_t wire_length = 0;          // its whole length
  std::uint8_t protocol = 0;
};

// Rules: the first copy of a byte wins, and copies that differ or overlap in part are counted. A
// fragment past 64 KiB, or past the end that another one set, is refused. Bytes that the capture
// cut off a fragment leave the datagram with a shorter captured prefix. An IPv4 fragment that is
// not the last and not a multiple of 8 long is shortened to one (as Linux does), an IPv6 one is
// refused. A completed datagram is remembered for kRemembered where there is room, so that
// duplicates do not open a new one; a fragment of the same key with other bytes does (the
// identification came again).
//
// Bounds: kMaxDatagrams and kMaxBytes of buffers. Out of room: first the longest-remembered
// completed datagram goes, then the oldest incomplete one, counted as fragment.evicted. An
// incomplete one is given up kTimeout of packet time (and at most a second more) after its first
// fragment, when the next fragment of any datagram comes (fragment.expired).
// Not thread-safe. Cost: a scan over at most kMaxDatagrams tags, and a copy of the bytes.
class Fragments {
 public:
  static constexpr std::size_t kMaxDatagrams = 256;
  static constexpr std::size_t kMaxBytes = 4u << 20;
  static constexpr std::size_t kMaxDatagramLength = 65535;
  static constexpr PacketTime kTimeout = 30 * kSecond;
  static constexpr PacketTime kRemembered = 1 * kSecond;

  explicit Fragments(Ledger* ledger);  // must outlive this

  // True when `fragment` completed its datagram; `whole` then views a buffer of this object until
  // Release(). `fragment.bytes` may itself view an earlier `whole` (a nested datagram).
  bool Add(const DatagramKey& key, const Fragment& fragment, PacketTime now, Datagram& whole);

  // Every Datagram handed out so far may be dropped.
  void Release();

  // What is older than kTimeout is given up although no fragment comes.
  void AdvanceTo(PacketTime now) { Expire(now); }

  // The input has ended: what is incomplete counts as expired.
  void GiveUpAll();

  std::size_t datagrams() const;                // kept now, complete ones included
  std::size_t bytes() const { return bytes_; }  // of their buffers

 private:
  enum class State : std::uint8_t { kFree, kIncomplete, kComplete };
  // One bit a unit of 8 bytes: fragments begin on units, and only a datagram's last unit is short.
  struct Slot {
    State state = State::kFree;
    bool handed_out = false;  // a Datagram views `buffer`
    std::uint8_t protocol = 0;
    std::uint64_t age = 0;  // order of creation
    PacketTime first_at = 0;
    DatagramKey key;
    std::vector<std::uint8_t> buffer;
    std::vector<std::uint64_t> units;
    std::size_t units_present = 0;
    std::size_t highest = 0;   // end of the furthest byte seen
    std::size_t total = 0;     // 0: the last fragment was not seen yet
    std::size_t captured = 0;  // bytes from here on were cut off by the capture
  };

  static std::uint32_t TagOf(const DatagramKey& key);
  Slot* Find(const DatagramKey& key);
  Slot* Open(const DatagramKey& key, PacketTime now);
  bool Grow(Slot& slot, std::size_t end);
  bool EvictOne(const Slot* keep);
  static bool Fits(const Slot& slot, std::size_t end, bool is_last);
  static bool IsDuplicate(const Slot& slot, const Fragment& fragment, std::size_t end);
  void Insert(Slot& slot, const Fragment& fragment, std::size_t end);
  void InsertOverlapping(Slot& slot, const Fragment& fragment, std::size_t end);
  void Expire(PacketTime now);
  void GiveUp(Slot& slot, Loss reason);
  void Free(Slot& slot);

  Ledger& ledger_;
  std::array<std::uint32_t, kMaxDatagrams> tags_{};
  std::vector<Slot> slots_;
  std::size_t bytes_ = 0;
  std::uint64_t next_age_ = 1;
  PacketTime next_sweep_ = 0;
  bool any_handed_out_ = false;
};

}  // namespace backscatter
