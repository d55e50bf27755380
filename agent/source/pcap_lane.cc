#include "agent/source/pcap_lane.h"

#include <pcap/pcap.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <limits>
#include <vector>

#include "agent/source/link_type_name.h"
#include "agent/source/packet_filter.h"

namespace backscatter {
namespace {

// What became of pcap_activate. `details` is libpcap's own text, which may be empty.
absl::Status Refused(const std::string& name, int result, std::string_view details) {
  const std::string lead = name + ": ";
  switch (result) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      return absl::PermissionDeniedError(
          lead +
          "capturing needs CAP_NET_RAW; run as root, give the program the capability (setcap "
          "cap_net_raw+ep FILE), or set AmbientCapabilities=CAP_NET_RAW in its unit");
    case PCAP_ERROR_NO_SUCH_DEVICE:
      return absl::NotFoundError(lead +
                                 "there is no such interface; `ip link` lists those that "
                                 "there are");
    case PCAP_ERROR_IFACE_NOT_UP:
      return absl::FailedPreconditionError(lead + "it is down; `ip link set " + name +
                                           " up` would change that");
    default:
      return absl::InternalError(
          lead + "libpcap cannot capture here: " +
          (details.empty() ? pcap_statustostr(result) : std::string(details)));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PcapLane>> PcapLane::Open(const HostInterface& interface,
                                                         const PcapLaneOptions& options) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* const handle = pcap_create(interface.name.c_str(), error.data());
  if (handle == nullptr) return Refused(interface.name, PCAP_ERROR, error.data());
  std::unique_ptr<PcapLane> lane(new PcapLane(interface, options, handle));
  if (absl::Status status = lane->Configure(options); !status.ok()) return status;
  return lane;
}

PcapLane::~PcapLane() { pcap_close(handle_); }

absl::Status PcapLane::Failed(std::string_view what) const {
  return absl::InternalError(name_ + ": " + std::string(what) + ": " + pcap_geterr(handle_));
}

absl::Status PcapLane::Configure(const PcapLaneOptions& options) {
  pcap_set_snaplen(handle_, kSnapLength);
  pcap_set_promisc(handle_, 0);
  pcap_set_timeout(handle_, kBlockMs);
  pcap_set_immediate_mode(handle_, 0);
  pcap_set_buffer_size(handle_,
                       static_cast<int>(std::min<std::size_t>(options.ring_bytes, INT_MAX)));
  pcap_set_tstamp_precision(handle_, PCAP_TSTAMP_PRECISION_NANO);
  const int result = pcap_activate(handle_);
  if (result < 0) return Refused(name_, result, pcap_geterr(handle_));
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  if (pcap_setnonblock(handle_, 1, error.data()) != 0) return Failed(error.data());
  fd_ = pcap_get_selectable_fd(handle_);
  if (fd_ < 0) return Failed("nothing to wait for");
  link_type_ = LinkTypeFromFile(static_cast<std::uint16_t>(pcap_datalink(handle_)));
  // Also where a program follows: of what came before it libpcap itself lets only SMTP pass.
  if (absl::Status status = SetPorts(options.ports); !status.ok()) return status;
  if (options.program < 0 || options.program_link != link_type_) return absl::OkStatus();
  return AttachProgram(options.program);
}

absl::Status PcapLane::SetPorts(std::span<const std::uint16_t> ports) {
  static_assert(sizeof(bpf_insn) == sizeof(FilterInstruction));
  // Behind any other header the filter knows no way; the decoder sorts out what is TCP.
  if (link_type_ != LinkType::kEthernet && link_type_ != LinkType::kRaw) return absl::OkStatus();
  const FilterLink link =
      link_type_ == LinkType::kEthernet ? FilterLink::kEthernet : FilterLink::kRawIp;
  std::vector<bpf_insn> instructions;
  for (const FilterInstruction& i : MakePacketFilter(link, ports, kSnapLength)) {
    instructions.push_back({i.code, i.jump_true, i.jump_false, i.k});
  }
  bpf_program filter{.bf_len = static_cast<u_int>(instructions.size()),
                     .bf_insns = instructions.data()};
  return pcap_setfilter(handle_, &filter) == 0 ? absl::OkStatus()
                                               : Failed("the port filter was refused");
}

absl::Status PcapLane::AttachProgram(int program) {
  if (setsockopt(pcap_fileno(handle_), SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) != 0) {
    return absl::InternalError(name_ +
                               ": the kernel refused the socket filter: " + std::strerror(errno));
  }
  has_program_ = true;
  return absl::OkStatus();
}

// Not by libpcap: that would let the new filter judge also what is in the ring already.
void PcapLane::Leave() {
  // Where there is no memory for it, more comes until the lane is closed.
  (void)DropAllFrom(pcap_fileno(handle_));
  leaving_ = true;
}

bool PcapLane::Peek() {
  if (has_packet_) return true;
  if (gone_ && !leaving_) return false;
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  const int result = pcap_next_ex(handle_, &header, &bytes);
  if (result == 0) return false;
  if (result < 0) {
    gone_ = true;
    return false;
  }
  packet_.bytes = {bytes, header->caplen};
  packet_.captured_at = header->ts.tv_sec * kSecond + header->ts.tv_usec;  // nanoseconds, as asked
  packet_.wire_length = std::max(header->len, header->caplen);
  packet_.link_type = link_type_;
  packet_.origin = static_cast<std::uint32_t>(index_);
  // Only a program keeps less than was there and less than the snap length.
  packet_.cut = has_program_ && header->caplen < header->len &&
                header->caplen < static_cast<bpf_u_int32>(kSnapLength);
  has_packet_ = true;
  return true;
}

PcapLane::Drops PcapLane::NewDrops() {
  pcap_stat stats{};
  if (pcap_stats(handle_, &stats) != 0) return {};
  Drops drops;
  drops.ring = stats.ps_drop - ring_drops_;  // modulo 2^32
  drops.interface = stats.ps_ifdrop - interface_drops_;
  ring_drops_ = stats.ps_drop;
  interface_drops_ = stats.ps_ifdrop;
  return drops;
}

}  // namespace backscatter
