// A TCP connection between a mail client and a server, segment by segment, past the kernel program.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/source/bpf_records.h"
#include "tests/bpf/kernel.h"

namespace backscatter::bpf_test {

struct WireOptions {
  std::string client = "192.0.2.9";
  std::string server = "203.0.113.5";
  std::uint16_t server_port = 25;
  std::uint32_t client_start = 0xfffffe00;  // sequence numbers wrap soon
  std::uint32_t server_start = 0x00001000;
};

// Each wire has a client port of its own. What reaches the agent is kept as text: "[12]" stands for
// twelve bytes that were left out on purpose.
class Wire final : private PacketSink {
 public:
  explicit Wire(Kernel& kernel, const WireOptions& options = {});

  // One segment with all of `text`, which acknowledges all that the other side said.
  Wire& C(std::string_view text, std::uint8_t flags = 0x18);
  Wire& S(std::string_view text, std::uint8_t flags = 0x18);
  // The same, lost on its way before the program sees it.
  Wire& MissC(std::string_view text);
  // A segment out of the order: `back` bytes before the end of what was sent so far.
  Wire& AgainC(std::size_t back, std::string_view text);
  Wire& AgainS(std::size_t back, std::string_view text);
  // `ahead` bytes ahead of what was sent so far, as nobody did.
  Wire& ForgeC(std::uint32_t ahead, std::string_view text);
  // A server's segment that acknowledges `back` bytes less than all.
  Wire& SBehind(std::size_t back, std::string_view text);
  // `bytes` of lines of a mail, in segments of up to 1400; the marker word is in each.
  Wire& Body(std::size_t bytes);

  // A whole conversation up to a DATA that was sent, in single steps; the sender as in MAIL FROM:.
  Wire& UpToData(std::string_view sender = "<a@b.test>");

  const std::string& client() const { return client_; }
  const std::string& server() const { return server_; }
  // Of the client since the last call.
  std::string Client();
  bool saw_end() const { return saw_end_; }  // a segment with FIN
  double weight() const { return weight_; }
  std::uint32_t last_kept() const { return kept_; }      // what the program returned
  std::size_t last_headers() const { return headers_; }  // of the last frame, in bytes
  std::size_t segments() const { return segments_; }

  // The next segment as a frame, for tests that send it themselves.
  std::string FrameC(std::string_view text, std::uint8_t flags = 0x18) const;
  std::string FrameS(std::string_view text, std::uint8_t flags = 0x18) const;

  static constexpr std::string_view kMarker = "ZYGOTE";

 private:
  void OnPacket(const Packet&) override {}
  void OnSegment(const Segment& segment) override;
  void OnLoss(Loss, std::uint64_t) override {}

  std::string Frame(bool from_client, std::uint32_t sequence, std::uint32_t acknowledgment,
                    std::string_view text, std::uint8_t flags) const;
  void Send(bool from_client, std::uint32_t sequence, std::uint32_t acknowledgment,
            std::string_view text, std::uint8_t flags);

  Kernel& kernel_;
  WireOptions options_;
  std::uint16_t client_port_;
  std::uint32_t client_next_;
  std::uint32_t server_next_;
  BpfRecords records_;
  std::string client_;
  std::string server_;
  std::size_t read_ = 0;
  std::size_t segments_ = 0;
  std::size_t headers_ = 0;
  std::uint32_t kept_ = 0;
  bool saw_end_ = false;
  double weight_ = 0;
};

}  // namespace backscatter::bpf_test
