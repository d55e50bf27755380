// Real sockets past a BpfSource, in network namespaces of the test's own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/file_descriptor.h"
#include "agent/source/bpf_source.h"
#include "tests/support/network_namespace.h"

namespace backscatter::bpf_test {

// What a source handed on, as text of both sides; "[12]": twelve bytes were left out on purpose.
class Seen final : public PacketSink {
 public:
  explicit Seen(std::uint16_t server_port = 25) : server_port_(server_port) {}
  void OnPacket(const Packet&) override {}
  void OnSegment(const Segment& segment) override;
  void OnLoss(Loss loss, std::uint64_t count) override { losses[loss] += count; }

  std::string client;
  std::string server;
  std::map<Loss, std::uint64_t> losses;
  std::size_t starts = 0;  // segments with SYN, from clients
  std::size_t ends = 0;    // segments with FIN
  double weight = 0;
  PacketTime first = 0;

 private:
  std::uint16_t server_port_;
};

// A client and a server in one thread: each text is sent and then received wholly.
class Conversation {
 public:
  // `address` is the server's, IPv4. Fails the test where it cannot connect.
  Conversation(const support::NetworkNamespace& client, const support::NetworkNamespace& server,
               const std::string& address, std::uint16_t port = 25);
  Conversation& C(std::string_view text);
  Conversation& S(std::string_view text);
  // Greeting to QUIT with a body of about `body` bytes, the marker word in each of its lines.
  Conversation& WholeMail(std::string_view sender, std::size_t body);
  void Close();

  static constexpr std::string_view kMarker = "ZYGOTE";

 private:
  static void Pass(const FileDescriptor& from, const FileDescriptor& to, std::string_view text);
  FileDescriptor client_;
  FileDescriptor server_;
};

// All interfaces of the namespace, as the watcher sees them.
std::vector<HostInterface> InterfacesOf(const support::NetworkNamespace& name_space);
HostInterface InterfaceOf(const support::NetworkNamespace& name_space, std::string_view name);

// Polls until nothing more comes.
void DrainTo(BpfSource& source, PacketSink& sink);

// What a program prints, run by the shell in the namespace.
std::string OutputOf(const support::NetworkNamespace& name_space, const std::string& command);

// How many programs TCX has on an interface's ingress; nullopt: the kernel has no TCX.
std::optional<int> TcxPrograms(const support::NetworkNamespace& name_space, int interface);
// A program on TCX ingress that accepts every packet, before all that comes later; its link.
FileDescriptor AttachAcceptAll(const support::NetworkNamespace& name_space, int interface);

}  // namespace backscatter::bpf_test
