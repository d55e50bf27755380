// A symmetric keyed hash of a flow: both directions of a connection hash to the same word.
#pragma once

#include <cstdint>

#include "agent/base/ip_address.h"
#include "agent/base/keyed_hash.h"

namespace backscatter {

inline std::uint64_t HashEndpoint(const HashKey& key, const Endpoint& endpoint) {
  const std::uint8_t* bytes = endpoint.address.bytes().data();
  const std::uint64_t port = endpoint.port * std::uint64_t{0x9e3779b97f4a7c15};
  return MixWords(LoadWord(bytes + 8) ^ key.a ^ port, LoadWord(bytes) ^ key.b);
}

inline std::uint64_t HashFlow(const HashKey& key, const Endpoint& a, const Endpoint& b) {
  return MixWords((HashEndpoint(key, a) + HashEndpoint(key, b)) ^ key.b, key.a);
}

}  // namespace backscatter
