#include "agent/mail/message_readers.h"

#include <algorithm>
#include <utility>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

constexpr std::size_t kKeptReaders = 64;
constexpr std::uint16_t kSubmissionPort = 587;   // RFC 6409
constexpr std::uint16_t kSubmissionsPort = 465;  // RFC 8314

}  // namespace

// Shared with the readers that are out, so that each finds its way back.
struct MessageReaders::Shelf {
  // One for all: to open a character set costs far more than to read a message.
  std::shared_ptr<CharsetConverter> converter = std::make_shared<CharsetConverter>();
  std::vector<std::unique_ptr<Lent>> free;
  std::size_t open = 0;
};

// Knows its shelf while it is out.
class MessageReaders::Lent final : public MessageReader {
 public:
  using MessageReader::MessageReader;
  void Release() override {
    std::unique_ptr<Lent> self(this);
    const std::shared_ptr<Shelf> shelf = std::move(shelf_);
    --shelf->open;
    if (shelf->free.size() < kKeptReaders) shelf->free.push_back(std::move(self));
  }
  void Go(std::shared_ptr<Shelf> from) {
    shelf_ = std::move(from);
    ++shelf_->open;
  }

 private:
  std::shared_ptr<Shelf> shelf_;
};

bool IsDaemonSender(std::string_view address, const std::vector<std::string>& words) {
  const std::string_view local = address.substr(0, address.rfind('@'));
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    if (word.empty() || !StartsWithIgnoreCase(local, word)) return false;
    if (local.size() == word.size()) return true;
    const char next = local[word.size()];
    return IsDigit(next) || std::string_view("-+=_.").find(next) != std::string_view::npos;
  });
}

MessageReaders::MessageReaders(MessageReadersOptions options)
    : options_(std::move(options)), shelf_(std::make_shared<Shelf>()) {
  shelf_->free.reserve(kKeptReaders);
}

std::size_t MessageReaders::open() const { return shelf_->open; }

bool MessageReaders::IsSent(const BodyRequest& request) const {
  if (request.authenticated || request.server.port == kSubmissionPort ||
      request.server.port == kSubmissionsPort) {
    return true;
  }
  return options_.local.Contains(request.source) &&
         !options_.local.Contains(request.server.address);
}

BodyReaderPtr MessageReaders::Open(const BodyRequest& request) {
  const bool report =
      request.null_sender ||
      (request.has_mail_from && IsDaemonSender(request.mail_from, options_.daemon_senders));
  ReaderOptions how;
  how.null_sender = request.null_sender;
  how.capture_bytes = options_.capture_bytes;
  how.headers_only = options_.capture_bytes == 0 || !(report || options_.read_all);
  how.sent = IsSent(request);
  if (how.headers_only) {
    if (report || !request.has_mail_from || !how.sent) return nullptr;
    how.capture_bytes = kMaxHeaderBytes;
  }
  if (shelf_->open >= options_.max_open) {
    ++refused_;
    return nullptr;
  }
  std::unique_ptr<Lent> reader;
  if (shelf_->free.empty()) {
    reader = std::make_unique<Lent>(shelf_->converter);
  } else {
    reader = std::move(shelf_->free.back());
    shelf_->free.pop_back();
  }
  reader->Reset(how);
  reader->Go(shelf_);
  return BodyReaderPtr(reader.release());
}

}  // namespace backscatter
