// Against a reference, and the causal order of genuine conversations captured in any order.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "tests/support/prng.h"
#include "tests/unit/tcp/wire.h"

namespace backscatter {
namespace {

using support::Prng;
using testing::Flow;
using testing::Wire;

// Byte by byte: the first copy wins unless it lies before what was delivered in order.
class Reference {
 public:
  void Add(std::uint64_t at, std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (at + i >= next_) bytes_.emplace(at + i, text[i]);
    }
    for (auto byte = bytes_.find(next_); byte != bytes_.end() && byte->first == next_; ++byte) {
      ++next_;
    }
  }
  // What was seen up to the last byte, and how much of it was not.
  std::string Text() const {
    std::string out;
    for (const auto& [offset, byte] : bytes_) out += byte;
    return out;
  }
  std::uint64_t end() const { return bytes_.empty() ? 0 : bytes_.rbegin()->first + 1; }
  std::uint64_t missing() const { return end() - bytes_.size(); }

 private:
  std::map<std::uint64_t, char> bytes_;
  std::uint64_t next_ = 0;
};

TEST(ReassemblerProperty, RandomSegmentsGiveWhatAByteByByteReferenceGives) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    Wire wire;
    Flow flow;
    flow.client_isn = static_cast<std::uint32_t>(prng.Next()) | (seed % 2 ? 0xffffff00U : 0U);
    flow.server_isn = static_cast<std::uint32_t>(prng.Next());
    wire.Handshake(flow);
    Reference reference[2];
    const std::uint32_t range = 1 + prng.Below(400);
    const std::uint32_t longest = 1 + prng.Below(60);
    const bool conflicts = seed % 3 == 0;
    for (std::uint32_t i = 0, n = prng.Below(60); i < n; ++i) {
      const std::uint64_t at = prng.Below(range);
      std::string text(1 + prng.Below(longest), ' ');
      for (std::size_t k = 0; k < text.size(); ++k) {
        text[k] = conflicts ? static_cast<char>(prng.Next()) : static_cast<char>((at + k) * 31);
      }
      const bool from_client = prng.Below(2) == 0;
      reference[from_client ? 0 : 1].Add(at, text);
      if (from_client) {
        wire.Client(flow, {.at = at, .text = text});
      } else {
        wire.Server(flow, {.at = at, .text = text});
      }
    }
    wire.reassembler.Finish();
    std::uint64_t missing = 0;
    for (int d = 0; d < 2; ++d) {
      missing += reference[d].missing();
      if (wire.sink.flows.empty()) continue;
      ASSERT_EQ(wire.sink.flows[0].text[d], reference[d].Text());
      ASSERT_EQ(wire.sink.flows[0].gaps[d], reference[d].missing());
      ASSERT_EQ(wire.sink.flows[0].end[d], reference[d].end());
    }
    ASSERT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), missing);
    if (!conflicts) {
      ASSERT_EQ(wire.ledger.Get(Anomaly::kTcpOverlapConflict), 0U);
    }
    ASSERT_EQ(wire.reassembler.held_bytes(), 0U);
  }
}

struct Turn {
  bool from_client;
  std::uint64_t at;
  std::string text;
  std::uint64_t acked;
  bool fin;
};

// Client and server speak at will; what each has received of the other lags at random.
std::vector<Turn> Converse(Prng& prng) {
  std::vector<Turn> turns;
  std::uint64_t sent[2] = {0, 0};
  std::uint64_t received[2] = {0, 0};  // of what the other sent
  const auto say = [&](int side, std::string text, bool fin) {
    received[side] += prng.Below(static_cast<std::uint32_t>(sent[1 - side] - received[side] + 1));
    turns.push_back({side == 0, sent[side], std::move(text), received[side], fin});
    sent[side] += turns.back().text.size();
  };
  for (std::uint32_t i = 0, n = 2 + prng.Below(24); i < n; ++i) {
    const int side = static_cast<int>(prng.Below(2));
    if (prng.Below(3) == 0) received[side] = sent[1 - side];
    say(side, std::string(1 + prng.Below(20), side == 0 ? 'c' : 's'), false);
    if (prng.Below(8) == 0) turns.push_back(turns[prng.Below(i + 1)]);  // a retransmission
  }
  say(0, "c", true);  // with payload: a bare FIN before everything else opens nothing
  received[1] = sent[0];
  turns.push_back({false, sent[1], "s", sent[0] + 1, true});  // acknowledges the FIN
  return turns;
}

TEST(ReassemblerProperty, AnyCaptureOrderOfAGenuineConversationIsToldInAPossibleOrder) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Prng prng(seed);
    std::vector<Turn> turns = Converse(prng);
    std::uint64_t length[2] = {0, 0};
    // What the sender of each byte had when it first sent it.
    std::vector<std::uint64_t> needed[2];
    for (const Turn& turn : turns) {
      auto& of = needed[turn.from_client ? 0 : 1];
      for (std::size_t i = 0; i < turn.text.size(); ++i) {
        if (turn.at + i == of.size()) of.push_back(turn.acked);
      }
    }
    for (int d = 0; d < 2; ++d) length[d] = needed[d].size();
    for (std::size_t i = turns.size(); i > 1; --i) {
      std::swap(turns[i - 1], turns[prng.Below(static_cast<std::uint32_t>(i))]);
    }
    Wire wire;
    Flow flow;
    flow.client_isn = static_cast<std::uint32_t>(prng.Next());
    flow.server_isn = 0xfffffff0U + prng.Below(15);
    wire.Handshake(flow);
    for (const Turn& turn : turns) {
      const std::uint8_t flags = turn.fin ? testing::kFinAck : tcp_flags::kAck;
      const testing::Sent sent{
          .at = turn.at, .text = turn.text, .acked = turn.acked, .flags = flags};
      turn.from_client ? wire.Client(flow, sent) : wire.Server(flow, sent);
    }
    ASSERT_EQ(wire.sink.flows.size(), 1U);
    ASSERT_EQ(wire.reassembler.held_bytes(), 0U);
    ASSERT_EQ(wire.ledger.Get(Loss::kTcpGapBytes), 0U);
    ASSERT_EQ(wire.sink.closes, std::vector{CloseReason::kFin});
    std::uint64_t told[2] = {0, 0};
    for (const auto& chunk : wire.sink.flows[0].chunks) {
      const int d = static_cast<int>(chunk.direction);
      ASSERT_LE(chunk.acked, told[1 - d]);
      // A FIN's number may be acknowledged, and is no byte.
      ASSERT_LE(std::min(needed[d].at(chunk.offset), length[1 - d]), told[1 - d]);
      told[d] += chunk.text.size();
    }
    ASSERT_EQ(told[0], length[0]);
    ASSERT_EQ(told[1], length[1]);
  }
}

}  // namespace
}  // namespace backscatter
