// sent.feed kept in a file, read along with captures.
#pragma once

#include <cstddef>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/mail/sent_feed.h"
#include "agent/mail/sent_ledger.h"

namespace backscatter {

// A log is in the order of time, or nearly so, and so are captures: each mail is learnt when the
// captures have come to its time. A line with a time far ahead does not keep those behind it. Holds
// one block of the file, and at most kMaxWaiting lines that are ahead; what is farthest ahead then
// counts as Loss::kSentFeedLines. `ledger` and `losses` must outlive it.
class FeedFile {
 public:
  static constexpr std::size_t kMaxWaiting = 65'536;

  // NotFound or PermissionDenied with the name and why; InvalidArgument for what is no file, such
  // as a socket.
  static absl::StatusOr<std::unique_ptr<FeedFile>> Open(const std::string& path, Ledger& losses,
                                                        SentLedger& ledger);

  // Learns what was sent up to `now`.
  void AdvanceTo(PacketTime now);

 private:
  struct Line {
    std::string message_id;
    std::string sender;
    std::string recipient;
  };
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  FeedFile(std::FILE* file, Ledger& losses, SentLedger& ledger)
      : file_(file), losses_(losses), lines_(losses), ledger_(ledger) {}
  void ReadBlock();
  void Wait(const SentMail& mail);

  std::unique_ptr<std::FILE, CloseFile> file_;
  Ledger& losses_;
  SentFeedLines lines_;
  SentLedger& ledger_;
  // The earliest time in the block that was read last: nothing of the next one is due before.
  PacketTime block_from_ = std::numeric_limits<PacketTime>::min();
  std::multimap<PacketTime, Line> waiting_;
};

}  // namespace backscatter
