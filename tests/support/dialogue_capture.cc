#include "tests/support/dialogue_capture.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tests/support/frame_builder.h"

namespace backscatter::support {
namespace {

// A wrong address in a test is a bug of the test.
IpAddress MustParse(const std::string& text) {
  const auto address = IpAddress::Parse(text);
  if (!address.has_value()) {
    std::fprintf(stderr, "dialogue_capture: '%s' is no IP address\n", text.c_str());
    std::abort();
  }
  return *address;
}

}  // namespace

DialogueCapture::DialogueCapture(DialogueOptions options) : options_(std::move(options)) {}

DialogueCapture& DialogueCapture::Client(std::string_view text) {
  script_.Client(text);
  return *this;
}

DialogueCapture& DialogueCapture::Server(std::string_view text) {
  script_.Server(text);
  return *this;
}

DialogueCapture& DialogueCapture::ClientCrossing(std::string_view text, std::uint8_t unseen) {
  script_.Begin(Direction::kFromClient, unseen);
  script_.Append(text);
  return *this;
}

DialogueCapture& DialogueCapture::Lines(std::initializer_list<std::string_view> lines) {
  char side = 0;
  for (const std::string_view line : lines) {
    if (line.size() < 3 || (line[0] != 'C' && line[0] != 'S') || line[1] != ':') {
      std::fprintf(stderr, "dialogue_capture: a line begins with neither 'C: ' nor 'S: '\n");
      std::abort();
    }
    if (line[0] != side) {
      script_.Begin(line[0] == 'C' ? Direction::kFromClient : Direction::kFromServer);
    }
    side = line[0];
    script_.Append(line.substr(3));
    script_.Append("\r\n");
  }
  return *this;
}

std::vector<TimedFrame> DialogueCapture::Frames() const {
  SessionScript script = script_;
  script.ending = options_.ending;
  ConnectionEnds ends;
  ends.client = {MustParse(options_.client), options_.client_port};
  ends.server = {MustParse(options_.server), options_.server_port};
  ends.initial_sequence[Index(Direction::kFromClient)] = options_.client_sequence;
  ends.initial_sequence[Index(Direction::kFromServer)] = options_.server_sequence;
  FrameBuilder builder;
  builder.Reset(ends);
  Prng prng(options_.seed);
  std::vector<PlannedPacket> packets;
  TcpOptions tcp = options_.tcp;
  // An IPv6 header is 20 octets longer, and frames stay within Ethernet's 1500.
  if (!ends.client.address.is_v4()) {
    tcp.maximum_segment = std::min<std::uint16_t>(tcp.maximum_segment, 1428);
  }
  PlanPackets(script, tcp, options_.start, prng, packets);
  std::vector<TimedFrame> frames;
  char buffer[kMaximumFrame];
  for (const PlannedPacket& packet : packets) {
    const std::size_t length = builder.Build(script, packet, buffer);
    frames.push_back({packet.at, std::string(buffer, length), packet.from, packet.flags,
                      packet.offset, packet.length});
  }
  return frames;
}

std::string DialogueCapture::Stream(Direction from) const {
  std::string text(script_.stream_length(from), '\0');
  std::uint32_t piece = 0;
  script_.CopyOut(from, 0, script_.stream_length(from), piece, text.data());
  return text;
}

std::vector<TimedFrame> Merge(std::vector<std::vector<TimedFrame>> captures) {
  std::vector<TimedFrame> merged;
  for (std::vector<TimedFrame>& capture : captures) {
    std::move(capture.begin(), capture.end(), std::back_inserter(merged));
  }
  std::stable_sort(merged.begin(), merged.end(),
                   [](const TimedFrame& a, const TimedFrame& b) { return a.at < b.at; });
  return merged;
}

std::string ToPcap(const std::vector<TimedFrame>& frames, TimeUnit unit) {
  PcapWriter writer("", unit);
  for (const TimedFrame& frame : frames) {
    std::memcpy(writer.Reserve(frame.bytes.size()), frame.bytes.data(), frame.bytes.size());
    writer.Commit(frame.at, frame.bytes.size());
  }
  return writer.contents();
}

}  // namespace backscatter::support
