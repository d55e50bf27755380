#include "agent/source/bpf_filters.h"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/source/netlink_dump.h"

namespace backscatter {
namespace {

tcmsg DumpRequest(int interface, TcDirection direction) {
  tcmsg request = {};
  request.tcm_family = AF_UNSPEC;
  request.tcm_ifindex = interface;
  request.tcm_parent = (TC_H_CLSACT & TC_H_MAJ_MASK) |
                       (direction == TcDirection::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  return request;
}

TcFilter ReadFilter(NetlinkBytes message) {
  tcmsg body;
  std::memcpy(&body, message.data(), sizeof body);
  TcFilter filter;
  filter.handle = body.tcm_handle;
  filter.priority = static_cast<std::uint16_t>(body.tcm_info >> 16);
  ForEachAttribute(message.subspan(sizeof body), [&filter](int type, NetlinkBytes value) {
    if (type == TCA_KIND) filter.kind = NetlinkText(value);
    if (type != TCA_OPTIONS) return;
    ForEachAttribute(value, [&filter](int inner, NetlinkBytes text) {
      if (inner == TCA_BPF_NAME && filter.kind == "bpf") filter.name = NetlinkText(text);
    });
  });
  return filter;
}

}  // namespace

absl::StatusOr<std::vector<TcFilter>> ListTcFilters(int interface, TcDirection direction) {
  const tcmsg request = DumpRequest(interface, direction);
  std::vector<TcFilter> filters;
  const absl::StatusOr<NetlinkEnd> end =
      DumpNetlink(RTM_GETTFILTER, {reinterpret_cast<const std::uint8_t*>(&request), sizeof request},
                  [&filters](std::uint16_t type, NetlinkBytes body) {
                    if (type != RTM_NEWTFILTER || body.size() < sizeof(tcmsg)) return;
                    TcFilter filter = ReadFilter(body);
                    // One without a handle is the head of its chain.
                    if (filter.handle != 0) filters.push_back(std::move(filter));
                  });
  if (!end.ok()) return end.status();
  const int error = end->error;
  // There is no such qdisc.
  if (error == 0 || error == EINVAL || error == ENOENT || error == EOPNOTSUPP) return filters;
  return absl::UnavailableError(std::string("listing TC filters: ") + std::strerror(error));
}

}  // namespace backscatter
