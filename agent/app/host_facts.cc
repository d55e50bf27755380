#include "agent/app/host_facts.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include "agent/app/make_source.h"
#include "agent/app/room_options.h"
#include "agent/net/decoder.h"
#include "agent/source/interface_watcher.h"

namespace backscatter {
namespace {

using Clock = std::chrono::steady_clock;

void ReadKernel(HostFacts& facts, const HostPaths& paths) {
  utsname name{};
  if (uname(&name) == 0) facts.kernel = name.release;
  std::sscanf(facts.kernel.c_str(), "%d.%d", &facts.kernel_major, &facts.kernel_minor);
  facts.btf_path = paths.sys + "/kernel/btf/vmlinux";
  facts.has_btf = access(facts.btf_path.c_str(), R_OK) == 0;
  std::ifstream memory(paths.proc + "/meminfo");
  for (std::string line; std::getline(memory, line);) {
    std::uint64_t kib = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %lu kB", &kib) == 1) {
      facts.available_memory = kib * 1024;
    }
  }
}

// Counts what of the traffic is mail, and at which interface's address it ended.
class Look final : public PacketSink {
 public:
  Look(HostFacts& facts, const std::vector<std::uint16_t>& ports)
      : facts_(facts), ports_(ports), decoder_(&losses_) {}

  void OnPacket(const Packet& packet) override {
    Segment segment;
    if (decoder_.Decode(packet, segment)) OnSegment(segment);
  }
  void OnSegment(const Segment& segment) override {
    const bool to_port = std::ranges::find(ports_, segment.destination.port) != ports_.end();
    const bool from_port = std::ranges::find(ports_, segment.source.port) != ports_.end();
    if (!to_port && !from_port) return;
    ++facts_.segments;
    const auto& bytes = segment.payload;
    if (to_port && bytes.size() > 2 && bytes[0] == 0x16 && bytes[1] == 0x03) ++facts_.tls_starts;
    for (SeenInterface& seen : facts_.interfaces) {
      const auto& own = seen.interface.addresses;
      if (std::ranges::find(own, segment.source.address) != own.end() ||
          std::ranges::find(own, segment.destination.address) != own.end()) {
        ++seen.mail;
        return;
      }
    }
    ++facts_.foreign_segments;
  }
  void OnLoss(Loss, std::uint64_t) override {}

 private:
  HostFacts& facts_;
  const std::vector<std::uint16_t>& ports_;
  Ledger losses_;
  Decoder decoder_;
};

std::uint64_t PacketsOf(const std::string& name, const HostPaths& paths) {
  std::uint64_t sum = 0;
  for (const char* const counter : {"rx_packets", "tx_packets"}) {
    std::ifstream in(paths.sys + "/class/net/" + name + "/statistics/" + counter);
    std::uint64_t packets = 0;
    if (in >> packets) sum += packets;
  }
  return sum;
}

void FindInterfaces(HostFacts& facts, const Config& config) {
  const absl::StatusOr<std::unique_ptr<InterfaceWatcher>> watcher = InterfaceWatcher::Open();
  if (!watcher.ok()) return;
  for (const HostInterface& interface : (*watcher)->interfaces()) {
    const bool wanted =
        config.interfaces.empty() ||
        std::ranges::find(config.interfaces, interface.name) != config.interfaces.end();
    facts.interfaces.push_back({.interface = interface, .wanted = wanted});
  }
}

// Whether each way of capturing opens; the one that `run` would take stays open.
absl::StatusOr<MadeSource> TrySources(HostFacts& facts, const Config& config) {
  const CaptureRules rules = LookRules(config);
  Config other = config;
  other.source = "bpf";
  absl::StatusOr<MadeSource> bpf = MakeSource(other, rules);
  facts.probes = bpf.status();
  other.source = "pcap";
  absl::StatusOr<MadeSource> pcap = MakeSource(other, rules);
  facts.packets = pcap.ok() ? pcap->source->Start() : pcap.status();
  if (config.source == "pcap" || (config.source == "auto" && !bpf.ok())) {
    return facts.packets.ok() ? std::move(pcap) : facts.packets;
  }
  return bpf;
}

absl::Status CaptureFor(HostFacts& facts, const Config& config, LiveSource& source,
                        PacketTime look) {
  if (const absl::Status status = source.Start(); !status.ok()) return status;
  std::vector<HostInterface> wanted;
  for (const SeenInterface& seen : facts.interfaces) {
    if (seen.wanted && seen.interface.up) wanted.push_back(seen.interface);
  }
  absl::Status status = source.SetInterfaces(wanted);
  for (SeenInterface& seen : facts.interfaces) {
    seen.watched = source.IsWatched(seen.interface.index);
  }
  Look sink(facts, config.ports);
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end = begin + std::chrono::nanoseconds(look);
  while (Clock::now() < end) {
    const absl::StatusOr<PollResult> result = source.Poll(sink, 100 * kMillisecond);
    if (result.ok()) continue;
    status = result.status();
    break;
  }
  facts.looked_for = std::chrono::nanoseconds(Clock::now() - begin).count();
  (void)source.SetInterfaces({});
  return status;
}

}  // namespace

CaptureRules LookRules(const Config& config) {
  CaptureRules rules = MakeCaptureRules(config, 1);
  rules.sampling_ratio = 1;
  return rules;
}

HostFacts GatherHostFacts(const Config& config, PacketTime look, const HostPaths& paths) {
  HostFacts facts;
  ReadKernel(facts, paths);
  if (const auto have = EffectiveCapabilities(); have.ok()) facts.capabilities = *have;
  FindInterfaces(facts, config);
  facts.listeners = FindListeners(paths, config.ports, facts.sees_all_processes);
  absl::StatusOr<MadeSource> made = TrySources(facts, config);
  for (SeenInterface& seen : facts.interfaces) {
    seen.packets = PacketsOf(seen.interface.name, paths);
  }
  if (made.ok()) {
    facts.source = made->source->Name();
    facts.capture = CaptureFor(facts, config, *made->source, look);
    for (SeenInterface& seen : facts.interfaces) {
      seen.packets = PacketsOf(seen.interface.name, paths) - seen.packets;
    }
  }
  AskListeners(facts.listeners);
  return facts;
}

}  // namespace backscatter
