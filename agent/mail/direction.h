// Which way a transaction went, seen from our networks.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

enum class MailDirection : std::uint8_t { kUnknown, kInbound, kOutbound, kInternal };
std::string_view MailDirectionName(MailDirection direction);

// `local.networks`, validated. With none every direction is unknown. Cost: one comparison a
// network.
class LocalNetworks {
 public:
  LocalNetworks() = default;
  explicit LocalNetworks(std::vector<IpNetwork> networks) : networks_(std::move(networks)) {}

  // By the server and the source (the client, or what a trusted proxy said of it).
  MailDirection DirectionOf(const Transaction& transaction) const;

  // False for what targets and sources leave out: outbound, and hops from one of our hosts to
  // itself (content filter, LMTP).
  bool CountsAsReceived(const Transaction& transaction) const;

  bool Contains(const IpAddress& address) const;

 private:
  std::vector<IpNetwork> networks_;
};

}  // namespace backscatter
