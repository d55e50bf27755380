#include "agent/source/bpf_records.h"

#include <algorithm>
#include <cstring>

namespace backscatter {
namespace {

Endpoint EndpointOf(const std::uint8_t* address, std::uint16_t port) {
  return {IpAddress::V6(std::span<const std::uint8_t, 16>(address, 16)), port};
}

bool Before(std::uint32_t a, std::uint32_t b) { return static_cast<std::int32_t>(a - b) < 0; }

// Where a session is remembered. Who makes two meet in one place only has them told twice.
std::size_t PlaceOf(const Endpoint& client, const Endpoint& server, std::size_t places) {
  std::uint64_t words[4];
  std::memcpy(words, client.address.bytes().data(), 16);
  std::memcpy(words + 2, server.address.bytes().data(), 16);
  std::uint64_t hash = (std::uint64_t{client.port} << 16) | server.port;
  for (const std::uint64_t word : words) hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
  return static_cast<std::size_t>(hash >> 32) % places;
}

}  // namespace

void BpfRecords::OnRecord(const bs_record& record, std::span<const std::uint8_t> payload) {
  Segment segment;
  segment.source = EndpointOf(record.source, record.source_port);
  segment.destination = EndpointOf(record.destination, record.destination_port);
  segment.sequence = record.sequence;
  segment.acknowledgment = record.acknowledgment;
  segment.urgent_pointer = record.urgent_pointer;
  segment.flags = record.flags;
  segment.payload = payload;
  segment.payload_wire_length = std::max(record.length, static_cast<std::uint32_t>(payload.size()));
  segment.captured_at = static_cast<PacketTime>(record.at) + to_packet_time_;
  segment.weight = 4294967296.0 / (static_cast<double>(record.threshold) + 1.0);
  first_ = first_ == 0 ? segment.captured_at : std::min(first_, segment.captured_at);
  last_ = std::max(last_, segment.captured_at);
  bytes_ += payload.size();
  if (record.cut_length > 0) TellCut(record, segment);
  sink_->OnSegment(segment);
}

void BpfRecords::TellCut(const bs_record& record, const Segment& segment) {
  const Endpoint& client = record.from_client != 0 ? segment.source : segment.destination;
  const Endpoint& server = record.from_client != 0 ? segment.destination : segment.source;
  Told& told = told_[PlaceOf(client, server, kRemembered)];
  const std::uint32_t end = record.cut_from + record.cut_length;
  std::uint32_t from = record.cut_from;
  if (told.from == from && told.client == client && told.server == server) {
    if (!Before(told.end, end)) return;
    from = told.end;
  }
  told = {client, server, record.cut_from, end};
  // It acknowledges nothing: when the client had what of the server is not known of these bytes.
  Segment cut;
  cut.source = client;
  cut.destination = server;
  cut.sequence = from;
  cut.payload_wire_length = end - from;
  cut.cut = true;
  cut.captured_at = segment.captured_at;
  cut.weight = segment.weight;
  sink_->OnSegment(cut);
}

}  // namespace backscatter
