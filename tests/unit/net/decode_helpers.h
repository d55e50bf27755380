// What the tests of the decoder share: decoding of one frame, and one frame of every form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/net/decoder.h"
#include "tests/support/packet_builder.h"

namespace backscatter {

// A segment whose payload outlives the decoder.
struct OwnedSegment {
  Segment segment;
  std::string payload;
};

// A decoder with its ledger, for frames that are given as strings.
class FrameDecoder {
 public:
  std::optional<OwnedSegment> Decode(const Packet& packet);
  std::optional<OwnedSegment> Decode(const std::string& frame, LinkType link_type,
                                     PacketTime at = 0) {
    return Decode(support::AsPacket(frame, link_type, at));
  }
  std::optional<OwnedSegment> Decode(const support::PacketBuilder& builder,
                                     LinkType link_type = LinkType::kEthernet, PacketTime at = 0) {
    return Decode(builder.Build(), link_type, at);
  }
  void Finish() { decoder_.Finish(); }

  std::uint64_t Count(Loss loss) const { return ledger_.Get(loss); }
  std::uint64_t Count(Anomaly anomaly) const { return ledger_.Get(anomaly); }
  std::uint64_t AllLosses() const;
  std::uint64_t AllAnomalies() const;

 private:
  Ledger ledger_;
  Decoder decoder_{&ledger_};
};

// Every form carries the same segment: ports, sequence and payload; only the addresses' family
// differs.
inline constexpr char kText[] = "MAIL FROM:<>\r\nRCPT TO:<info@example.test>\r\n";
inline constexpr char kV4Client[] = "192.0.2.10";
inline constexpr char kV4Server[] = "198.51.100.25";
inline constexpr char kV6Client[] = "2001:db8::10";
inline constexpr char kV6Server[] = "2001:db8:1::25";

struct Form {
  std::string name;
  LinkType link_type;
  std::string frame;
  bool is_v6 = false;
};
std::vector<Form> AllForms();

// What remains to be added to a builder to end it with that segment.
support::PacketBuilder& EndV4(support::PacketBuilder& builder);
support::PacketBuilder& EndV6(support::PacketBuilder& builder);

// Fails the test unless `got` is that segment.
void ExpectTheSegment(const std::optional<OwnedSegment>& got, bool is_v6);

}  // namespace backscatter
