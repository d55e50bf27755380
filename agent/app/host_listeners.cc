// Which programs wait for mail, and what they offer.
#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "agent/app/host_facts.h"
#include "agent/app/words.h"
#include "agent/base/ascii.h"
#include "agent/base/file_descriptor.h"
#include "agent/base/ip_address.h"

namespace backscatter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kServers[] = {"master",   "exim",         "exim4",      "smtpd",
                                         "sendmail", "sendmail-mta", "postscreen", "dovecot",
                                         "haraka",   "maddy",        "smtp-sink",  "qmail-smtpd",
                                         "haproxy",  "rspamd_proxy", "amavisd-new"};

struct Socket {
  std::uint16_t port = 0;
  IpAddress address;
};

// "0100007F" or 32 digits: words of the host's byte order, as the kernel prints them.
std::optional<IpAddress> ParseKernelAddress(std::string_view hex) {
  if (hex.size() != 8 && hex.size() != 32) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t word = 0; word < hex.size() / 8; ++word) {
    const auto value = ParseNumber<std::uint32_t>(hex.substr(word * 8, 8), 16);
    if (!value) return std::nullopt;
    std::memcpy(bytes.data() + word * 4, &*value, 4);
  }
  if (hex.size() == 32) return IpAddress::V6(bytes);
  return IpAddress::V4(std::span(bytes).first<4>());
}

// Listening sockets by inode.
void ReadSockets(const std::string& path, std::map<std::uint64_t, Socket>& sockets) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);  // the heading
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string index, local, remote, state, queues, timer, retransmits, uid, timeout;
    std::uint64_t inode = 0;
    words >> index >> local >> remote >> state >> queues >> timer >> retransmits >> uid >>
        timeout >> inode;
    constexpr std::string_view kListening = "0A";
    const std::size_t colon = local.find(':');
    if (state != kListening || colon == std::string::npos) continue;
    const auto address = ParseKernelAddress(std::string_view(local).substr(0, colon));
    const auto port = ParseNumber<std::uint16_t>(std::string_view(local).substr(colon + 1), 16);
    if (address && port) sockets[inode] = {*port, *address};
  }
}

std::string NameOf(const std::string& process) {
  std::ifstream in(process + "/comm");
  std::string name;
  std::getline(in, name);
  return name;
}

// The names in a folder that are numbers.
std::vector<std::string> Numbers(const std::string& folder) {
  std::vector<std::string> names;
  DIR* const directory = opendir(folder.c_str());
  if (directory == nullptr) return names;
  while (const dirent* const entry = readdir(directory)) {
    if (IsDigit(entry->d_name[0])) names.emplace_back(entry->d_name);
  }
  closedir(directory);
  return names;
}

// Which program holds which of `sockets`. False: some processes could not be looked into.
bool FindHolders(const std::string& proc, const std::map<std::uint64_t, Socket>& sockets,
                 std::map<std::uint64_t, std::string>& holders) {
  bool all = true;
  for (const std::string& pid : Numbers(proc)) {
    const std::string process = proc + "/" + pid;
    const std::string descriptors = process + "/fd";
    if (access(descriptors.c_str(), R_OK | X_OK) != 0) {
      all &= errno == ENOENT;
      continue;
    }
    for (const std::string& fd : Numbers(descriptors)) {
      char target[64];
      const ssize_t length = readlink((descriptors + "/" + fd).c_str(), target, sizeof target - 1);
      if (length <= 0) continue;
      target[length] = '\0';
      std::uint64_t inode = 0;
      if (std::sscanf(target, "socket:[%lu]", &inode) != 1 || !sockets.contains(inode)) continue;
      std::string& holder = holders[inode];
      const std::string name = NameOf(process);
      if (holder.empty() || IsMailServer(name)) holder = name;
    }
  }
  return all;
}

bool WaitFor(int fd, short events, Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd waited{fd, events, 0};
  return poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) == 1;
}

// Without a descriptor: it was refused, or `until` passed.
FileDescriptor ConnectTo(const MailListener& listener, Clock::time_point until) {
  const bool v6 = listener.address.find(':') != std::string::npos;
  const bool any = listener.address == "0.0.0.0" || listener.address == "::";
  const std::string where = !any ? listener.address : v6 ? "::1" : "127.0.0.1";
  FileDescriptor fd(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (v6) {
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(listener.port);
    inet_pton(AF_INET6, where.c_str(), &address.sin6_addr);
    length = sizeof address;
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(listener.port);
    inet_pton(AF_INET, where.c_str(), &address.sin_addr);
    length = sizeof address;
  }
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0 &&
      errno != EINPROGRESS) {
    return {};
  }
  int error = 0;
  socklen_t size = sizeof error;
  if (!WaitFor(fd.get(), POLLOUT, until) ||
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    return {};
  }
  return fd;
}

struct ReplyText {
  std::string text;
  bool whole = false;  // to the end of its last line
};

// One reply, all its lines, as far as it came before `until`.
ReplyText ReadReply(int fd, Clock::time_point until) {
  ReplyText reply;
  std::string& text = reply.text;
  char buffer[2048];
  while (!reply.whole && text.size() < 16384 && WaitFor(fd, POLLIN, until)) {
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
    if (!IsDigit(text.front())) break;  // another protocol
    const std::size_t last =
        text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
    const std::size_t line = last == std::string::npos ? 0 : last + 1;
    reply.whole = text.back() == '\n' && text.size() > line + 3 && text[line + 3] == ' ';
  }
  return reply;
}

// A reply to EHLO: a keyword a line (RFC 5321 section 4.1.1.1), in any case.
bool HasKeyword(std::string_view reply, std::string_view keyword) {
  while (!reply.empty()) {
    const std::size_t end = std::min(reply.find('\n'), reply.size());
    std::string_view line = reply.substr(0, end);
    reply.remove_prefix(std::min(end + 1, reply.size()));
    line.remove_prefix(std::min<std::size_t>(line.size(), 4));  // "250-"
    if (EqualsIgnoreCase(line.substr(0, line.find_first_of(" \r")), keyword)) return true;
  }
  return false;
}

bool SendText(int fd, std::string_view text) {
  return send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

}  // namespace

bool IsMailServer(std::string_view process) {
  return std::ranges::find(kServers, process) != std::end(kServers);
}

std::vector<MailListener> FindListeners(const HostPaths& paths,
                                        const std::vector<std::uint16_t>& ports,
                                        bool& sees_all_processes) {
  std::map<std::uint64_t, Socket> sockets;
  ReadSockets(paths.proc + "/net/tcp", sockets);
  ReadSockets(paths.proc + "/net/tcp6", sockets);
  std::map<std::uint64_t, std::string> holders;
  sees_all_processes = FindHolders(paths.proc, sockets, holders);
  std::vector<MailListener> listeners;
  for (const auto& [inode, socket] : sockets) {
    MailListener listener{.port = socket.port, .address = socket.address.ToString()};
    const auto holder = holders.find(inode);
    if (holder != holders.end()) listener.process = holder->second;
    listener.known_server = IsMailServer(listener.process);
    listener.configured_port = std::ranges::find(ports, socket.port) != ports.end();
    // An ordinary program at an ordinary port is nothing to us.
    if (listener.configured_port || listener.known_server) listeners.push_back(std::move(listener));
  }
  std::ranges::sort(listeners, [](const MailListener& a, const MailListener& b) {
    return std::pair(a.port, a.address) < std::pair(b.port, b.address);
  });
  return listeners;
}

void AskListener(MailListener& listener) {
  using Answer = MailListener::Answer;
  const Clock::time_point until = Clock::now() + kAnswerWithin;
  const auto what_else = [until] { return Clock::now() < until ? Answer::kNone : Answer::kSilent; };
  const FileDescriptor fd = ConnectTo(listener, until);
  const ReplyText banner = fd.valid() ? ReadReply(fd.get(), until) : ReplyText();
  listener.answer = what_else();
  // Who waits for a ClientHello says nothing.
  if (fd.valid() && banner.text.empty() && listener.port == 465) listener.answer = Answer::kTls;
  if (!banner.whole || !banner.text.starts_with("220")) return;
  if (!SendText(fd.get(), "EHLO localhost\r\n")) return;
  const ReplyText reply = ReadReply(fd.get(), until);
  listener.answer = what_else();
  if (!reply.whole || !reply.text.starts_with("250")) return;
  listener.answer = Answer::kAnswered;
  listener.offers_starttls = HasKeyword(reply.text, "STARTTLS");
  if (SendText(fd.get(), "QUIT\r\n")) (void)ReadReply(fd.get(), until);
}

void AskListeners(std::vector<MailListener>& listeners) {
  std::size_t asked = 0;
  for (const bool configured : {true, false}) {
    for (MailListener& listener : listeners) {
      if (listener.configured_port == configured && asked++ < kMostAsked) AskListener(listener);
    }
  }
}

}  // namespace backscatter
