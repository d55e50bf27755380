#include "agent/smtp/envelope.h"

#include <algorithm>
#include <utility>

#include "agent/smtp/path.h"

namespace backscatter {
namespace {

constexpr std::size_t kMaxHelo = 255;  // RFC 5321 section 4.5.3.1.2

void Clear(Transaction& transaction) {
  std::string text = std::move(transaction.text);
  std::vector<Recipient> recipients = std::move(transaction.recipients);
  text.clear();
  recipients.clear();
  // A crowd of recipients must not stay in the pool.
  if (recipients.capacity() > 64) recipients = {};
  if (text.capacity() > 4096) text = {};
  transaction = Transaction{};
  transaction.text = std::move(text);
  transaction.recipients = std::move(recipients);
}

}  // namespace

void Envelope::Start(const ConnectionInfo& info) {
  *this = Envelope{};
  source_ = info.client.address;
}

void Envelope::SetSource(const IpAddress& address) {
  source_ = address;
  source_from_proxy_ = true;
}

void Envelope::OnHello(const EnvelopeContext& context, Protocol protocol, std::string_view name,
                       const Reply& reply, PacketTime at) {
  // A greeting that was refused changes nothing (the client may go on with what it began).
  if (reply.code != 0 && !reply.positive()) return;
  if (reply.code != 0) OnReset(context, at);
  helo_ = name.substr(0, kMaxHelo);
  protocol_ = protocol;
}

void Envelope::OnMail(const EnvelopeContext& context, const ConnectionInfo& info,
                      std::string_view rest, const Reply& reply, PacketTime at) {
  std::unique_ptr<Transaction> mail = context.transactions->Take();
  const PathArgument argument = ParseMailArgument(rest);
  mail->start = at;
  mail->end = std::max(at, reply.at);
  mail->client = info.client;
  mail->server = info.server;
  mail->source = source_;
  mail->source_from_proxy = source_from_proxy_;
  mail->weight = info.weight;
  mail->protocol = protocol_;
  mail->tls = tls_;
  mail->authenticated = authenticated_;
  mail->helo = mail->Store(helo_);
  mail->has_mail_from = argument.has_path;
  mail->null_sender = argument.null_path;
  if (!argument.null_path) mail->mail_from = mail->Store(argument.path);
  mail->mail_parameters = mail->Store(argument.parameters);
  mail->mail_reply = reply.code;

  const bool accepted_one_is_open = transaction_ != nullptr && (transaction_->mail_reply >= 200 &&
                                                                transaction_->mail_reply < 300);
  if (accepted_one_is_open && reply.negative()) {  // nested: the open one goes on
    context.ledger->Add(Anomaly::kNestedMail);
    Emit(context, std::move(mail), EndReason::kReset);
    return;
  }
  if (accepted_one_is_open) context.ledger->Add(Anomaly::kNestedMail);
  if (transaction_ != nullptr) Finish(context, at, EndReason::kReset);
  transaction_ = std::move(mail);
  transaction_gap_ = gap_;
}

void Envelope::OnRcpt(const EnvelopeContext& context, std::string_view rest, const Reply& reply,
                      PacketTime at) {
  if (transaction_ == nullptr) {
    ++orphan_recipients_;
    context.ledger->Add(Anomaly::kRcptWithoutMail);
    return;
  }
  Transaction& transaction = *transaction_;
  transaction.end = std::max({transaction.end, at, reply.at});
  if (transaction.recipients.size() >= kMaxRecipients) {
    ++transaction.recipients_not_kept;
    context.ledger->Add(Loss::kSmtpRecipientsDropped);
    return;
  }
  const PathArgument argument = ParseRcptArgument(rest);
  Recipient recipient;
  recipient.address = transaction.Store(argument.path);
  recipient.parameters = transaction.Store(argument.parameters);
  recipient.reply = reply.code;
  recipient.enhanced = reply.enhanced;
  recipient.unknown_user = reply.unknown_user;
  transaction.recipients.push_back(recipient);
}

void Envelope::OnData(const EnvelopeContext& context, const Reply& reply, PacketTime at) {
  if (transaction_ == nullptr) {
    if (reply.code == 354) context.ledger->Add(Anomaly::kTransactionLost);
    return;
  }
  transaction_->end = std::max({transaction_->end, at, reply.at});
  transaction_->body_command = BodyCommand::kData;
  if (reply.code >= 300 && reply.code < 400) {
    transaction_->body_started = true;
    transaction_->body_reply = 0;
  } else if (reply.negative()) {
    transaction_->body_reply = reply.code;  // until another DATA is accepted
  }
}

void Envelope::OnBdat(const EnvelopeContext& context, std::uint64_t size, const Reply& reply,
                      PacketTime at) {
  if (transaction_ == nullptr) {
    if (reply.positive()) context.ledger->Add(Anomaly::kTransactionLost);
    return;
  }
  transaction_->end = std::max({transaction_->end, at, reply.at});
  transaction_->body_command = BodyCommand::kBdat;
  transaction_->body_bytes += size;
  if (reply.positive()) transaction_->body_started = true;
  if (reply.negative()) transaction_->body_reply = reply.code;
}

bool Envelope::OnBodyReply(const EnvelopeContext& context, const Reply& reply, PacketTime at) {
  if (transaction_ == nullptr) return true;
  Transaction& transaction = *transaction_;
  transaction.end = std::max({transaction.end, at, reply.at});
  if (lmtp() && next_final_reply_ > 0) {
    transaction.body_reply = std::max(transaction.body_reply, reply.code);
  } else if (reply.code != 0) {
    transaction.body_reply = reply.code;
  }
  if (lmtp()) {  // RFC 2033 section 4.2: one reply for each accepted recipient, in their order
    std::vector<Recipient>& recipients = transaction.recipients;
    const auto accepted = [&](std::uint32_t i) {
      return recipients[i].reply >= 200 && recipients[i].reply < 300;
    };
    while (next_final_reply_ < recipients.size() && !accepted(next_final_reply_)) {
      ++next_final_reply_;
    }
    if (next_final_reply_ < recipients.size()) {
      recipients[next_final_reply_++].final_reply = reply.code;
    }
    while (next_final_reply_ < recipients.size() && !accepted(next_final_reply_)) {
      ++next_final_reply_;
    }
    if (next_final_reply_ < recipients.size() && reply.code != 0) return false;
    next_final_reply_ = 0;
  }
  Finish(context, transaction.end, EndReason::kBodyReplied);
  return true;
}

MessageBody* Envelope::OpenBody(const EnvelopeContext& context) {
  if (body_asked_ || transaction_ == nullptr || context.readers == nullptr) return body();
  body_asked_ = true;
  BodyRequest request;
  request.client = transaction_->client;
  request.server = transaction_->server;
  request.source = transaction_->source;
  request.has_mail_from = transaction_->has_mail_from;
  request.null_sender = transaction_->null_sender;
  request.mail_from = transaction_->Text(transaction_->mail_from);
  request.authenticated = transaction_->authenticated;
  body_ = MessageBody(context.readers->Open(request));
  return body();
}

MessageBody Envelope::OpenBodyOfMail(const EnvelopeContext& context, const ConnectionInfo& info,
                                     std::string_view rest) const {
  const PathArgument argument = ParseMailArgument(rest);
  BodyRequest request;
  request.client = info.client;
  request.server = info.server;
  request.source = source_;
  request.has_mail_from = argument.has_path;
  request.null_sender = argument.null_path;
  if (!argument.null_path) request.mail_from = argument.path;
  request.authenticated = authenticated_;
  return MessageBody(context.readers->Open(request));
}

void Envelope::AttachBody(MessageBody body) {
  if (transaction_ == nullptr) return;
  if (!body_asked_) {
    body_asked_ = true;
    body_ = std::move(body);
  } else if (body_ && body_ != body) {
    body_.OnGap();
  }
}

void Envelope::OnReset(const EnvelopeContext& context, PacketTime at, EndReason reason) {
  if (transaction_ != nullptr) Finish(context, at, reason);
}

void Envelope::OnStarttls(const EnvelopeContext& context, PacketTime at) {
  OnReset(context, at);
  helo_.clear();
  tls_ = TlsState::kStarttls;
}

Outcome Envelope::Judge(const Transaction& transaction, EndReason reason) const {
  const auto negative = [](std::uint16_t code) { return code >= 400 && code < 600; };
  const auto positive = [](std::uint16_t code) { return code >= 200 && code < 300; };
  const std::vector<Recipient>& recipients = transaction.recipients;
  if (transaction.protocol == Protocol::kLmtp && transaction.body_reply != 0) {
    const bool any = std::any_of(recipients.begin(), recipients.end(),
                                 [&](const Recipient& r) { return positive(r.final_reply); });
    return any || positive(transaction.body_reply) ? Outcome::kAccepted : Outcome::kRejected;
  }
  if (positive(transaction.body_reply)) return Outcome::kAccepted;
  if (negative(transaction.body_reply) || negative(transaction.mail_reply)) {
    return Outcome::kRejected;
  }
  if (!recipients.empty() && std::all_of(recipients.begin(), recipients.end(),
                                         [&](const Recipient& r) { return negative(r.reply); })) {
    return Outcome::kRejected;
  }
  const bool any_accepted = std::any_of(recipients.begin(), recipients.end(),
                                        [&](const Recipient& r) { return positive(r.reply); });
  if (reason == EndReason::kReset && any_accepted) return Outcome::kAborted;
  return Outcome::kUnfinished;
}

Completeness Envelope::HowSeen() const {
  if (truncated_) return Completeness::kTruncated;
  if (transaction_gap_ || gap_) return Completeness::kGap;
  if (one_sided_) return Completeness::kOneSided;
  if (mid_stream_) return Completeness::kMidStream;
  return Completeness::kComplete;
}

void Envelope::Emit(const EnvelopeContext& context, std::unique_ptr<Transaction> transaction,
                    EndReason reason) {
  transaction->outcome = Judge(*transaction, reason);
  transaction->completeness = HowSeen();
  if (transaction->body_started) ++messages_;
  if (believed_) context.sink->OnTransaction(*transaction);
  constexpr std::size_t kKeptText = 4096;
  constexpr std::size_t kKeptRecipients = 64;
  if (transaction->text.capacity() > kKeptText ||
      transaction->recipients.capacity() > kKeptRecipients) {
    return;  // the pool keeps only what is usual
  }
  Clear(*transaction);
  context.transactions->Give(std::move(transaction));
}

void Envelope::TellSink(const EnvelopeContext& context) {
  transaction_->facts = &body_.Finish();
  context.sink->Foretell(*transaction_);
}

void Envelope::Finish(const EnvelopeContext& context, PacketTime at, EndReason reason) {
  transaction_->end = std::max(transaction_->end, at);
  if (body_) {
    transaction_->facts = &body_.Finish();
    transaction_->body_read = transaction_->facts->read;
  }
  Emit(context, std::move(transaction_), reason);
  body_ = {};
  body_asked_ = false;
  gap_ = false;
  transaction_gap_ = false;
  next_final_reply_ = 0;
}

}  // namespace backscatter
