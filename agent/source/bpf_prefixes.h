// Keys of the kernel programs' prefix tables: own networks, and local parts of daemon senders.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/base/ip_address.h"
#include "bpf/include/wire.h"

namespace backscatter {

// The bytes of a key, so that keys can be compared: no padding is in either struct.
using BpfPrefixKey = std::array<std::uint8_t, sizeof(bs_prefix)>;
using BpfDaemonKey = std::array<std::uint8_t, sizeof(bs_daemon)>;

std::set<BpfPrefixKey> BpfPrefixKeys(const std::vector<IpNetwork>& networks);

// With the length of each word. A word matches with what follows its letters. Words that are longer
// than a local part can be become no key; `too_long` (not null) says how many.
std::map<BpfDaemonKey, std::uint32_t> BpfDaemonKeys(const std::vector<std::string>& words,
                                                    std::size_t* too_long = nullptr);

}  // namespace backscatter
