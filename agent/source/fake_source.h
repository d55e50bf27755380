// Packets from memory: a source for tests of everything behind a source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/source/source.h"

namespace backscatter {

struct FakePacket {
  std::vector<std::uint8_t> bytes;
  PacketTime captured_at = 0;
  std::uint32_t wire_length = 0;  // 0: as long as `bytes`
  LinkType link_type = LinkType::kEthernet;
  std::uint32_t origin = 0;
  double weight = 1.0;
};

// Gives its packets in order, `batch` a poll, then `final_status`: kEnded where that is OK. Views
// handed out stay valid as long as the source, so that tests need not copy.
class FakeSource final : public Source {
 public:
  explicit FakeSource(std::vector<FakePacket> packets, std::size_t batch = 16,
                      absl::Status final_status = absl::OkStatus())
      : packets_(std::move(packets)), batch_(batch), final_status_(std::move(final_status)) {}

  absl::Status Start() override { return absl::OkStatus(); }
  absl::StatusOr<PollResult> Poll(PacketSink& sink, std::int64_t max_wait) override;
  SourceStats Stats() const override { return stats_; }
  std::string_view Name() const override { return "fake"; }

 private:
  std::vector<FakePacket> packets_;
  std::size_t batch_;
  absl::Status final_status_;
  std::size_t next_ = 0;
  SourceStats stats_;
};

}  // namespace backscatter
