#include "agent/app/rights.h"

#include "absl/status/statusor.h"

#include "agent/base/abseil_bridge.h"

namespace backscatter {
namespace {

constexpr std::string_view kHowToGive =
    "run it as root, or by the systemd unit, or give it to the program once: setcap "
    "cap_bpf,cap_net_admin,cap_perfmon,cap_net_raw=ep PATH_OF_BACKSCATTERD";

bool IsOne(CapabilitySet set) { return (set.bits() & (set.bits() - 1)) == 0; }

std::string IsMissing(CapabilitySet missing) {
  return missing.Names() + (IsOne(missing) ? " is missing" : " are missing");
}

}  // namespace

std::string MissingRights(std::string_view source, CapabilitySet have) {
  const CapabilitySet for_bpf = kForKernelProbes - have;
  const CapabilitySet for_pcap = kForPacketCapture - have;
  if (source == "pcap") {
    if (for_pcap.empty()) return {};
    return IsMissing(for_pcap) + " for packet capture; " +
           (for_bpf.empty() ? "the kernel probes work with what there is (--source bpf)"
                            : std::string(kHowToGive));
  }
  if (for_bpf.empty()) return {};
  std::string text = IsMissing(for_bpf) + " for the kernel probes";
  if (for_pcap.empty()) {
    if (source == "auto") return {};  // it takes the other way
    return text + "; packet capture works with what there is (--source pcap)";
  }
  text += ", and " + for_pcap.Names() + " alone would do for packet capture";
  return text + "; " + std::string(kHowToGive);
}

absl::Status WithMissingRights(const absl::Status& refused, std::string_view source) {
  const absl::StatusOr<CapabilitySet> have = EffectiveCapabilities();
  const std::string missing = have.ok() ? MissingRights(source, *have) : "";
  if (missing.empty()) return refused;
  return absl::PermissionDeniedError(missing + " (" + std::string(ToStd(refused.message())) + ")");
}

CapabilitySet RightsToKeep(std::string_view source, bool all_interfaces) {
  if (!all_interfaces) return {};
  return source == "pcap" ? kForPacketCapture : kForKernelProbes;
}

}  // namespace backscatter
