#include "tests/bpf/host.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/source/interface_watcher.h"

namespace backscatter::bpf_test {
namespace {

FileDescriptor NewSocket(const support::NetworkNamespace& name_space) {
  const support::InNamespace in(name_space.fd());
  return FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

constexpr std::uint32_t kTcxIngress = 46;

}  // namespace

void Seen::OnSegment(const Segment& segment) {
  const bool from_client = segment.destination.port == server_port_;
  std::string& text = from_client ? client : server;
  if (segment.cut) {
    text += "[" + std::to_string(segment.payload_wire_length) + "]";
    return;
  }
  text.append(segment.payload.begin(), segment.payload.end());
  if (segment.has(tcp_flags::kSyn) && from_client) ++starts;
  if (segment.has(tcp_flags::kFin)) ++ends;
  weight = segment.weight;
  if (first == 0) first = segment.captured_at;
}

Conversation::Conversation(const support::NetworkNamespace& client,
                           const support::NetworkNamespace& server, const std::string& address,
                           std::uint16_t port)
    : client_(NewSocket(client)) {
  const FileDescriptor listener = NewSocket(server);
  const int yes = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in place = {};
  place.sin_family = AF_INET;
  place.sin_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET, address.c_str(), &place.sin_addr), 1);
  auto* const at = reinterpret_cast<sockaddr*>(&place);
  EXPECT_EQ(bind(listener.get(), at, sizeof place), 0) << std::strerror(errno);
  EXPECT_EQ(listen(listener.get(), 1), 0);
  EXPECT_EQ(connect(client_.get(), at, sizeof place), 0) << std::strerror(errno);
  server_ = FileDescriptor(accept(listener.get(), nullptr, nullptr));
  EXPECT_TRUE(server_.valid());
  for (const int fd : {client_.get(), server_.get()}) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
}

void Conversation::Pass(const FileDescriptor& from, const FileDescriptor& to,
                        std::string_view text) {
  std::vector<char> buffer(text.size());
  while (!text.empty()) {  // in pieces that fit the sockets' buffers
    const std::size_t piece = std::min<std::size_t>(text.size(), 60000);
    ASSERT_EQ(send(from.get(), text.data(), piece, 0), static_cast<ssize_t>(piece));
    ASSERT_EQ(recv(to.get(), buffer.data(), piece, MSG_WAITALL), static_cast<ssize_t>(piece));
    text.remove_prefix(piece);
  }
}

Conversation& Conversation::C(std::string_view text) {
  Pass(client_, server_, text);
  return *this;
}

Conversation& Conversation::S(std::string_view text) {
  Pass(server_, client_, text);
  return *this;
}

Conversation& Conversation::WholeMail(std::string_view sender, std::size_t body) {
  std::string text = "Subject: " + std::string(kMarker) + "\r\n\r\n";
  while (text.size() < body) text += std::string(kMarker) + " and its kin, line after line\r\n";
  S("220 mx.test\r\n").C("EHLO client.test\r\n").S("250-mx.test\r\n250 PIPELINING\r\n");
  C("MAIL FROM:" + std::string(sender) + "\r\nRCPT TO:<bob@ours.test>\r\nDATA\r\n");
  S("250 ok\r\n250 ok\r\n354 go\r\n").C(text + ".\r\n").S("250 queued\r\n");
  C("QUIT\r\n").S("221 bye\r\n");
  Close();
  return *this;
}

void Conversation::Close() {
  client_ = FileDescriptor();
  server_ = FileDescriptor();
}

std::vector<HostInterface> InterfacesOf(const support::NetworkNamespace& name_space) {
  const support::InNamespace in(name_space.fd());
  auto watcher = InterfaceWatcher::Open();
  EXPECT_TRUE(watcher.ok()) << watcher.status();
  if (!watcher.ok()) return {};
  return (*watcher)->interfaces();
}

HostInterface InterfaceOf(const support::NetworkNamespace& name_space, std::string_view name) {
  for (const HostInterface& interface : InterfacesOf(name_space)) {
    if (interface.name == name) return interface;
  }
  ADD_FAILURE() << "no interface " << name;
  return {};
}

void DrainTo(BpfSource& source, PacketSink& sink) {
  for (int idle = 0; idle < 2;) {
    const auto polled = source.Poll(sink, idle == 0 ? 20 * kMillisecond : 0);
    ASSERT_TRUE(polled.ok()) << polled.status();
    idle = *polled == PollResult::kIdle ? idle + 1 : 0;
  }
}

std::string OutputOf(const support::NetworkNamespace& name_space, const std::string& command) {
  const support::InNamespace in(name_space.fd());
  FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "";
  std::string output;
  std::array<char, 512> buffer;
  while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
    output += buffer.data();
  }
  pclose(pipe);
  return output;
}

std::optional<int> TcxPrograms(const support::NetworkNamespace& name_space, int interface) {
  const support::InNamespace in(name_space.fd());
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  std::array<std::uint32_t, 16> ids = {};
  attributes.query.target_fd = static_cast<std::uint32_t>(interface);
  attributes.query.attach_type = kTcxIngress;
  attributes.query.prog_ids = reinterpret_cast<std::uint64_t>(ids.data());
  attributes.query.prog_cnt = ids.size();
  if (syscall(SYS_bpf, BPF_PROG_QUERY, &attributes, sizeof attributes) == 0) {
    return static_cast<int>(attributes.query.prog_cnt);
  }
  if (errno == ENOENT) return 0;
  return std::nullopt;
}

FileDescriptor AttachAcceptAll(const support::NetworkNamespace& name_space, int interface) {
  const support::InNamespace in(name_space.fd());
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_attr attributes;
  std::memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  attributes.insns = reinterpret_cast<std::uint64_t>(code);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<std::uint64_t>("GPL");
  const FileDescriptor program(
      static_cast<int>(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes)));
  EXPECT_TRUE(program.valid()) << std::strerror(errno);
  std::memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = static_cast<std::uint32_t>(program.get());
  attributes.link_create.target_fd = static_cast<std::uint32_t>(interface);
  attributes.link_create.attach_type = kTcxIngress;
  return FileDescriptor(
      static_cast<int>(syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes)));
}

}  // namespace backscatter::bpf_test
