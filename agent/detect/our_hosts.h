// Which host names are ours, and what a returned Received header says of them.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/mail/direction.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

// The names in `relays`, and those that our hosts call themselves when they send mail out. All of
// what a Received header says can be forged; see Decide for what it is worth.
class OurHosts {
 public:
  static constexpr std::size_t kMaxLearnt = 256;

  // `local` must outlive it.
  OurHosts(std::vector<std::string> relays, const LocalNetworks* local);

  // Instead of the relays before; what was learnt stays.
  void SetRelays(std::vector<std::string> relays);

  // HELO of an outbound session from `client`. Bare names, literals and what comes beyond the limit
  // are not learnt.
  void Learn(std::string_view helo, const IpAddress& client);

  bool IsOurs(std::string_view name) const { return Find(name) != nullptr; }

  // A header says that one of our hosts had the message.
  bool AreNamed(std::span<const ReceivedHop> hops) const;

  // A header says that a host with the name of ours, which we saw sending from a local public
  // address, sent from an address that is not ours. False where it cannot be told: behind NAT our
  // own mail carries an address that we do not know.
  bool AreFeigned(std::span<const ReceivedHop> hops) const;

 private:
  struct Name {
    std::string name;  // lower case, without trailing dot
    bool seen_public = false;
  };
  const Name* Find(std::string_view name) const;

  const LocalNetworks& local_;
  std::vector<Name> names_;
  std::size_t learnt_ = 0;
};

}  // namespace backscatter
