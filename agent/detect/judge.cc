#include "agent/detect/judge.h"

#include <utility>

#include "agent/detect/decision_table.h"
#include "agent/detect/emission.h"

namespace backscatter {
namespace {

constexpr std::uint16_t kSubmission = 587;
constexpr std::uint16_t kSubmissions = 465;

// Mail that a user of ours hands to us (ARCHITECTURE, "Direction").
bool IsSubmission(const Transaction& transaction, MailDirection direction) {
  if (direction != MailDirection::kInbound && direction != MailDirection::kInternal) return false;
  return transaction.authenticated || transaction.server.port == kSubmission ||
         transaction.server.port == kSubmissions;
}

}  // namespace

Judge::Judge(JudgeOptions options, SentLedger* ledger, SentCoverage* coverage,
             JudgedTransactionSink* next)
    : local_(options.evidence.local),
      ledger_(*ledger),
      next_(*next),
      evidence_(std::move(options.evidence), ledger, coverage),
      retries_(options.retries),
      accepted_(options.accepted) {}

void Judge::Reconfigure(EvidenceOptions evidence) {
  local_ = evidence.local;
  evidence_.Reconfigure(std::move(evidence));
}

void Judge::OnTransaction(const Transaction& transaction) {
  const MailDirection direction = local_.DirectionOf(transaction);
  const Judgement judgement = JudgeOne(transaction, direction);
  next_.OnTransaction({transaction, direction, judgement});
}

Judgement Judge::JudgeOne(const Transaction& transaction, MailDirection direction) {
  const bool submitted = IsSubmission(transaction, direction);
  const bool decided = direction != MailDirection::kOutbound && !submitted;
  if (decided) evidence_.Prepare(transaction);
  const bool retry = retries_.OnTransaction(transaction);
  Judgement judgement =
      decided ? Decide(evidence_.Collect(transaction)) : JudgeSent(transaction, direction);
  judgement.retry = retry;
  evidence_.Forget();
  Learn(transaction, direction, submitted);
  return judgement;
}

// What we send, or are handed to send.
Judgement Judge::JudgeSent(const Transaction& transaction, MailDirection direction) {
  const bool outbound = direction == MailDirection::kOutbound;
  if (outbound && transaction.null_sender) {
    return JudgeEmission(transaction, accepted_, ledger_, evidence_.hosts(), local_);
  }
  return {.verdict = Verdict::kNormal,
          .confidence = Confidence::kStrong,
          .reason = outbound ? "outbound" : "submission"};
}

void Judge::Learn(const Transaction& transaction, MailDirection direction, bool submitted) {
  if (!transaction.has_mail_from) return;
  if (transaction.null_sender) {
    if (direction == MailDirection::kOutbound) evidence_.LearnEmitted(transaction);
    return;
  }
  const std::string_view sender = transaction.Text(transaction.mail_from);
  // A stranger too may say MAIL at the submission port: only what was taken from him is ours.
  const bool taken = submitted && transaction.outcome == Outcome::kAccepted;
  if (direction == MailDirection::kOutbound || taken) {
    evidence_.LearnSent(transaction, direction);
    if (direction != MailDirection::kOutbound) return;
    for (const Recipient& recipient : transaction.recipients) {
      if (recipient.reply / 100 < 4) continue;
      accepted_.AddRefused(sender, transaction.Text(recipient.address), transaction.start);
    }
  } else if (!submitted && direction == MailDirection::kInbound &&
             transaction.outcome == Outcome::kAccepted) {
    for (const Recipient& recipient : transaction.recipients) {
      if (recipient.reply / 100 != 2) continue;
      accepted_.Add(sender, transaction.Text(recipient.address), transaction.source,
                    transaction.start);
    }
  }
}

void Judge::OnSession(const SessionSummary& session) {
  if (local_.Contains(session.source) && !local_.Contains(session.server.address)) {
    evidence_.LearnSession(session);
  }
  next_.OnSession(session);
}

std::uint64_t Judge::MostBytes(const JudgeOptions& options) {
  return EvidenceCollector::MostBytes(options.evidence) + RetryMemory::MostBytes(options.retries) +
         AcceptedMail::MostBytes(options.accepted);
}

std::size_t Judge::MemoryBytes() const {
  return evidence_.MemoryBytes() + retries_.MemoryBytes() + accepted_.MemoryBytes();
}

}  // namespace backscatter
