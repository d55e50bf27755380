#include "agent/detect/our_hosts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

// What the Internet does not route (RFC 6890), and so cannot be the address that others saw.
bool IsPublic(const IpAddress& address) {
  static const std::array<IpNetwork, 9> kPrivate = {
      *IpNetwork::Parse("0.0.0.0/8"),      *IpNetwork::Parse("10.0.0.0/8"),
      *IpNetwork::Parse("100.64.0.0/10"),  *IpNetwork::Parse("127.0.0.0/8"),
      *IpNetwork::Parse("169.254.0.0/16"), *IpNetwork::Parse("172.16.0.0/12"),
      *IpNetwork::Parse("192.168.0.0/16"), *IpNetwork::Parse("fc00::/7"),
      *IpNetwork::Parse("fe80::/10")};
  return std::ranges::none_of(kPrivate,
                              [&](const IpNetwork& network) { return network.Contains(address); });
}

std::string_view WithoutFinalDot(std::string_view name) {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  return name;
}

std::string Canonical(std::string_view name) {
  std::string lower(WithoutFinalDot(name));
  std::ranges::transform(lower, lower.begin(), ToLower);
  return lower;
}

}  // namespace

OurHosts::OurHosts(std::vector<std::string> relays, const LocalNetworks* local) : local_(*local) {
  SetRelays(std::move(relays));
}

void OurHosts::SetRelays(std::vector<std::string> relays) {
  const std::vector<Name> before = std::move(names_);
  const std::size_t first_learnt = before.size() - learnt_;
  names_.clear();
  for (const std::string& relay : relays) {
    if (!relay.empty() && Find(relay) == nullptr) names_.push_back({Canonical(relay)});
  }
  learnt_ = 0;
  for (std::size_t i = first_learnt; i < before.size(); ++i) {
    if (Find(before[i].name) != nullptr) continue;
    names_.push_back(before[i]);
    ++learnt_;
  }
}

const OurHosts::Name* OurHosts::Find(std::string_view name) const {
  name = WithoutFinalDot(name);
  const auto found = std::ranges::find_if(
      names_, [name](const Name& known) { return EqualsIgnoreCase(known.name, name); });
  return found == names_.end() ? nullptr : &*found;
}

void OurHosts::Learn(std::string_view helo, const IpAddress& client) {
  if (WithoutFinalDot(helo).find('.') == std::string_view::npos || helo.front() == '[') return;
  const bool seen_public = local_.Contains(client) && IsPublic(client);
  if (const Name* const known = Find(helo)) {
    if (seen_public) names_[static_cast<std::size_t>(known - names_.data())].seen_public = true;
    return;
  }
  if (learnt_ == kMaxLearnt) return;
  ++learnt_;
  names_.push_back({Canonical(helo), seen_public});
}

bool OurHosts::AreNamed(std::span<const ReceivedHop> hops) const {
  return std::ranges::any_of(hops, [this](const ReceivedHop& hop) {
    return Find(hop.by_name) != nullptr || Find(hop.from_name) != nullptr ||
           (hop.from_address && local_.Contains(*hop.from_address));
  });
}

bool OurHosts::AreFeigned(std::span<const ReceivedHop> hops) const {
  return std::ranges::any_of(hops, [this](const ReceivedHop& hop) {
    const Name* const name = Find(hop.from_name);
    return name != nullptr && name->seen_public && hop.from_address &&
           IsPublic(*hop.from_address) && !local_.Contains(*hop.from_address);
  });
}

}  // namespace backscatter
