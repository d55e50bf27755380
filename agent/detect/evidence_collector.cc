#include "agent/detect/evidence_collector.h"

#include <algorithm>
#include <utility>

#include "agent/base/ascii.h"
#include "agent/smtp/path.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxRecipientsLookedAt = 64;
constexpr PacketTime kReportWindow = PacketTime{5} * 24 * 3600 * 1'000'000'000;
constexpr double kNearlyAll = 0.995;

// double-bounce@host, or double-bounce5L03@host where address_verify_sender_ttl is set (Postfix).
bool IsProbeSender(std::string_view path) {
  constexpr std::string_view kProbe = "double-bounce";
  if (!StartsWithIgnoreCase(path, kProbe)) return false;
  const std::string_view rest = path.substr(kProbe.size());
  const std::size_t at = rest.find('@');
  const std::string_view stamp = rest.substr(0, at);
  return at != std::string_view::npos && stamp.size() <= 16 &&
         std::ranges::all_of(stamp, [](char c) { return IsAlpha(c) || IsDigit(c); });
}

SenderClass ClassOf(const Transaction& transaction) {
  if (transaction.null_sender) return SenderClass::kNull;
  return IsProbeSender(transaction.Text(transaction.mail_from)) ? SenderClass::kProbe
                                                                : SenderClass::kOther;
}

bool IsOrdinary(const Transaction& transaction) {
  const MessageFacts* const facts = transaction.facts;
  return !transaction.null_sender &&
         (facts == nullptr || (facts->kind == MessageKind::kOther && !facts->looks_bounce));
}

bool IsAccepted(const Recipient& recipient) { return recipient.reply / 100 == 2; }
bool IsRefused(const Recipient& recipient) {
  return recipient.reply >= 400 && recipient.reply < 600;
}

TargetTag ToTargetTag(TagState state) {
  switch (state) {
    case TagState::kNone:
      return TargetTag::kNone;
    case TagState::kValid:
      return TargetTag::kValid;
    case TagState::kWrong:
      return TargetTag::kWrong;
    case TagState::kExpired:
      return TargetTag::kExpired;
    case TagState::kUnverified:
      return TargetTag::kUnverified;
  }
  return TargetTag::kNone;
}

// Valid if any is; bad only if every tagged one is.
TargetTag Combine(TargetTag a, TargetTag b) {
  if (a == TargetTag::kNone) return b;
  if (b == TargetTag::kNone) return a;
  if (a == TargetTag::kValid || b == TargetTag::kValid) return TargetTag::kValid;
  if (a == TargetTag::kUnverified || b == TargetTag::kUnverified) return TargetTag::kUnverified;
  return a;
}

std::string_view ParameterOf(std::string_view parameters, std::string_view name) {
  EsmtpParameter parameter;
  while (ConsumeParameter(parameters, parameter)) {
    if (EqualsIgnoreCase(parameter.key, name)) return parameter.value;
  }
  return {};
}

}  // namespace

EvidenceCollector::EvidenceCollector(EvidenceOptions options, SentLedger* ledger,
                                     SentCoverage* coverage)
    : options_(std::move(options)),
      ledger_(*ledger),
      coverage_(*coverage),
      hosts_(options_.relays, &options_.local),
      loops_(options_.loops_capacity, options_.hash_key),
      our_reports_(options_.loops_capacity, kReportWindow) {}

std::optional<double> EvidenceCollector::SeenShare(PacketTime now) const {
  const std::optional<PacketTime> start = ledger_.history_start();
  if (!start || TimeBetween(*start, now) < options_.min_history_ns) return std::nullopt;
  return (options_.feed_tells_all ? 1 : coverage_.Overall(now)) * ledger_.KeptShare();
}

void EvidenceCollector::Reconfigure(EvidenceOptions options) {
  options_ = std::move(options);
  hosts_.SetRelays(options_.relays);
}

void EvidenceCollector::Prepare(const Transaction& transaction) {
  const Prepared now{&transaction, transaction.start, transaction.recipients.size()};
  if (now == prepared_) return;
  prepared_ = now;
  addresses_.clear();
  pairs_.clear();
  if (IsOrdinary(transaction)) return;
  const std::size_t count = std::min(transaction.recipients.size(), kMaxRecipientsLookedAt);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view path = transaction.Text(transaction.recipients[i].address);
    addresses_.push_back(ledger_.AddressHash(WithoutSourceRoute(path)));
    ledger_.Prefetch(ledger_.KeyOfSender(addresses_.back()));
  }
  if (transaction.facts != nullptr) PreparePairs(*transaction.facts);
}

// Of each reported recipient with each of ours.
void EvidenceCollector::PreparePairs(const MessageFacts& facts) {
  for (const ReportedRecipient& reported : facts.recipients) {
    for (const std::string* failed : {&reported.original_recipient, &reported.final_recipient}) {
      if (failed->empty()) continue;
      const SentLedger::Key to = ledger_.AddressHash(*failed);
      for (const SentLedger::Key& from : addresses_) {
        if (pairs_.size() == kMaxLookups) return;
        pairs_.push_back(ledger_.KeyOfPair(from, to));
        ledger_.Prefetch(pairs_.back());
      }
    }
  }
}

Evidence EvidenceCollector::Collect(const Transaction& transaction) {
  Evidence evidence;
  evidence.transaction = &transaction;
  evidence.facts = transaction.facts;
  evidence.sender = ClassOf(transaction);
  evidence.recipients = transaction.recipients.size() + transaction.recipients_not_kept;
  if (IsOrdinary(transaction)) return evidence;  // nothing else is asked
  const std::optional<double> seen = SeenShare(transaction.start);
  evidence.would_have_seen = seen && *seen >= options_.min_coverage;
  evidence.would_surely_have_seen = evidence.would_have_seen && *seen >= kNearlyAll;
  CollectRecipients(evidence);
  if (evidence.facts != nullptr) CollectFacts(evidence);
  return evidence;
}

void EvidenceCollector::CollectRecipients(Evidence& evidence) {
  const Transaction& transaction = *evidence.transaction;
  const std::vector<Recipient>& all = transaction.recipients;
  evidence.any_accepted = std::ranges::any_of(all, IsAccepted);
  evidence.all_refused = !all.empty() && std::ranges::all_of(all, IsRefused);
  const std::size_t count = std::min(all.size(), kMaxRecipientsLookedAt);
  const bool asks_target = !tagging_.empty() || floods_ != nullptr;
  bool tags_all = count > 0 && asks_target;
  bool verp = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view path = WithoutSourceRoute(transaction.Text(all[i].address));
    evidence.unknown_user |= all[i].unknown_user;
    evidence.tag =
        Combine(evidence.tag, ToTargetTag(options_.batv_keys.Check(path, transaction.start)));
    const bool has_sent = ledger_.Has(ledger_.KeyOfSender(addresses_[i]));
    evidence.target_has_sent |= has_sent;
    // The address that one mail of a list had for its sender.
    verp |= has_sent && options_.verp_patterns.Match(path);
    evidence.forwarder |= options_.srs_domains.Contains(path);
    if (!asks_target || !MakeCanonicalTarget(path, {}, canonical_)) continue;
    tags_all = tags_all && tagging_.TagsAll(canonical_.domain);
    if (floods_ != nullptr) evidence.target_flood |= floods_->IsFlooded(canonical_.address);
  }
  evidence.pair_sent = verp;
  evidence.target_tags_all = tags_all && evidence.would_have_seen;
}

void EvidenceCollector::CollectFacts(Evidence& evidence) {
  const Transaction& transaction = *evidence.transaction;
  const MessageFacts& facts = *evidence.facts;
  evidence.message_id_sent = AnySent(facts.original_message_ids);
  evidence.reference_sent = AnySent(facts.references);
  evidence.answers_our_report =
      !facts.original_message_ids.empty() &&
      our_reports_.Find(HashBytes(options_.hash_key, facts.original_message_ids.front()),
                        transaction.start) != nullptr;
  evidence.envelope_id_sent =
      !facts.original_envelope_id.empty() && ledger_.HasEnvelopeId(facts.original_envelope_id);
  const auto is_ours = [this](const ReceivedHop& hop) {
    return !hop.id.empty() && !hop.by_name.empty() && ledger_.HasQueueId(hop.id, hop.by_name);
  };
  const std::size_t hops = std::min(facts.returned_received.size(), kMaxLookups);
  evidence.queue_id_sent =
      std::any_of(facts.returned_received.begin(),
                  facts.returned_received.begin() + static_cast<std::ptrdiff_t>(hops), is_ours);
  evidence.pair_sent |= AnyPairSent();
  const bool feigned = hosts_.AreFeigned(facts.returned_received);
  evidence.names_our_relay = !feigned && hosts_.AreNamed(facts.returned_received);
  evidence.forged_proof = feigned && evidence.would_have_seen;
  if (!transaction.recipients.empty() && evidence.sender == SenderClass::kNull &&
      !facts.original_message_ids.empty() &&
      MakeCanonicalTarget(transaction.Text(transaction.recipients.front().address), {},
                          canonical_)) {
    evidence.loop = loops_.OnReport(canonical_.address, facts, transaction.start);
  }
}

bool EvidenceCollector::AnySent(const std::vector<std::string>& message_ids) const {
  const std::size_t count = std::min(message_ids.size(), kMaxLookups);
  return std::any_of(message_ids.begin(), message_ids.begin() + static_cast<std::ptrdiff_t>(count),
                     [this](const std::string& id) { return ledger_.HasMessageId(id); });
}

bool EvidenceCollector::AnyPairSent() const {
  return std::ranges::any_of(pairs_, [this](SentLedger::Key pair) { return ledger_.Has(pair); });
}

void EvidenceCollector::LearnSent(const Transaction& transaction, MailDirection direction) {
  const std::string_view sender = transaction.Text(transaction.mail_from);
  if (direction == MailDirection::kOutbound) {
    hosts_.Learn(transaction.Text(transaction.helo), transaction.source);
    const TagState tag = options_.batv_keys.Check(sender, transaction.start);
    if (!options_.batv_keys.empty() && MakeCanonicalTarget(sender, {}, canonical_)) {
      tagging_.Learn(canonical_.domain, tag == TagState::kValid);
    }
  }
  SentMail mail{.at = transaction.start, .sender = sender};
  const MessageFacts* const facts = transaction.facts;
  if (facts != nullptr) {
    mail.message_id = facts->message_id;
    if (direction == MailDirection::kOutbound) {
      mail.queue_id = facts->last_hop.id;
      mail.host = facts->last_hop.by_name;
    }
  }
  mail.envelope_id = ParameterOf(transaction.Text(transaction.mail_parameters), "ENVID");
  bool first = true;
  for (const Recipient& recipient : transaction.recipients) {
    if (IsRefused(recipient)) continue;
    mail.recipient = transaction.Text(recipient.address);
    ledger_.Add(mail);
    if (std::exchange(first, false)) {
      mail = {.at = mail.at, .sender = sender};  // the rest only adds pairs
    }
  }
}

void EvidenceCollector::LearnEmitted(const Transaction& transaction) {
  if (transaction.facts == nullptr || transaction.facts->message_id.empty()) return;
  our_reports_.Put(HashBytes(options_.hash_key, transaction.facts->message_id), {},
                   transaction.start);
}

void EvidenceCollector::LearnSession(const SessionSummary& session) {
  if (!session.encrypted && session.messages == 0) return;  // nothing was sent, nothing hidden
  coverage_.OnSession(session.source, !session.encrypted && !session.with_gaps, session.end);
}

}  // namespace backscatter
