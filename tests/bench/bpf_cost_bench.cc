// What one packet costs in the kernel: runs of the program on one frame (BPF_PROG_TEST_RUN), as
// multiples of a program that only returns, taken in turns in the same run. Exit code 1: over a
// limit; 3: the program does not load here.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/measure.h"
#include "tests/bpf/kernel.h"
#include "tests/bpf/wire.h"
#include "tests/support/packet_builder.h"

namespace backscatter::bench {
namespace {

using bpf_test::Kernel;
using bpf_test::Wire;
using support::PacketBuilder;

constexpr std::uint32_t kRepeat = 100000;
constexpr int kRounds = 15;

struct Case {
  std::string name;
  std::string frame;
  std::optional<double> limit;  // times a program that only returns
  CaptureRules rules = bpf_test::DefaultRules();
  std::vector<double> nanoseconds = {};
  std::vector<double> times = {};  // a program that only returns, in the same moment
};

std::string TcpFrame(std::uint16_t from, std::uint16_t to, const std::string& text,
                     bool v6 = false) {
  PacketBuilder frame;
  frame.Ethernet();
  if (v6) {
    frame.Ipv6("2001:db8::1", "2001:db8:5::1");
  } else {
    frame.Ipv4("192.0.2.1", "203.0.113.5");
  }
  return frame.Tcp(from, to).Payload(text).Build();
}

std::vector<Case> MakeCases(Kernel& kernel) {
  kernel.Apply(bpf_test::DefaultRules());
  const std::string full(1448, 'x');
  const std::string lines = full.substr(0, 1446) + "\r\n";
  CaptureRules none = bpf_test::DefaultRules();
  none.sampling_ratio = 1e-9;
  Wire body(kernel);
  body.UpToData().S("354 go\r\n");
  Wire ended(kernel);
  ended.UpToData().S("354 go\r\n");
  Wire lost(kernel);
  lost.C("x");
  Wire tls(kernel, {.server_port = 465});
  tls.C(std::string("\x16\x03\x01\x02\x00", 5) + full);
  std::vector<Case> cases;
  cases.push_back({"ARP", PacketBuilder().Ethernet(0x0806).Payload(full.substr(0, 28)).Build(), 3});
  cases.push_back({"not SMTP, IPv4", TcpFrame(443, 50000, full), 3});
  cases.push_back({"not SMTP, IPv6", TcpFrame(443, 50000, full, true), 3});
  cases.push_back({"not chosen, IPv4", TcpFrame(25, 50000, full), 3.5, none});
  cases.push_back({"not chosen, IPv6", TcpFrame(25, 50000, full, true), 3.5, none});
  cases.push_back({"acknowledgment", TcpFrame(25, 50000, ""), std::nullopt});
  cases.push_back({"body stays", body.FrameC(full), 7});
  cases.push_back({"body stays, ends a line", ended.FrameC(lines), 7});
  cases.push_back({"place not known", lost.FrameC(full), std::nullopt});
  cases.push_back({"TLS stays", tls.FrameC(full), std::nullopt});
  return cases;
}

void PrintRow(const std::string& name, std::vector<double> all, double times) {
  std::sort(all.begin(), all.end());
  std::printf("%-26s %8.1f %8.1f %8.1f %8.2f", name.c_str(), Median(all), all.front(), all.back(),
              times);
}

int Run() {
  Kernel* const kernel = Kernel::Get(BpfKind::kEthernet);
  Kernel* const nothing = Kernel::Get(BpfKind::kNothing);
  if (kernel == nullptr || nothing == nullptr) {
    std::fprintf(stderr, "the kernel program does not load: %s\n", Kernel::WhyNot().c_str());
    return 3;
  }
  std::vector<Case> cases = MakeCases(*kernel);
  std::vector<double> least;
  for (int round = 0; round < kRounds; ++round) {
    for (Case& one : cases) {
      kernel->Apply(one.rules);
      // Side by side, so that both have the same share of whatever else the machine does.
      const double base = nothing->Time(one.frame, kRepeat);
      one.nanoseconds.push_back(kernel->Time(one.frame, kRepeat));
      one.times.push_back(one.nanoseconds.back() / std::max(base, 1.0));
      least.push_back(base);
    }
  }
  bool over = false;
  std::printf("%-26s %8s %8s %8s %8s %8s\n", "ns a packet", "median", "least", "most", "times",
              "limit");
  PrintRow("only returns", least, 1);
  std::printf("\n");
  for (const Case& one : cases) {
    const double times = Median(one.times);
    PrintRow(one.name, one.nanoseconds, times);
    const bool is_over = one.limit && times > *one.limit;
    if (one.limit) std::printf(" %8.1f%s", *one.limit, is_over ? "  OVER" : "");
    std::printf("\n");
    over = over || is_over;
  }
  return over ? 1 : 0;
}

}  // namespace
}  // namespace backscatter::bench

int main() { return backscatter::bench::Run(); }
