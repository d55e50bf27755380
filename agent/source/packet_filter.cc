#include "agent/source/packet_filter.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace backscatter {
namespace {

constexpr std::uint32_t kIpv4 = 0x0800;
constexpr std::uint32_t kIpv6 = 0x86dd;
constexpr std::uint32_t kTagTypes[] = {0x8100, 0x88a8, 0x9100};
constexpr std::uint32_t kTcp = 6;
// IPv6 extension headers behind which TCP may be.
constexpr std::uint32_t kExtensions[] = {0, 43, 44, 51, 60};

// Written from the end to the front, so that every jump's target is known when it is written.
// Positions count from the end.
class Backwards {
 public:
  using Label = std::size_t;

  Label here() const { return program_.size(); }
  Label Put(std::uint16_t code, std::uint32_t k) {
    program_.push_back({.code = code, .k = k});
    return here();
  }
  // To a `when` label if the accumulator is `k`, else on to what follows.
  void IfEqual(std::uint32_t k, Label when) {
    program_.push_back({.code = BPF_JMP | BPF_JEQ | BPF_K, .jump_true = Distance(when), .k = k});
  }
  void IfAnyBit(std::uint32_t k, Label when) {
    program_.push_back({.code = BPF_JMP | BPF_JSET | BPF_K, .jump_true = Distance(when), .k = k});
  }
  void Jump(Label to) {
    program_.push_back({.code = BPF_JMP | BPF_JA, .k = static_cast<std::uint32_t>(here() - to)});
  }
  std::vector<FilterInstruction> Take() && {
    std::ranges::reverse(program_);
    return std::move(program_);
  }

 private:
  std::uint8_t Distance(Label to) const { return static_cast<std::uint8_t>(here() - to); }

  std::vector<FilterInstruction> program_;
};

// The accumulator holds a port that decides; the rest is dropped.
void PutPorts(Backwards& program, std::span<const std::uint16_t> ports, std::uint32_t snap_length) {
  const auto drop = program.Put(BPF_RET | BPF_K, 0);
  const auto pass = program.Put(BPF_RET | BPF_K, snap_length);
  if (ports.size() > kMaxFilterPorts) return;
  program.Jump(drop);
  for (const std::uint16_t port : ports) program.IfEqual(port, pass);  // of the destination
  program.Put(BPF_LD | BPF_H | BPF_IND, 2);
  for (const std::uint16_t port : ports) program.IfEqual(port, pass);  // of the source
  program.Put(BPF_LD | BPF_H | BPF_IND, 0);
}

struct Parts {
  Backwards::Label drop;
  Backwards::Label ipv4;
  Backwards::Label ipv6;
};

// Both with the offset of the IP header in X.
Parts PutIp(Backwards& program, std::span<const std::uint16_t> ports, std::uint32_t snap_length) {
  Parts parts{};
  PutPorts(program, ports, snap_length);  // with the offset of the TCP header in X
  // IPv4: the length of its header tells where TCP begins.
  program.Put(BPF_MISC | BPF_TAX, 0);
  program.Put(BPF_ALU | BPF_ADD | BPF_X, 0);
  program.Put(BPF_ALU | BPF_LSH | BPF_K, 2);
  program.Put(BPF_ALU | BPF_AND | BPF_K, 0x0f);
  program.Put(BPF_LD | BPF_B | BPF_IND, 0);
  const auto unfragmented = program.here();
  const auto pass = program.Put(BPF_RET | BPF_K, snap_length);
  program.Jump(unfragmented);
  program.IfAnyBit(0x1fff, pass);
  program.Put(BPF_LD | BPF_H | BPF_IND, 6);
  const auto is_tcp = program.here();
  parts.drop = program.Put(BPF_RET | BPF_K, 0);
  program.IfEqual(kTcp, is_tcp);
  parts.ipv4 = program.Put(BPF_LD | BPF_B | BPF_IND, 9);
  // IPv6.
  PutPorts(program, ports, snap_length);
  program.Put(BPF_MISC | BPF_TAX, 0);
  program.Put(BPF_ALU | BPF_ADD | BPF_K, 40);
  program.Put(BPF_MISC | BPF_TXA, 0);
  const auto is_tcp6 = program.here();
  const auto pass6 = program.Put(BPF_RET | BPF_K, snap_length);
  const auto drop6 = program.Put(BPF_RET | BPF_K, 0);
  // Each of them begins with what follows it.
  program.Jump(drop6);
  for (const std::uint32_t extension : kExtensions) program.IfEqual(extension, pass6);
  program.IfEqual(kTcp, pass6);
  const auto extended = program.Put(BPF_LD | BPF_B | BPF_IND, 40);
  program.Jump(drop6);
  for (const std::uint32_t extension : kExtensions) program.IfEqual(extension, extended);
  program.IfEqual(kTcp, is_tcp6);
  parts.ipv6 = program.Put(BPF_LD | BPF_B | BPF_IND, 6);
  return parts;
}

// The accumulator holds what tells IPv4 from IPv6; what is neither goes on.
void PutIpJumps(Backwards& program, const Parts& parts, std::uint32_t ipv4, std::uint32_t ipv6) {
  const auto neither = program.here();
  program.Jump(parts.ipv6);
  const auto to_ipv6 = program.here();
  program.Jump(parts.ipv4);
  const auto to_ipv4 = program.here();
  program.Jump(neither);
  program.IfEqual(ipv6, to_ipv6);
  program.IfEqual(ipv4, to_ipv4);
}

// The frame's type field is at 12; behind each tag there is another one.
void PutEthernet(Backwards& program, const Parts& parts) {
  Backwards::Label tagged = parts.drop;
  for (const std::uint32_t offset : {22U, 18U, 14U}) {
    program.Jump(parts.drop);
    if (tagged != parts.drop) {
      for (const std::uint32_t tag : kTagTypes) program.IfEqual(tag, tagged);
    }
    PutIpJumps(program, parts, kIpv4, kIpv6);
    program.Put(BPF_LD | BPF_H | BPF_ABS, offset - 2);
    tagged = program.Put(BPF_LDX | BPF_W | BPF_IMM, offset);
  }
}

void PutRawIp(Backwards& program, const Parts& parts) {
  program.Jump(parts.drop);
  PutIpJumps(program, parts, 4, 6);
  program.Put(BPF_ALU | BPF_RSH | BPF_K, 4);
  program.Put(BPF_LD | BPF_B | BPF_ABS, 0);
  program.Put(BPF_LDX | BPF_W | BPF_IMM, 0);
}

}  // namespace

std::vector<FilterInstruction> MakePacketFilter(FilterLink link,
                                                std::span<const std::uint16_t> ports,
                                                std::uint32_t snap_length) {
  Backwards program;
  const Parts parts = PutIp(program, ports, snap_length);
  if (link == FilterLink::kEthernet) {
    PutEthernet(program, parts);
  } else {
    PutRawIp(program, parts);
  }
  return std::move(program).Take();
}

bool DropAllFrom(int socket) {
  sock_filter drop = {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = 0};
  const sock_fprog filter = {.len = 1, .filter = &drop};
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

}  // namespace backscatter
