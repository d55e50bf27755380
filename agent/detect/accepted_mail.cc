#include "agent/detect/accepted_mail.h"

namespace backscatter {
namespace {

constexpr PacketTime kWindow = PacketTime{5} * 24 * 3600 * 1'000'000'000;

}  // namespace

AcceptedMail::AcceptedMail(const AcceptedMailOptions& options)
    : hash_key_(options.hash_key),
      pairs_(options.capacity, kWindow),
      senders_(options.capacity, kWindow) {}

// nullopt for what cannot be an address.
AcceptedMail::Key AcceptedMail::KeyOf(std::string_view address) {
  const TargetOptions folded{.fold_case = true, .fold_detail = false};
  if (!MakeCanonicalTarget(address, folded, canonical_)) return std::nullopt;
  return HashBytes(hash_key_, canonical_.address);
}

std::uint64_t AcceptedMail::PairOf(std::uint64_t sender, std::uint64_t recipient) const {
  return MixWords(sender ^ hash_key_.a, recipient ^ hash_key_.b);
}

void AcceptedMail::Add(std::string_view sender, std::string_view recipient, const IpAddress& source,
                       PacketTime at) {
  const Key from = KeyOf(sender);
  const Key to = KeyOf(recipient);
  if (!from || !to) return;
  pairs_.Put(PairOf(*from, *to), source, at);
  senders_.Put(*from, source, at);
}

std::optional<IpAddress> AcceptedMail::Find(std::string_view sender, std::string_view recipient,
                                            PacketTime now) {
  const Key from = KeyOf(sender);
  const Key to = KeyOf(recipient);
  if (!from || !to) return std::nullopt;
  const IpAddress* const source = pairs_.Find(PairOf(*from, *to), now);
  return source != nullptr ? std::optional(*source) : std::nullopt;
}

std::optional<IpAddress> AcceptedMail::FindSender(std::string_view sender, PacketTime now) {
  const Key from = KeyOf(sender);
  const IpAddress* const source = from ? senders_.Find(*from, now) : nullptr;
  return source != nullptr ? std::optional(*source) : std::nullopt;
}

}  // namespace backscatter
