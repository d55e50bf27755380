// How well it is known what we sent: what a verdict of "not sent" is worth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/packet_time.h"
#include "agent/mail/sent_coverage.h"
#include "agent/mail/sent_ledger.h"

namespace backscatter {

struct SentClient {
  std::string address;
  std::uint64_t sessions = 0;
  std::uint64_t readable = 0;
};

// Over `sent.window`. Outbound sessions that carried a message or were encrypted.
struct SentSummary {
  std::uint64_t sessions = 0;
  std::uint64_t readable = 0;
  std::uint64_t mails = 0;          // learnt: from the wire, submissions, a feed, and earlier runs
  std::uint64_t dropped = 0;        // what of them found no place (sent.capacity)
  std::optional<PacketTime> since;  // how far back they reach
  std::vector<SentClient> clients;  // of ours, the most unreadable sessions first; cut

  // 0 where there was no session: nothing is known then.
  double coverage() const {
    return sessions == 0 ? 0 : static_cast<double>(readable) / static_cast<double>(sessions);
  }
};

// `top`: length of the list of clients, 0 = all.
SentSummary SummarizeSent(const SentLedger& ledger, const SentCoverage& coverage, PacketTime now,
                          std::size_t top);

}  // namespace backscatter
