// sent.feed kept in a file, read along with captures.
#pragma once

#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/mail/sent_feed.h"
#include "agent/mail/sent_ledger.h"

namespace backscatter {

// A log is in the order of time, and so are captures: each mail is learnt when the captures have
// come to its time. Holds one block of the file. `ledger` and `losses` must outlive it.
class FeedFile {
 public:
  // NotFound or PermissionDenied with the name and why; InvalidArgument for a socket.
  static absl::StatusOr<std::unique_ptr<FeedFile>> Open(const std::string& path, Ledger& losses,
                                                        SentLedger& ledger);

  // Learns what was sent up to `now`.
  void AdvanceTo(PacketTime now);

 private:
  struct Line {
    PacketTime at;
    std::string message_id;
    std::string sender;
    std::string recipient;
  };
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  FeedFile(std::FILE* file, Ledger& losses, SentLedger& ledger)
      : file_(file), lines_(losses), ledger_(ledger) {}
  bool ReadBlock();

  std::unique_ptr<std::FILE, CloseFile> file_;
  SentFeedLines lines_;
  SentLedger& ledger_;
  std::deque<Line> waiting_;
};

}  // namespace backscatter
