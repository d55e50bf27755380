// A classic BPF filter that lets SMTP through to a packet socket.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace backscatter {

// One instruction, laid out as the kernel's sock_filter and libpcap's bpf_insn.
struct FilterInstruction {
  std::uint16_t code = 0;
  std::uint8_t jump_true = 0;
  std::uint8_t jump_false = 0;
  std::uint32_t k = 0;
};

enum class FilterLink : std::uint8_t { kEthernet, kRawIp };

// More ports than this are not told apart: all TCP passes.
inline constexpr std::size_t kMaxFilterPorts = 100;

// Passes `snap_length` bytes of
// - TCP over IPv4 and IPv6 from or to one of `ports`;
// - fragments of TCP that may belong to it: over IPv4 all but the first, over IPv6 all;
// - IPv6 whose first extension header is followed by TCP or by another one: what is behind that is
//   for the decoder to find;
// each of them bare, or on Ethernet behind up to two VLAN tags (802.1Q, 802.1ad, QinQ) in the data.
// A tag that the card or the kernel took off is not in the data, so it needs no test here.
// Programs for distinct ports are the same for the same set.
std::vector<FilterInstruction> MakePacketFilter(FilterLink link,
                                                std::span<const std::uint16_t> ports,
                                                std::uint32_t snap_length);

// Lets nothing more through to a packet socket, whatever its filter was; what it holds already
// stays. False, with errno, where the kernel refuses.
bool DropAllFrom(int socket);

}  // namespace backscatter
