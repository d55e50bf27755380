#include "agent/source/netlink_dump.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <vector>

#include "absl/status/status.h"

#include "agent/base/file_descriptor.h"

namespace backscatter {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;  // the kernel fills at most 32 KiB at a time

absl::Status Failed(const char* what, int error) {
  return absl::UnavailableError(std::string("netlink: ") + what + ": " + std::strerror(error));
}

// Takes the messages of one datagram; true: the last one was among them.
bool TakeMessages(NetlinkBytes bytes, NetlinkEnd& end,
                  const std::function<void(std::uint16_t, NetlinkBytes)>& take) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return false;
    const NetlinkBytes body = bytes.subspan(sizeof header, header.nlmsg_len - sizeof header);
    end.changed |= (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (header.nlmsg_type == NLMSG_DONE) return true;
    if (header.nlmsg_type == NLMSG_ERROR) {
      int error = 0;
      std::memcpy(&error, body.data(), std::min(body.size(), sizeof error));
      end.error = -error;
      return true;
    }
    take(header.nlmsg_type, body);
    bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), NLMSG_ALIGN(header.nlmsg_len)));
  }
  return false;
}

}  // namespace

absl::StatusOr<NetlinkEnd> DumpNetlink(
    std::uint16_t type, NetlinkBytes request,
    const std::function<void(std::uint16_t type, NetlinkBytes body)>& take) {
  const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) return Failed("no socket", errno);
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(request.size()));
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header.nlmsg_seq = 1;
  std::vector<std::uint8_t> buffer(NLMSG_ALIGN(header.nlmsg_len));
  std::memcpy(buffer.data(), &header, sizeof header);
  std::memcpy(buffer.data() + NLMSG_HDRLEN, request.data(), request.size());
  if (send(socket.get(), buffer.data(), header.nlmsg_len, 0) < 0) return Failed("no dump", errno);
  buffer.resize(kBufferBytes);
  NetlinkEnd end;
  while (true) {
    const ssize_t got = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Failed("no answer", got == 0 ? EPIPE : errno);
    if (TakeMessages({buffer.data(), static_cast<std::size_t>(got)}, end, take)) return end;
  }
}

}  // namespace backscatter
