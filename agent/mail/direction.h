// Which way a transaction went, seen from our networks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/smtp/transaction.h"

namespace backscatter {

enum class MailDirection : std::uint8_t { kUnknown, kInbound, kOutbound, kInternal };
inline constexpr std::size_t kMailDirections = 4;
std::string_view MailDirectionName(MailDirection direction);

// False for what targets and sources leave out: outbound, and hops from one of our hosts to itself
// (content filter, LMTP).
bool CountsAsReceived(const Transaction& transaction, MailDirection direction);

// `local.networks`, validated. With none every direction is unknown. Cost: one comparison a
// network.
class LocalNetworks {
 public:
  LocalNetworks() = default;
  explicit LocalNetworks(std::vector<IpNetwork> networks) : networks_(std::move(networks)) {}

  // By the server and the source (the client, or what a trusted proxy said of it).
  MailDirection DirectionOf(const Transaction& transaction) const {
    return DirectionBetween(transaction.source, transaction.server.address);
  }
  MailDirection DirectionBetween(const IpAddress& source, const IpAddress& server) const;

  bool Contains(const IpAddress& address) const;

 private:
  std::vector<IpNetwork> networks_;
};

}  // namespace backscatter
