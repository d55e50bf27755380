#include "agent/smtp/sessions.h"

#include <algorithm>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/smtp/command.h"
#include "agent/smtp/reply.h"

namespace backscatter {

Sessions::Sessions(std::vector<IpNetwork> trusted_proxies, Ledger* ledger, TransactionSink* sink,
                   BodyReaders* readers)
    : trusted_proxies_(std::move(trusted_proxies)),
      sink_(*sink),
      context_{{ledger, sink, &transactions_, readers},
               ledger,
               &pending_,
               &buffers_,
               &trusted_proxies_} {}

Speaker Sessions::Judge(std::string_view payload, bool on_smtp_port) {
  ReplyLine reply;
  const std::string_view line = payload.substr(0, payload.find_first_of("\r\n"));
  if (ParseReplyLine(line, reply) && (on_smtp_port || (reply.code == 220 && line.size() > 3))) {
    return Speaker::kServer;
  }
  if (LooksLikeGreeting(line) || StartsWithIgnoreCase(line, "MAIL FROM:")) return Speaker::kClient;
  if (!on_smtp_port) return Speaker::kNotSmtp;
  const Verb verb = ParseCommand(line).verb;
  return verb == Verb::kUnknown || verb == Verb::kEmpty ? Speaker::kUnknown : Speaker::kClient;
}

void Sessions::Prefetch(const ConnectionInfo& connection) const {
  if (connection.session == 0) return;
  const auto* const bytes = reinterpret_cast<const char*>(&dialogues_[connection.session - 1]);
  for (std::size_t line = 0; line < sizeof(Dialogue); line += 64) {
    __builtin_prefetch(bytes + line, 1);
  }
}

StreamVerdict Sessions::OnChunk(ConnectionInfo& connection, const StreamChunk& chunk) {
  if (connection.session == 0) {
    connection.session = dialogues_.Allocate() + 1;
    dialogues_[connection.session - 1].Start(connection);
  }
  Dialogue& dialogue = dialogues_[connection.session - 1];
  const StreamVerdict verdict = dialogue.OnChunk(context_, connection, chunk);
  if (held_budget_ == kNoBudget) return verdict;
  const std::uint64_t before = dialogue.counted_held();
  const std::uint64_t after = dialogue.held_bytes();
  dialogue.set_counted_held(after);
  held_ += after - before;
  if (after <= before || !IsOverBudget(after)) return verdict;
  context_.ledger->Add(Loss::kSmtpSessionsGivenUp);
  return StreamVerdict::kRefuse;
}

// Whether a session that grew to this is to go. Many small ones could pass the budget without any
// of them taking more than its share: at twice of it whoever grows goes.
bool Sessions::IsOverBudget(std::uint64_t session) const {
  if (held_ <= held_budget_) return false;
  if (held_ / 2 >= held_budget_) return true;
  return session > std::max(kLeastShare, held_budget_ / dialogues_.in_use());
}

void Sessions::OnClose(ConnectionInfo& connection, CloseReason reason, PacketTime at) {
  if (connection.session == 0) return;
  Dialogue& dialogue = dialogues_[connection.session - 1];
  held_ -= dialogue.counted_held();  // not held_bytes: a new one has some that were never added
  dialogue.OnClose(context_, connection, reason, at);
  if (dialogue.is_session(connection)) {
    const auto unseen_start = [&](Direction d) {
      const auto i = static_cast<int>(d);
      return connection.payload_seen[i] && !connection.start_seen[i];
    };
    SessionSummary summary;
    summary.start = connection.opened_at;
    summary.end = at;
    summary.client = connection.client;
    summary.server = connection.server;
    summary.source = dialogue.source();
    summary.encrypted = dialogue.encrypted();
    summary.one_sided = !(connection.payload_seen[0] && connection.payload_seen[1]);
    summary.mid_stream =
        unseen_start(Direction::kFromClient) || unseen_start(Direction::kFromServer);
    summary.with_gaps = dialogue.with_gaps();
    summary.messages = dialogue.messages();
    summary.orphan_recipients = dialogue.orphan_recipients();
    summary.weight = connection.weight;
    sink_.OnSession(summary);
  }
  dialogues_.Free(connection.session - 1);
  connection.session = 0;
}

}  // namespace backscatter
