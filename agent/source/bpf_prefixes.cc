#include "agent/source/bpf_prefixes.h"

#include <cstring>

namespace backscatter {
namespace {

template <typename Struct>
std::array<std::uint8_t, sizeof(Struct)> BytesOf(const Struct& key) {
  std::array<std::uint8_t, sizeof(Struct)> bytes;
  std::memcpy(bytes.data(), &key, sizeof key);
  return bytes;
}

}  // namespace

std::set<BpfPrefixKey> BpfPrefixKeys(const std::vector<IpNetwork>& networks) {
  std::set<BpfPrefixKey> keys;
  for (const IpNetwork& network : networks) {
    bs_prefix key;
    key.bits = static_cast<std::uint32_t>(network.prefix_length());
    std::memcpy(key.address, network.base().bytes().data(), sizeof key.address);
    keys.insert(BytesOf(key));
  }
  return keys;
}

std::map<BpfDaemonKey, std::uint32_t> BpfDaemonKeys(const std::vector<std::string>& words,
                                                    std::size_t* too_long) {
  std::map<BpfDaemonKey, std::uint32_t> keys;
  for (const std::string& word : words) {
    if (word.size() > BS_DAEMON_BYTES && too_long != nullptr) ++*too_long;
    if (word.empty() || word.size() > BS_DAEMON_BYTES) continue;
    bs_daemon key = {};
    key.bits = static_cast<std::uint32_t>(word.size() * 8);
    for (std::size_t i = 0; i < word.size(); ++i) {
      key.word[i] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(word[i]) | 0x20);
    }
    keys[BytesOf(key)] = static_cast<std::uint32_t>(word.size());
  }
  return keys;
}

}  // namespace backscatter
