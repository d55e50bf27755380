// From the records of the kernel program to segments.
#pragma once

#include <array>
#include <cstdint>
#include <span>

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

  PacketTime last() const { return last_; }  // of the latest record; 0: none yet
  std::uint64_t bytes() const { return bytes_; }

 private:
  // The latest range that was told of a session.
  struct Told {
    Endpoint client;
    Endpoint server;
    std::uint32_t from = 0;
    std::uint32_t end = 0;
  };
  static constexpr std::size_t kRemembered = 2048;  // a session that is forgotten is told again

  void TellCut(const bs_record& record, const Segment& segment);

  PacketSink* sink_ = nullptr;
  std::int64_t to_packet_time_ = 0;
  PacketTime last_ = 0;
  std::uint64_t bytes_ = 0;
  std::array<Told, kRemembered> told_;
};

}  // namespace backscatter
