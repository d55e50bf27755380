#include "agent/mail/direction.h"

#include <algorithm>

namespace backscatter {

std::string_view MailDirectionName(MailDirection direction) {
  switch (direction) {
    case MailDirection::kUnknown:
      return "unknown";
    case MailDirection::kInbound:
      return "inbound";
    case MailDirection::kOutbound:
      return "outbound";
    case MailDirection::kInternal:
      return "internal";
  }
  return "unknown";
}

bool CountsAsReceived(const Transaction& transaction, MailDirection direction) {
  switch (direction) {
    case MailDirection::kOutbound:
      return false;
    case MailDirection::kInternal:
      return transaction.source != transaction.server.address;
    case MailDirection::kUnknown:
    case MailDirection::kInbound:
      return true;
  }
  return true;
}

bool LocalNetworks::Contains(const IpAddress& address) const {
  return std::any_of(networks_.begin(), networks_.end(),
                     [&](const IpNetwork& network) { return network.Contains(address); });
}

MailDirection LocalNetworks::DirectionBetween(const IpAddress& source,
                                              const IpAddress& server) const {
  if (networks_.empty()) return MailDirection::kUnknown;
  const bool to_us = Contains(server);
  const bool from_us = Contains(source);
  if (to_us) return from_us ? MailDirection::kInternal : MailDirection::kInbound;
  return from_us ? MailDirection::kOutbound : MailDirection::kUnknown;
}

}  // namespace backscatter
