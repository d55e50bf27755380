#include "agent/app/feed_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "agent/base/escape.h"

namespace backscatter {

absl::StatusOr<std::unique_ptr<FeedFile>> FeedFile::Open(const std::string& path, Ledger& losses,
                                                         SentLedger& ledger) {
  const std::string name = "sent.feed " + EscapeForTerminal(path);
  struct stat about {};
  const bool there = stat(path.c_str(), &about) == 0;
  if (there && (S_ISSOCK(about.st_mode) || S_ISDIR(about.st_mode))) {
    const std::string what = S_ISDIR(about.st_mode) ? " is a folder" : " is a socket";
    return absl::InvalidArgumentError(name + what + "; a replay reads a file: give it with " +
                                      "--set sent.feed=FILE, or --set sent.feed= for none");
  }
  std::FILE* const file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) {
    const std::string text = name + ": " + std::strerror(errno) +
                             "; give the file that holds what was sent, or --set sent.feed=";
    return errno == ENOENT ? absl::NotFoundError(text) : absl::PermissionDeniedError(text);
  }
  return std::unique_ptr<FeedFile>(new FeedFile(file, losses, ledger));
}

void FeedFile::Wait(const SentMail& mail) {
  block_from_ = std::min(block_from_, mail.at);
  waiting_.emplace(mail.at, Line{std::string(mail.message_id), std::string(mail.sender),
                                 std::string(mail.recipient)});
  if (waiting_.size() <= kMaxWaiting) return;
  waiting_.erase(std::prev(waiting_.end()));
  losses_.Add(Loss::kSentFeedLines);
}

void FeedFile::ReadBlock() {
  const SentFeedSink keep = [this](const SentMail& mail) { Wait(mail); };
  const std::size_t waiting = waiting_.size();
  const PacketTime before = std::exchange(block_from_, std::numeric_limits<PacketTime>::max());
  std::array<char, 65536> block;
  const std::size_t length = std::fread(block.data(), 1, block.size(), file_.get());
  if (length > 0) {
    lines_.Add({block.data(), length}, keep);
  } else {
    lines_.End(keep);
    file_.reset();
  }
  if (waiting_.size() == waiting) block_from_ = before;  // nothing in it told a time
}

void FeedFile::AdvanceTo(PacketTime now) {
  while (file_ != nullptr && block_from_ <= now) ReadBlock();
  while (!waiting_.empty() && waiting_.begin()->first <= now) {
    const auto& [at, line] = *waiting_.begin();
    ledger_.Add({.at = at,
                 .message_id = line.message_id,
                 .sender = line.sender,
                 .recipient = line.recipient});
    waiting_.erase(waiting_.begin());
  }
}

}  // namespace backscatter
