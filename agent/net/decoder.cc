#include "agent/net/decoder.h"

#include <algorithm>
#include <optional>

#include "agent/net/checksum.h"
#include "agent/net/ip_headers.h"
#include "agent/net/link_headers.h"
#include "agent/net/tcp_header.h"
#include "agent/net/tunnel_headers.h"

namespace backscatter {
namespace {

// Whose checksum is worth its cost: not long ones, and of those without payload only SYN and RST.
bool IsJudged(const Segment& segment) {
  constexpr std::uint8_t kJudged = tcp_flags::kSyn | tcp_flags::kRst;
  return segment.payload_wire_length <= Decoder::kChecksumPayload &&
         (segment.payload_wire_length > 0 || segment.has(kJudged));
}

constexpr std::uint16_t kEtherTypeIpv4 = ToNetworkOrder16(0x0800);
constexpr std::uint16_t kEtherTypeIpv6 = ToNetworkOrder16(0x86dd);
constexpr std::uint16_t kNotLastOrNotFirst = ToNetworkOrder16(0x3fff);
constexpr std::uint8_t kTcp = 6;

// What the common case leaves to TCP. Empty (tcp null): not the common case.
struct PlainTcp {
  const std::uint8_t* tcp = nullptr;
  std::size_t captured = 0;
  std::size_t wire = 0;
};

// IPv4 without options, unfragmented, lengths that fit the frame.
PlainTcp PlainIpv4(const std::uint8_t* ip, std::size_t captured, std::size_t frame,
                   Segment& segment, Ledger& ledger) {
  if (captured < 40 || ip[0] != 0x45 || ip[9] != kTcp) return {};
  if ((LoadNative16(ip + 6) & kNotLastOrNotFirst) != 0) return {};
  const std::size_t total = LoadBig16(ip + 2);
  if (total < 40 || total > frame) return {};
  if (!Ipv4HeaderSumIsRight(ip)) ledger.Add(Anomaly::kBadIpChecksum);
  segment.source.address = IpAddress::V4(std::span<const std::uint8_t, 4>(ip + 12, 4));
  segment.destination.address = IpAddress::V4(std::span<const std::uint8_t, 4>(ip + 16, 4));
  return {ip + 20, std::min(captured, total) - 20, total - 20};
}

// IPv6 without extension headers, lengths that fit the frame.
PlainTcp PlainIpv6(const std::uint8_t* ip, std::size_t captured, std::size_t frame,
                   Segment& segment) {
  if (captured < 60 || ip[0] >> 4 != 6 || ip[6] != kTcp) return {};
  const std::size_t payload = LoadBig16(ip + 4);
  if (payload < 20 || payload + 40 > frame) return {};
  segment.source.address = IpAddress::V6(std::span<const std::uint8_t, 16>(ip + 8, 16));
  segment.destination.address = IpAddress::V6(std::span<const std::uint8_t, 16>(ip + 24, 16));
  return {ip + 40, std::min(captured - 40, payload), payload};
}

}  // namespace

Decoder::Decoder(Ledger* ledger) : ledger_(*ledger) {}

bool Decoder::Decode(const Packet& packet, Segment& segment) {
  const std::size_t captured = packet.bytes.size();
  std::size_t link = 14;
  if (packet.link_type != LinkType::kEthernet) {
    if (packet.link_type != LinkType::kLinuxSll) return DecodeAny(packet, segment);
    link = 16;
  }
  if (captured < link + 40) return DecodeAny(packet, segment);
  const std::uint8_t* const ip = packet.bytes.data() + link;
  const std::size_t frame = std::max<std::size_t>(captured, packet.wire_length) - link;
  PlainTcp plain;
  const std::uint16_t ether_type = LoadNative16(ip - 2);
  if (ether_type == kEtherTypeIpv4) [[likely]] {
    plain = PlainIpv4(ip, captured - link, frame, segment, ledger_);
  } else if (ether_type == kEtherTypeIpv6) {
    plain = PlainIpv6(ip, captured - link, frame, segment);
  }
  if (plain.tcp == nullptr) [[unlikely]]
    return DecodeAny(packet, segment);
  if (!ReadTcpHeader(plain.tcp, plain.captured, plain.wire, segment)) [[unlikely]] {
    ledger_.Add(Loss::kDecodeMalformed);
    return false;
  }
  segment.captured_at = packet.captured_at;
  segment.weight = packet.weight;
  segment.cut = packet.cut;
  if (IsJudged(segment) && plain.captured == plain.wire) {
    JudgeTcpChecksum(plain.tcp, plain.wire, segment, ledger_);
  }
  return true;
}

bool Decoder::DecodeAny(const Packet& packet, Segment& segment) {
  if (fragments_ != nullptr) fragments_->Release();
  Layer layer;
  layer.bytes = packet.bytes;
  layer.wire_length = std::max<std::size_t>(packet.bytes.size(), packet.wire_length);
  StepOutcome outcome = Walk(packet, layer);
  ledger_.Add(Anomaly::kBadIpChecksum, layer.bad_ip_checksums);
  ledger_.Add(Anomaly::kIpLengthZero, layer.zero_lengths);
  ledger_.Add(Anomaly::kIpLengthBeyondFrame, layer.lengths_beyond_frame);
  if (outcome == StepOutcome::kNext) outcome = layer.Need(20);
  if (outcome != StepOutcome::kNext) {
    CountFailure(outcome);
    return false;
  }
  const std::uint8_t* const tcp = layer.bytes.data();
  if (!ReadTcpHeader(tcp, layer.bytes.size(), layer.wire_length, segment)) {
    ledger_.Add(Loss::kDecodeMalformed);
    return false;
  }
  segment.source.address = layer.source;
  segment.destination.address = layer.destination;
  segment.captured_at = packet.captured_at;
  segment.weight = packet.weight;
  segment.cut = packet.cut;
  if (IsJudged(segment) && layer.bytes.size() == layer.wire_length) {
    JudgeTcpChecksum(tcp, layer.wire_length, segment, ledger_);
  }
  return true;
}

// kNext: the layer begins with a TCP header.
StepOutcome Decoder::Walk(const Packet& packet, Layer& layer) {
  const std::optional<StepOutcome> link = ParseLinkType(packet.link_type, layer);
  if (!link) {
    ledger_.Add(Loss::kDecodeUnknownLinkType);
    return StepOutcome::kNoTcp;
  }
  StepOutcome outcome = *link;
  for (int headers = 1; outcome == StepOutcome::kNext; ++headers) {
    if (layer.header == Header::kTcp) return StepOutcome::kNext;
    if (headers == kMaxHeaders) return StepOutcome::kTooDeep;
    outcome = Step(layer, packet.captured_at);
  }
  return outcome;
}

StepOutcome Decoder::Step(Layer& layer, PacketTime now) {
  switch (layer.header) {
    case Header::kEthernet:
      return ParseEthernet(layer);
    case Header::kLlc:
      return ParseLlc(layer);
    case Header::kVlan:
      return ParseVlan(layer);
    case Header::kMpls:
      return ParseMpls(layer);
    case Header::kPppoe:
      return ParsePppoe(layer);
    case Header::kPpp:
      return ParsePpp(layer);
    case Header::kBackboneTag:
      return ParseBackboneTag(layer);
    case Header::kVnTag:
      return ParseOpaqueTag(layer, 6);
    case Header::kETag:
      return ParseOpaqueTag(layer, 8);
    case Header::kIpByNibble:
      return ParseIpByNibble(layer);
    case Header::kIpv4:
      if (++layer.ip_headers > kMaxIpHeaders) return StepOutcome::kTooDeep;
      return ParseIpv4(layer);
    case Header::kIpv6:
      if (++layer.ip_headers > kMaxIpHeaders) return StepOutcome::kTooDeep;
      return ParseIpv6(layer);
    case Header::kIpv6Options:
      return ParseIpv6Options(layer);
    case Header::kIpv6Routing:
      return ParseIpv6Routing(layer);
    case Header::kIpv6Fragment:
      return ParseIpv6Fragment(layer);
    case Header::kIpv6Other:
      return ParseIpv6Other(layer);
    case Header::kAuthentication:
      return ParseAuthentication(layer);
    case Header::kGre:
      return ParseGre(layer);
    case Header::kEtherIp:
      return ParseEtherIp(layer);
    case Header::kUdp:
      return ParseUdp(layer);
    case Header::kTcp:
      return StepOutcome::kNext;
    case Header::kFragment:
      return Reassemble(layer, now);
    case Header::kNothing:
      return StepOutcome::kNoTcp;
    case Header::kUnknown:
      return StepOutcome::kUnknownProtocol;
  }
  return StepOutcome::kUnknownProtocol;
}

StepOutcome Decoder::Reassemble(Layer& layer, PacketTime now) {
  const FragmentInfo& info = layer.fragment;
  // IPv6 fragments but the first may name anything as what follows: only the whole tells.
  if (!layer.is_v6 && HeaderOfIpProtocol(info.protocol, false) == Header::kNothing) {
    return StepOutcome::kNoTcp;
  }
  if (fragments_ == nullptr) fragments_ = std::make_unique<Fragments>(&ledger_);
  const DatagramKey key{.source = layer.source,
                        .destination = layer.destination,
                        .id = info.id,
                        .protocol = layer.is_v6 ? std::uint8_t{0} : info.protocol,
                        .is_v6 = layer.is_v6};
  const Fragment fragment{.offset = info.offset,
                          .more = info.more,
                          .protocol = info.protocol,
                          .bytes = layer.bytes,
                          .wire_length = layer.wire_length};
  Datagram whole;
  if (!fragments_->Add(key, fragment, now, whole)) return StepOutcome::kNoTcp;
  layer.bytes = whole.bytes;
  layer.wire_length = whole.wire_length;
  layer.header = HeaderOfIpProtocol(whole.protocol, layer.is_v6);
  return StepOutcome::kNext;
}

void Decoder::CountFailure(StepOutcome outcome) {
  switch (outcome) {
    case StepOutcome::kNext:
    case StepOutcome::kNoTcp:
      break;
    case StepOutcome::kTruncated:
      ledger_.Add(Loss::kDecodeTruncated);
      break;
    case StepOutcome::kMalformed:
      ledger_.Add(Loss::kDecodeMalformed);
      break;
    case StepOutcome::kUnknownProtocol:
      ledger_.Add(Loss::kDecodeUnknownProtocol);
      break;
    case StepOutcome::kTooDeep:
      ledger_.Add(Loss::kDecodeTooDeep);
      break;
  }
}

void Decoder::AdvanceTo(PacketTime now) {
  if (fragments_ != nullptr) fragments_->AdvanceTo(now);
}

void Decoder::Finish() {
  if (fragments_ != nullptr) fragments_->GiveUpAll();
}

}  // namespace backscatter
