// sent.feed: whatever comes, in pieces of any size (the first byte), mails are whole lines of the
// right form, times are in range, and every line is a mail, counted, or says nothing.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "agent/mail/sent_feed.h"

namespace {

using backscatter::Ledger;
using backscatter::Loss;
using backscatter::SentMail;

void Check(bool holds) {
  if (!holds) std::abort();
}

bool IsControl(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }

void CheckMail(const SentMail& mail) {
  Check(mail.at >= 0);
  Check(!mail.message_id.empty() || !mail.recipient.empty());
  Check(mail.sender != "<>");
  Check(mail.envelope_id.empty() && mail.queue_id.empty() && mail.host.empty());
  for (const std::string_view text : {mail.message_id, mail.sender, mail.recipient}) {
    Check(std::ranges::none_of(text, IsControl));
    Check(text.size() <= backscatter::kMaxFeedLine);
  }
}

std::vector<std::string> MailsOf(std::string_view bytes, std::size_t step, Ledger& ledger) {
  std::vector<std::string> mails;
  const backscatter::SentFeedSink sink = [&](const SentMail& mail) {
    CheckMail(mail);
    mails.push_back(std::to_string(mail.at).append("\t").append(mail.message_id) + "\t" +
                    std::string(mail.sender).append("\t").append(mail.recipient));
  };
  backscatter::SentFeedLines lines(ledger);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    lines.Add(bytes.substr(0, step), sink);
  }
  lines.End(sink);
  return mails;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Ledger whole;
  Ledger pieces;
  const auto mails = MailsOf(bytes, bytes.size() + 1, whole);
  Check(MailsOf(bytes, std::size_t{data[0]} + 1, pieces) == mails);
  Check(whole.Get(Loss::kSentFeedLines) == pieces.Get(Loss::kSentFeedLines));
  const auto lines = static_cast<std::size_t>(std::ranges::count(bytes, '\n')) + 1;
  Check(mails.size() + whole.Get(Loss::kSentFeedLines) <= lines);
  return 0;
}
