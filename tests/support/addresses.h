// The people and machines of generated traffic, by number.
#pragma once

#include <cstdint>
#include <string>

#include "agent/base/ip_address.h"
#include "tests/support/prng.h"
#include "tests/support/profile.h"
#include "tests/support/truth.h"

namespace backscatter::support {

// The canonical address of target `i`: `victim0@v.test` to `victim4@v.test`, then many.
std::string TargetAddress(std::uint32_t i);

// The Message-ID of mail `i` of those that the gateway had sent, without brackets.
std::string SentMessageId(std::uint32_t i);

// A target of the profile, in its plain form or in one of the disguises that canonicalisation
// undoes (prvs, btv1, msprvs1, SRS0, source route, quotes, trailing dot, upper-case domain).
TrueRecipient PickRecipient(const Profile& profile, Prng& prng);

// Client `i`; whether it is an IPv6 address depends on `i` alone.
IpAddress SourceAddress(const Profile& profile, std::uint32_t i);
// The `i`-th address of a SYN flood; all are distinct up to four million.
IpAddress FloodAddress(std::uint32_t i);
// One of a few mail servers, of the client's family.
IpAddress ServerAddress(bool v6, std::uint32_t i);

}  // namespace backscatter::support
