// From the records of the kernel program to segments.
#pragma once

#include <cstdint>
#include <span>

#include "agent/base/zeroed_array.h"
#include "agent/source/bpf_ring.h"
#include "agent/source/source.h"

namespace backscatter {

// A record becomes a segment. Bytes of a client that were left out on purpose become one of their
// own, `cut` and without payload, before the first record that tells of them; each byte is told
// once as long as the session is among those of late. Not thread-safe.
class BpfRecords final : public BpfRecordSink {
 public:
  // What is handed on goes to `sink`; `to_packet_time` is added to the kernel's monotonic clock.
  void Begin(PacketSink* sink, std::int64_t to_packet_time) {
    sink_ = sink;
    to_packet_time_ = to_packet_time;
  }
  void OnRecord(const bs_record& record, std::span<const std::uint8_t> payload) override;

  PacketTime first() const { return first_; }  // of the earliest record; 0: none yet
  PacketTime last() const { return last_; }    // of the latest one
  std::uint64_t bytes() const { return bytes_; }

 private:
  // The latest range that was told of a session.
  struct Told {
    Endpoint client;
    Endpoint server;
    std::uint32_t from = 0;
    std::uint32_t end = 0;
  };
  // As many as the kernel has state of. One that is forgotten is told again: what comes twice is a
  // retransmission, but behind the end of its session it would look like another one.
  static constexpr std::size_t kRemembered = 65536;

  void TellCut(const bs_record& record, const Segment& segment);

  PacketSink* sink_ = nullptr;
  std::int64_t to_packet_time_ = 0;
  PacketTime first_ = 0;
  PacketTime last_ = 0;
  std::uint64_t bytes_ = 0;
  ZeroedArray<Told> told_{kRemembered};  // by a hash; who meets another pushes it out
};

}  // namespace backscatter
