// Sampling: whole sessions, both directions alike, the share that was asked for.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"
#include "tests/support/packet_builder.h"

namespace backscatter::bpf_test {
namespace {

class Sampling : public KernelTest {
 protected:
  void Sample(double ratio, std::uint32_t seed = 7) {
    CaptureRules rules = DefaultRules();
    rules.sampling_ratio = ratio;
    rules.seed = seed;
    kernel->Apply(rules);
  }
  // Whether a SYN of this session, from the client or the server, is told.
  bool Chosen(std::uint32_t number, bool from_client, bool v6 = false) {
    const std::string host = std::to_string(number % 250 + 1);
    const auto port = static_cast<std::uint16_t>(20000 + number / 250);
    const std::string client = (v6 ? "2001:db8:77::" : "198.51.100.") + host;
    const std::string server = v6 ? "2001:db8:5::25" : "203.0.113.5";
    support::PacketBuilder frame;
    frame.Ethernet();
    const std::string& source = from_client ? client : server;
    const std::string& destination = from_client ? server : client;
    if (v6) {
      frame.Ipv6(source, destination);
    } else {
      frame.Ipv4(source, destination);
    }
    frame.Tcp(from_client ? port : 25, from_client ? 25 : port, {.flags = 0x02});
    EXPECT_TRUE(kernel->Run(frame.Build()));
    return !kernel->Records().empty();
  }
};

TEST_F(Sampling, BothDirectionsOfASessionAreChosenAlike) {
  Sample(0.5);
  std::uint32_t chosen = 0;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const bool v6 = i % 2 != 0;
    const bool client = Chosen(i, true, v6);
    EXPECT_EQ(client, Chosen(i, false, v6)) << i;
    chosen += client ? 1u : 0u;
  }
  EXPECT_NEAR(chosen, 1000, 5 * std::sqrt(2000 * 0.25));
}

TEST_F(Sampling, TheShareIsTheRatioWhateverTheSeed) {
  constexpr std::uint32_t kSessions = 4000;
  for (const double ratio : {0.01, 0.1, 0.5, 0.9}) {
    for (const std::uint32_t seed : {1u, 0x80000000u, 0xdeadbeefu}) {
      Sample(ratio, seed);
      std::uint32_t chosen = 0;
      for (std::uint32_t i = 0; i < kSessions; ++i) chosen += Chosen(i, true) ? 1u : 0u;
      // Five standard deviations.
      EXPECT_NEAR(chosen, kSessions * ratio, 5 * std::sqrt(kSessions * ratio * (1 - ratio)))
          << ratio << " " << seed;
    }
  }
}

TEST_F(Sampling, AnotherSeedChoosesOthers) {
  std::vector<bool> chosen[2];
  for (const std::uint32_t seed : {1u, 2u}) {
    Sample(0.5, seed);
    for (std::uint32_t i = 0; i < 500; ++i) chosen[seed - 1].push_back(Chosen(i, true));
  }
  std::uint32_t same = 0;
  for (std::size_t i = 0; i < 500; ++i) same += chosen[0][i] == chosen[1][i] ? 1u : 0u;
  EXPECT_NEAR(same, 250, 5 * std::sqrt(125));
}

TEST_F(Sampling, TheWeightIsOneOverTheRatio) {
  Sample(0.25);
  for (int i = 0; i < 64; ++i) {
    Wire wire(*kernel);
    wire.S("220 mx\r\n");
    if (wire.segments() == 0) continue;
    EXPECT_DOUBLE_EQ(wire.weight(), 4.0);
    return;
  }
  FAIL() << "none of 64 sessions was chosen at 0.25";
}

TEST_F(Sampling, ASessionThatWasChosenGoesOnWhenTheRatioFallsAndKeepsItsWeight) {
  Wire wire(*kernel);
  wire.S("220 mx\r\n");
  Sample(1e-9);
  wire.C("EHLO a\r\n").S("250 mx\r\n").C("QUIT\r\n");
  EXPECT_EQ(wire.client(), "EHLO a\r\nQUIT\r\n");
  EXPECT_DOUBLE_EQ(wire.weight(), 1.0);
  Wire later(*kernel);
  later.S("220 mx\r\n").C("EHLO a\r\n");
  EXPECT_EQ(later.segments(), 0u);
  EXPECT_EQ(kernel->Counted(BS_NOT_SAMPLED), 2u);
}

TEST_F(Sampling, ASessionThatWasNotChosenMakesNoState) {
  Sample(1e-9);
  Wire wire(*kernel);
  wire.S("220 mx\r\n").C("EHLO a\r\n");
  EXPECT_EQ(kernel->Counted(BS_FLOWS), 0u);
}

TEST_F(Sampling, PortsCanBeChangedWhileItRuns) {
  Wire wire(*kernel, {.server_port = 2526});
  wire.S("220 mx\r\n");
  EXPECT_EQ(wire.server(), "");
  CaptureRules rules = DefaultRules();
  rules.ports = {2526};
  kernel->Apply(rules);
  wire.S("220 mx\r\n");
  EXPECT_EQ(wire.server(), "220 mx\r\n");
  Wire old(*kernel);
  old.S("220 mx\r\n");
  EXPECT_EQ(old.server(), "");
}

}  // namespace
}  // namespace backscatter::bpf_test
