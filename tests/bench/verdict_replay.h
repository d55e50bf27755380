// Replays a capture as the program does, with or without verdicts, and says what that cost.
#pragma once

#include <cstdint>
#include <string>

namespace backscatter::bench {

struct VerdictReplay {
  std::string capture;
  bool verdicts = false;  // false: bodies are not read and nothing is judged, as if Replay were all
  std::uint64_t sent_mails = 0;  // with verdicts: what the ledger learnt before, four keys a mail
};

struct VerdictReplayCost {
  double cpu_seconds = 0;  // from before the first packet to the end of the report in JSON
  std::uint64_t transactions = 0;
  std::uint64_t backscatter = 0;  // verdicts
  std::uint64_t solicited = 0;
  std::uint64_t keys = 0;  // in the ledger before the first packet
  double ledger_megabytes = 0;
};

// With the default configuration, but for local.networks, which holds the servers of generated
// captures, and sent.capacity, which is `sent_mails`. Exits where the capture cannot be read.
VerdictReplayCost Replay(const VerdictReplay& wanted);

}  // namespace backscatter::bench
