#include "agent/app/feed_file.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "agent/base/escape.h"

namespace backscatter {

absl::StatusOr<std::unique_ptr<FeedFile>> FeedFile::Open(const std::string& path, Ledger& losses,
                                                         SentLedger& ledger) {
  const std::string name = "sent.feed " + EscapeForTerminal(path);
  struct stat about {};
  if (stat(path.c_str(), &about) == 0 && S_ISSOCK(about.st_mode)) {
    return absl::InvalidArgumentError(name + " is a socket; a replay reads a file: give it with " +
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

// False at the end.
bool FeedFile::ReadBlock() {
  if (file_ == nullptr) return false;
  const SentFeedSink keep = [this](const SentMail& mail) {
    waiting_.push_back({mail.at, std::string(mail.message_id), std::string(mail.sender),
                        std::string(mail.recipient)});
  };
  std::array<char, 65536> block;
  const std::size_t length = std::fread(block.data(), 1, block.size(), file_.get());
  if (length > 0) {
    lines_.Add({block.data(), length}, keep);
  } else {
    lines_.End(keep);
    file_.reset();
  }
  return true;
}

void FeedFile::AdvanceTo(PacketTime now) {
  while (!waiting_.empty() || ReadBlock()) {
    if (waiting_.empty()) continue;
    const Line& line = waiting_.front();
    if (line.at > now) return;
    ledger_.Add({.at = line.at,
                 .message_id = line.message_id,
                 .sender = line.sender,
                 .recipient = line.recipient});
    waiting_.pop_front();
  }
}

}  // namespace backscatter
