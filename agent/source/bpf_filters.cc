#include "agent/source/bpf_filters.h"

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "agent/base/file_descriptor.h"

namespace backscatter {
namespace {

using Bytes = std::span<const std::uint8_t>;

struct Request {
  nlmsghdr header;
  tcmsg body;
};

Request DumpRequest(int interface, TcDirection direction) {
  Request request = {};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETTFILTER;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = 1;
  request.body.tcm_family = AF_UNSPEC;
  request.body.tcm_ifindex = interface;
  request.body.tcm_parent =
      (TC_H_CLSACT & TC_H_MAJ_MASK) |
      (direction == TcDirection::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  return request;
}

std::string TextOf(Bytes value) {
  const auto* const text = reinterpret_cast<const char*>(value.data());
  return {text, strnlen(text, value.size())};
}

// Calls `take(type, value)` for each attribute.
template <typename Take>
void EachAttribute(Bytes bytes, const Take& take) {
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, bytes.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > bytes.size()) return;
    take(attribute.rta_type & NLA_TYPE_MASK,
         bytes.subspan(sizeof attribute, attribute.rta_len - sizeof attribute));
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), (attribute.rta_len + 3u) & ~3u));
  }
}

TcFilter ReadFilter(Bytes message) {
  tcmsg body;
  std::memcpy(&body, message.data(), sizeof body);
  TcFilter filter;
  filter.handle = body.tcm_handle;
  filter.priority = static_cast<std::uint16_t>(body.tcm_info >> 16);
  EachAttribute(message.subspan(sizeof body), [&filter](int type, Bytes value) {
    if (type == TCA_KIND) filter.kind = TextOf(value);
    if (type != TCA_OPTIONS) return;
    EachAttribute(value, [&filter](int inner, Bytes text) {
      if (inner == TCA_BPF_NAME && filter.kind == "bpf") filter.name = TextOf(text);
    });
  });
  return filter;
}

absl::Status NetlinkError(int error) {
  return absl::UnavailableError(std::string("listing TC filters: ") + std::strerror(error));
}

enum class Read : std::uint8_t { kMore, kDone };

absl::StatusOr<Read> ReadMessages(Bytes bytes, std::vector<TcFilter>& filters) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) break;
    const Bytes body = bytes.subspan(sizeof header, header.nlmsg_len - sizeof header);
    if (header.nlmsg_type == NLMSG_DONE) return Read::kDone;
    if (header.nlmsg_type == NLMSG_ERROR && body.size() >= sizeof(int)) {
      int error = 0;
      std::memcpy(&error, body.data(), sizeof error);
      // There is no such qdisc.
      if (error == -EINVAL || error == -ENOENT || error == -EOPNOTSUPP) return Read::kDone;
      return NetlinkError(-error);
    }
    // A filter without a handle is the head of its chain.
    if (header.nlmsg_type == RTM_NEWTFILTER && body.size() >= sizeof(tcmsg)) {
      TcFilter filter = ReadFilter(body);
      if (filter.handle != 0) filters.push_back(std::move(filter));
    }
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), (header.nlmsg_len + 3u) & ~3u));
  }
  return Read::kMore;
}

}  // namespace

absl::StatusOr<std::vector<TcFilter>> ListTcFilters(int interface, TcDirection direction) {
  const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return NetlinkError(errno);
  const timeval patience = {.tv_sec = 1, .tv_usec = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const Request request = DumpRequest(interface, direction);
  if (send(socket.get(), &request, sizeof request, 0) < 0) return NetlinkError(errno);
  std::vector<TcFilter> filters;
  std::vector<std::uint8_t> buffer(std::size_t{1} << 16);
  while (true) {
    const ssize_t length = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return NetlinkError(length == 0 ? EPIPE : errno);
    const auto read = ReadMessages({buffer.data(), static_cast<std::size_t>(length)}, filters);
    if (!read.ok()) return read.status();
    if (*read == Read::kDone) return filters;
  }
}

}  // namespace backscatter
