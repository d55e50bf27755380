// Captures of hand-written dialogues, in memory: for tests that want to say exactly what was sent.
//
//   DialogueCapture capture;
//   capture.Server("220 mx ESMTP\r\n").Client("EHLO a.test\r\n").Server("250 mx\r\n");
//   for (const TimedFrame& frame : capture.Frames()) ...
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/packet_time.h"
#include "tests/support/pcap_writer.h"
#include "tests/support/session_script.h"
#include "tests/support/tcp_plan.h"

namespace backscatter::support {

// A frame with what a test may want to select it by.
struct TimedFrame {
  PacketTime at = 0;
  std::string bytes;  // Ethernet
  Direction from = Direction::kFromClient;
  std::uint8_t flags = 0;           // tcp_flags::*
  std::uint32_t stream_offset = 0;  // of the payload, in its direction
  std::uint16_t payload_length = 0;
};

struct DialogueOptions {
  std::string client = "198.51.100.7";  // IPv4 or IPv6, both of one family
  std::string server = "192.0.2.25";
  std::uint16_t client_port = 40'000;
  std::uint16_t server_port = 25;
  std::uint32_t client_sequence = 1'000'000;  // initial sequence numbers
  std::uint32_t server_sequence = 2'000'000;
  PacketTime start = 1'790'000'000 * kSecond;
  std::uint64_t seed = 1;  // for jitter and for the chances in `tcp`
  Ending ending = Ending::kServerFin;
  TcpOptions tcp;
};

class DialogueCapture {
 public:
  explicit DialogueCapture(DialogueOptions options = {});

  // One write of one side: a segment, or several of the maximum size. Bytes as given.
  DialogueCapture& Client(std::string_view text);
  DialogueCapture& Server(std::string_view text);
  // A write that crossed the other side's last `unseen` writes on the wire.
  DialogueCapture& ClientCrossing(std::string_view text, std::uint8_t unseen = 1);
  // Lines "C: text" and "S: text", each given CRLF; lines of one side in a row are one write.
  DialogueCapture& Lines(std::initializer_list<std::string_view> lines);

  std::vector<TimedFrame> Frames() const;
  // What the side wrote, whole.
  std::string Stream(Direction from) const;

 private:
  DialogueOptions options_;
  SessionScript script_;
};

// Frames of several connections as one capture would hold them: by time, stable.
std::vector<TimedFrame> Merge(std::vector<std::vector<TimedFrame>> captures);

// The bytes of a classic pcap file.
std::string ToPcap(const std::vector<TimedFrame>& frames, TimeUnit unit = TimeUnit::kMicroseconds);

}  // namespace backscatter::support
