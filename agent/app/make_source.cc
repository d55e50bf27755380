#include "agent/app/make_source.h"

#include <string>
#include <utility>

#include "absl/status/status.h"

#include "agent/source/bpf_source.h"
#include "agent/source/pcap_live.h"

namespace backscatter {
namespace {

BpfAttachMode AttachModeOf(const Config& config) {
  if (config.bpf_attach == "tcx") return BpfAttachMode::kTcx;
  return config.bpf_attach == "clsact" ? BpfAttachMode::kClsact : BpfAttachMode::kAuto;
}

absl::StatusOr<MadeSource> MakeBpf(const Config& config, const CaptureRules& rules) {
  BpfSourceOptions options;
  options.rules = rules;
  options.attach = AttachModeOf(config);
  options.program.ring_bytes = config.bpf_ring_bytes;
  options.run_stats = config.bpf_stats;
  absl::StatusOr<std::unique_ptr<BpfSource>> bpf = BpfSource::Open(options);
  if (!bpf.ok()) return bpf.status();
  const BpfSource* const opened = bpf->get();
  MadeSource made{.source = *std::move(bpf), .why = "kernel probes, as source: bpf asks for"};
  made.warning = std::string(opened->run_stats_status().message());
  // A filter of a qdisc does not go with the process: it must be taken away at the end.
  made.keeps = [opened] {
    return opened->attached_by() == BpfAttachMode::kClsact
               ? CapabilitySet::Of({Capability::kNetAdmin})
               : CapabilitySet();
  };
  made.details = [opened] { return std::string(BpfAttachName(opened->attached_by())); };
  return made;
}

absl::StatusOr<MadeSource> MakePcap(const Config& config, const CaptureRules& rules) {
  PcapLiveOptions options;
  options.rules = rules;
  options.ring_bytes = config.bpf_ring_bytes;
  absl::StatusOr<std::unique_ptr<PcapLiveSource>> pcap = PcapLiveSource::Open(options);
  if (!pcap.ok()) return pcap.status();
  const PcapLiveSource* const opened = pcap->get();
  MadeSource made{.source = *std::move(pcap), .why = "packet capture, as source: pcap asks for"};
  made.details = [opened] {
    if (opened->program_status().ok()) return std::string("sockets, bodies cut in the kernel");
    return "sockets, all of the ports crosses: " + std::string(opened->program_status().message());
  };
  return made;
}

}  // namespace

absl::StatusOr<MadeSource> MakeSource(const Config& config, const CaptureRules& rules) {
  if (config.source == "bpf") return MakeBpf(config, rules);
  if (config.source == "pcap") return MakePcap(config, rules);
  absl::StatusOr<MadeSource> bpf = MakeBpf(config, rules);
  if (bpf.ok()) {
    bpf->why = "kernel probes: the best there is, and this host allows them";
    return bpf;
  }
  absl::StatusOr<MadeSource> pcap = MakePcap(config, rules);
  if (!pcap.ok()) return bpf.status();
  pcap->why = "packet capture, since kernel probes do not work here: " +
              std::string(bpf.status().message());
  return pcap;
}

}  // namespace backscatter
