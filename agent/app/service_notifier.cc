#include "agent/app/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

#include "agent/app/words.h"
#include "agent/base/escape.h"

namespace backscatter {
namespace {

std::string TakeVariable(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  unsetenv(name);
  return text;
}

// What a line of the protocol may hold: a line's end would begin another assignment.
std::string OneLine(std::string_view text) {
  constexpr std::size_t kMost = 1000;
  std::string line = EscapeForTerminal(text);
  if (line.size() <= kMost) return line;
  std::size_t end = kMost - 3;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;  // UTF-8
  return line.substr(0, end) + "...";
}

std::string MonotonicMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

ServiceNotifier::ServiceNotifier(std::string socket, std::optional<PacketTime> watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {
  const bool usable = socket_.size() > 1 && socket_.size() < sizeof(sockaddr_un::sun_path) &&
                      (socket_.front() == '/' || socket_.front() == '@');
  if (usable) fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

ServiceNotifier ServiceNotifier::FromEnvironment() {
  std::string socket = TakeVariable("NOTIFY_SOCKET");
  const std::optional<std::uint64_t> microseconds =
      ParseNumber<std::uint64_t>(TakeVariable("WATCHDOG_USEC"));
  const std::optional<std::uint64_t> pid = ParseNumber<std::uint64_t>(TakeVariable("WATCHDOG_PID"));
  const bool ours = !pid || *pid == static_cast<std::uint64_t>(getpid());
  constexpr std::uint64_t kMost = std::uint64_t{86'400} * 1'000'000;
  if (!microseconds || !ours || *microseconds < 2 || *microseconds > kMost) {
    return ServiceNotifier(std::move(socket));
  }
  return ServiceNotifier(std::move(socket),
                         static_cast<PacketTime>(*microseconds / 2) * kMicrosecond);
}

ServiceNotifier::~ServiceNotifier() {
  if (fd_ >= 0) close(fd_);
}

ServiceNotifier::ServiceNotifier(ServiceNotifier&& other) noexcept
    : socket_(std::move(other.socket_)),
      watchdog_(other.watchdog_),
      fd_(std::exchange(other.fd_, -1)) {}

void ServiceNotifier::Ready(std::string_view status) { Send("READY=1\nSTATUS=" + OneLine(status)); }
void ServiceNotifier::Reloading() {
  Send("RELOADING=1\nMONOTONIC_USEC=" + MonotonicMicroseconds());
}
void ServiceNotifier::Stopping() { Send("STOPPING=1"); }
void ServiceNotifier::Watchdog() { Send("WATCHDOG=1"); }
void ServiceNotifier::Status(std::string_view status) { Send("STATUS=" + OneLine(status)); }

void ServiceNotifier::Send(const std::string& text) {
  if (fd_ < 0) return;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  // An abstract name has no end of its own: its length says where it ends.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // Who does not listen is not waited for.
  (void)sendto(fd_, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), length);
}

}  // namespace backscatter
