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

AcceptedMail::Key AcceptedMail::PairOf(Key sender, Key recipient) const {
  if (!sender || !recipient) return std::nullopt;
  return MixWords(*sender ^ hash_key_.a, *recipient ^ hash_key_.b);
}

std::optional<IpAddress> AcceptedMail::FindPair(Key pair, PacketTime now) {
  const IpAddress* const source = pair ? pairs_.Find(*pair, now) : nullptr;
  return source != nullptr ? std::optional(*source) : std::nullopt;
}

void AcceptedMail::Add(std::string_view sender, std::string_view recipient, const IpAddress& source,
                       PacketTime at) {
  const Key from = KeyOf(sender);
  const Key pair = PairOf(from, KeyOf(recipient));
  if (!pair) return;
  pairs_.Put(*pair, source, at);
  senders_.Put(*from, source, at);
}

std::optional<IpAddress> AcceptedMail::Find(std::string_view sender, std::string_view recipient,
                                            PacketTime now) {
  return FindPair(PairOf(KeyOf(sender), KeyOf(recipient)), now);
}

std::optional<IpAddress> AcceptedMail::FindSender(std::string_view sender, PacketTime now) {
  const Key from = KeyOf(sender);
  const IpAddress* const source = from ? senders_.Find(*from, now) : nullptr;
  return source != nullptr ? std::optional(*source) : std::nullopt;
}

// Refused pairs stand in the same table, under the complement of their key.
void AcceptedMail::AddRefused(std::string_view sender, std::string_view recipient, PacketTime at) {
  const Key from = KeyOf(sender);
  const IpAddress* const source = from ? senders_.Find(*from, at) : nullptr;
  if (source == nullptr) return;
  if (const Key pair = PairOf(from, KeyOf(recipient))) pairs_.Put(~*pair, *source, at);
}

std::optional<IpAddress> AcceptedMail::FindRefused(std::string_view sender,
                                                   std::string_view recipient, PacketTime now) {
  const Key pair = PairOf(KeyOf(sender), KeyOf(recipient));
  return FindPair(pair ? Key(~*pair) : std::nullopt, now);
}

}  // namespace backscatter
