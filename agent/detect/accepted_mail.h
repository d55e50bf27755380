// Mail that we took in from outside: a bounce that we send about such a mail is backscatter of
// ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/base/ip_address.h"
#include "agent/base/keyed_hash.h"
#include "agent/base/packet_time.h"
#include "agent/detect/recent_table.h"
#include "agent/mail/canonical_target.h"

namespace backscatter {

struct AcceptedMailOptions {
  std::size_t capacity = 500'000;  // pairs remembered, and as many senders; about 75 bytes each
  HashKey hash_key;
};

// (sender, recipient) of inbound mail of the last 5 days, the time that real queues keep a message,
// with the host that it came from. When it is full the oldest pair is forgotten, and `forgotten`
// counts those that were still young enough to matter. Addresses are compared in their canonical
// form, case folded; only 64-bit keyed hashes are kept. Packet time only; not thread-safe.
class AcceptedMail {
 public:
  explicit AcceptedMail(const AcceptedMailOptions& options);

  void Add(std::string_view sender, std::string_view recipient, const IpAddress& source,
           PacketTime at);
  // Where the latest such mail came from.
  std::optional<IpAddress> Find(std::string_view sender, std::string_view recipient,
                                PacketTime now);

  // The same for any recipient.
  std::optional<IpAddress> FindSender(std::string_view sender, PacketTime now);

  // We tried to hand a mail with this sender to another host, which did not take this recipient.
  // Kept only where mail from this sender had come in: then it may have been sent on.
  void AddRefused(std::string_view sender, std::string_view recipient, PacketTime at);
  // Where the sender's mail had come from.
  std::optional<IpAddress> FindRefused(std::string_view sender, std::string_view recipient,
                                       PacketTime now);

  std::uint64_t forgotten() const { return pairs_.forgotten(); }
  std::size_t MemoryBytes() const { return pairs_.MemoryBytes() + senders_.MemoryBytes(); }
  static std::uint64_t MostBytes(const AcceptedMailOptions& options) {
    return 2 * RecentTable<IpAddress>::MostBytes(options.capacity);
  }

 private:
  using Key = std::optional<std::uint64_t>;

  Key KeyOf(std::string_view address);
  Key PairOf(Key sender, Key recipient) const;
  std::optional<IpAddress> FindPair(Key pair, PacketTime now);

  const HashKey hash_key_;
  RecentTable<IpAddress> pairs_;
  RecentTable<IpAddress> senders_;
  CanonicalTarget canonical_;  // scratch
};

}  // namespace backscatter
