// Segments for the reassembler, written by stream offset instead of sequence number.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/net/segment.h"
#include "agent/tcp/reassembler.h"
#include "tests/unit/tcp/stream_recorder.h"

namespace backscatter::testing {

inline Endpoint At(std::string_view address, std::uint16_t port) {
  return {IpAddress::Parse(address).value(), port};
}

struct Flow {
  Endpoint client = At("192.0.2.1", 40000);
  Endpoint server = At("198.51.100.2", 25);
  std::uint32_t client_isn = 1000;
  std::uint32_t server_isn = 777'000'000;
};

struct Sent {
  std::uint64_t at = 0;  // offset of the first byte
  std::string_view text = {};
  std::uint64_t acked = 0;  // bytes of the other side
  std::uint8_t flags = tcp_flags::kAck;
  std::uint16_t urgent = 0;
  std::uint32_t cut = 0;    // bytes that the snap length cut off
  bool on_purpose = false;  // ... no, the kernel program left them out
};

// One reassembler, one recorder, and a clock that only the test moves.
class Wire {
 public:
  explicit Wire(const ReassemblerOptions& options = {}) : reassembler(options, &ledger, &sink) {}

  void Syn(const Flow& flow) { Send(Make(flow, true, flow.client_isn, 0, tcp_flags::kSyn)); }
  void SynAck(const Flow& flow) {
    Send(
        Make(flow, false, flow.server_isn, flow.client_isn + 1, tcp_flags::kSyn | tcp_flags::kAck));
  }
  void Handshake(const Flow& flow) {
    Syn(flow);
    SynAck(flow);
  }
  void Client(const Flow& flow, const Sent& sent) {
    Send(Fill(Make(flow, true, Number(flow.client_isn, sent.at),
                   Number(flow.server_isn, sent.acked), sent.flags),
              sent));
  }
  void Server(const Flow& flow, const Sent& sent) {
    Send(Fill(Make(flow, false, Number(flow.server_isn, sent.at),
                   Number(flow.client_isn, sent.acked), sent.flags),
              sent));
  }
  void Send(Segment segment) {
    segment.captured_at = now;
    reassembler.OnSegment(segment);
  }
  static Segment Make(const Flow& flow, bool from_client, std::uint32_t sequence,
                      std::uint32_t acknowledgment, std::uint8_t flags) {
    Segment segment;
    segment.source = from_client ? flow.client : flow.server;
    segment.destination = from_client ? flow.server : flow.client;
    segment.sequence = sequence;
    segment.acknowledgment = acknowledgment;
    segment.flags = flags;
    return segment;
  }

  Ledger ledger;
  StreamRecorder sink;
  PacketTime now = 1'700'000'000 * kSecond;
  Reassembler reassembler;

 private:
  static std::uint32_t Number(std::uint32_t isn, std::uint64_t offset) {
    return static_cast<std::uint32_t>(isn + 1 + offset);
  }
  static Segment Fill(Segment segment, const Sent& sent) {
    segment.payload = {reinterpret_cast<const std::uint8_t*>(sent.text.data()), sent.text.size()};
    segment.payload_wire_length = static_cast<std::uint32_t>(sent.text.size()) + sent.cut;
    segment.urgent_pointer = sent.urgent;
    segment.cut = sent.on_purpose;
    return segment;
  }
};

inline constexpr std::uint8_t kFinAck = tcp_flags::kFin | tcp_flags::kAck;
inline constexpr std::uint8_t kRstAck = tcp_flags::kRst | tcp_flags::kAck;
inline constexpr std::uint8_t kUrgAck = tcp_flags::kUrg | tcp_flags::kAck;

}  // namespace backscatter::testing
