#include "tests/support/dialogue_capture.h"

#include <algorithm>
#include <utility>

#include "gtest/gtest.h"

#include "agent/net/segment.h"
#include "tests/unit/support/capture_reader.h"

namespace backscatter::support {
namespace {

DialogueCapture Bounce(DialogueOptions options = {}) {
  DialogueCapture capture(std::move(options));
  capture.Lines({"S: 220 mx.test ESMTP", "C: EHLO a.test", "S: 250-mx.test", "S: 250 PIPELINING",
                 "C: MAIL FROM:<>", "C: RCPT TO:<v@v.test>", "C: DATA", "S: 250 Ok", "S: 250 Ok",
                 "S: 354 Go", "C: Subject: x", "C: ", "C: text", "C: .", "S: 250 Ok", "C: QUIT",
                 "S: 221 Bye"});
  return capture;
}

TEST(DialogueCapture, LinesOfOneSideInARowAreOneSegment) {
  std::vector<std::string> payloads;
  for (const ReadSegment& segment : ReadPcap(ToPcap(Bounce().Frames()))) {
    if (!segment.payload.empty()) payloads.push_back(segment.payload);
  }
  ASSERT_EQ(payloads.size(), 9u);
  EXPECT_EQ(payloads[3], "MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\nDATA\r\n");
  EXPECT_EQ(payloads[5], "Subject: x\r\n\r\ntext\r\n.\r\n");
}

TEST(DialogueCapture, FramesCarryBothStreamsWithRightChecksums) {
  for (const char* client : {"198.51.100.7", "2001:db8::7"}) {
    DialogueOptions options;
    options.client = client;
    options.server = options.client.find(':') == std::string::npos ? "192.0.2.25" : "2001:db8::25";
    options.client_sequence = 0xfffffff0;  // wraps in the first command
    const DialogueCapture capture = Bounce(options);
    const auto segments = ReadPcap(ToPcap(capture.Frames(), TimeUnit::kNanoseconds));
    ASSERT_FALSE(segments.empty());
    for (const ReadSegment& segment : segments) {
      EXPECT_TRUE(segment.ip_checksum_right);
      EXPECT_TRUE(segment.tcp_checksum_right);
    }
    const auto connections = Connections(segments);
    ASSERT_EQ(connections.size(), 1u);
    EXPECT_EQ(connections[0].client_stream, capture.Stream(Direction::kFromClient));
    EXPECT_EQ(connections[0].server_stream, capture.Stream(Direction::kFromServer));
  }
}

TEST(DialogueCapture, WithoutHandshakeAndEndingThereIsOnlyPayload) {
  DialogueOptions options;
  options.tcp.handshake = false;
  options.ending = Ending::kNone;
  for (const TimedFrame& frame : Bounce(options).Frames()) {
    EXPECT_GT(frame.payload_length, 0u);
    EXPECT_EQ(frame.flags & (tcp_flags::kSyn | tcp_flags::kFin | tcp_flags::kRst), 0);
  }
}

TEST(DialogueCapture, ACrossingWriteDoesNotAcknowledgeWhatItsSenderHadNot) {
  DialogueCapture capture;
  capture.Server("220 mx\r\n").Client("MAIL FROM:<>\r\n").Server("250 Ok\r\n");
  capture.ClientCrossing("RCPT TO:<v@v.test>\r\n");
  const auto segments = ReadPcap(ToPcap(capture.Frames()));
  const auto find = [&](std::string_view text) {
    return std::find_if(segments.begin(), segments.end(),
                        [&](const ReadSegment& s) { return s.payload.starts_with(text); });
  };
  EXPECT_EQ(find("RCPT")->acknowledgment, find("MAIL")->acknowledgment);
}

TEST(DialogueCapture, MergeKeepsTimeOrder) {
  DialogueOptions second;
  second.client_port = 40'001;
  second.start += 5 * kMillisecond;
  const auto frames = Merge({Bounce().Frames(), Bounce(second).Frames()});
  EXPECT_EQ(frames.size(), 2 * Bounce().Frames().size());
  EXPECT_TRUE(std::is_sorted(frames.begin(), frames.end(),
                             [](const auto& a, const auto& b) { return a.at < b.at; }));
}

}  // namespace
}  // namespace backscatter::support
