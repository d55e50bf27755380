// MessageReader: the facts do not depend on the pieces, and all limits hold.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/mail/message_reader.h"

namespace backscatter {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckLimits(const MessageFacts& facts) {
  Check(facts.subject.size() <= kMaxFactText);
  Check(facts.message_id.size() <= kMaxFactText && facts.from.size() <= kMaxFactText);
  Check(facts.references.size() <= kMaxMessageIds);
  Check(facts.original_message_ids.size() <= kMaxMessageIds);
  Check(facts.returned_received.size() <= kMaxReceivedHops);
  Check(facts.returned_received.size() <= facts.returned_received_count);
  Check(facts.recipients.size() <= kMaxReportedRecipients);
  for (const std::string& id : facts.original_message_ids) {
    Check(!id.empty() && id.size() <= kMaxFactText);
  }
  for (const ReportedRecipient& recipient : facts.recipients) {
    Check(recipient.final_recipient.size() <= kMaxFactText);
    Check(recipient.original_recipient.size() <= kMaxFactText);
  }
}

MessageFacts Facts(std::string_view message, std::size_t piece, const ReaderOptions& options) {
  MessageReader reader;
  reader.Reset(options);
  for (std::size_t i = 0; i < message.size(); i += piece) reader.Read(message.substr(i, piece));
  return reader.Finish(true);
}

void CheckSame(const MessageFacts& a, const MessageFacts& b) {
  Check(a.kind == b.kind && a.read == b.read && a.cut == b.cut);
  Check(a.looks_bounce == b.looks_bounce && a.headers_ended == b.headers_ended);
  Check(a.subject == b.subject && a.message_id == b.message_id && a.from == b.from);
  Check(a.references == b.references && a.original_message_ids == b.original_message_ids);
  Check(a.received_count == b.received_count && a.last_hop.id == b.last_hop.id);
  Check(a.returned_received_count == b.returned_received_count);
  Check(a.recipients.size() == b.recipients.size());
  for (std::size_t i = 0; i < a.recipients.size(); ++i) {
    Check(a.recipients[i].final_recipient == b.recipients[i].final_recipient);
    Check(a.recipients[i].action == b.recipients[i].action);
  }
}

}  // namespace
}  // namespace backscatter

// The first octet chooses the size of the pieces, the second the limit.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using backscatter::ReaderOptions;
  if (size < 2) return 0;
  const std::string_view message(reinterpret_cast<const char*>(data) + 2, size - 2);
  ReaderOptions options;
  options.null_sender = (data[1] & 1) != 0;
  options.headers_only = (data[1] & 2) != 0;
  options.sent = (data[1] & 8) != 0;
  if ((data[1] & 4) != 0) options.capture_bytes = static_cast<std::size_t>(data[1]) * 8;
  const auto whole = backscatter::Facts(message, message.size() + 1, options);
  backscatter::CheckLimits(whole);
  const std::size_t piece = 1 + data[0] % 64;
  backscatter::CheckSame(whole, backscatter::Facts(message, piece, options));
  return 0;
}
