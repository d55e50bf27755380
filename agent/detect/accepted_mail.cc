#include "agent/detect/accepted_mail.h"

namespace backscatter {
namespace {

constexpr PacketTime kWindow = PacketTime{5} * 24 * 3600 * 1'000'000'000;

}  // namespace

AcceptedMail::AcceptedMail(const AcceptedMailOptions& options)
    : hash_key_(options.hash_key), pairs_(options.capacity, kWindow) {}

// nullopt for what cannot be an address.
std::optional<std::uint64_t> AcceptedMail::KeyOf(std::string_view sender,
                                                 std::string_view recipient) {
  const TargetOptions folded{.fold_case = true, .fold_detail = false};
  if (!MakeCanonicalTarget(sender, folded, canonical_)) return std::nullopt;
  const std::uint64_t first = HashBytes(hash_key_, canonical_.address);
  if (!MakeCanonicalTarget(recipient, folded, canonical_)) return std::nullopt;
  const std::uint64_t second = HashBytes(hash_key_, canonical_.address);
  return MixWords(first ^ hash_key_.a, second ^ hash_key_.b);
}

void AcceptedMail::Add(std::string_view sender, std::string_view recipient, const IpAddress& source,
                       PacketTime at) {
  if (const auto key = KeyOf(sender, recipient)) pairs_.Put(*key, source, at);
}

std::optional<IpAddress> AcceptedMail::Find(std::string_view sender, std::string_view recipient,
                                            PacketTime now) {
  const std::optional<std::uint64_t> key = KeyOf(sender, recipient);
  const IpAddress* const source = key ? pairs_.Find(*key, now) : nullptr;
  return source != nullptr ? std::optional(*source) : std::nullopt;
}

}  // namespace backscatter
