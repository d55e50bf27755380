#include "tests/support/conversation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tests/support/addresses.h"

namespace backscatter::support {
namespace {

constexpr std::string_view kUnknownUser =
    "550 5.1.1 Recipient address rejected: User unknown in local recipient table\r\n";
constexpr std::string_view kGreylisted = "450 4.2.0 Recipient address rejected: Greylisted\r\n";
constexpr std::string_view kNeedMail = "503 5.5.1 Error: need MAIL command\r\n";
constexpr std::string_view kNoRecipients = "554 5.5.1 Error: no valid recipients\r\n";
constexpr std::string_view kGoAhead = "354 End data with <CR><LF>.<CR><LF>\r\n";

std::string_view RecipientReply(std::uint16_t code) {
  if (code == 250) return "250 2.1.5 Ok\r\n";
  if (code == 450) return kGreylisted;
  if (code == 503) return kNeedMail;
  return kUnknownUser;
}

bool AnyAccepted(const TrueTransaction& t) {
  return std::any_of(t.recipients.begin(), t.recipients.end(),
                     [](const TrueRecipient& r) { return r.reply >= 200 && r.reply < 300; });
}

bool AllRefused(const TrueTransaction& t) {
  return !t.recipients.empty() &&
         std::all_of(t.recipients.begin(), t.recipients.end(),
                     [](const TrueRecipient& r) { return r.reply >= 400; });
}

}  // namespace

Conversation::Conversation(const Profile& profile, const BodyText& bodies, Prng& prng, Truth& truth)
    : profile_(profile), bodies_(bodies), prng_(prng), truth_(truth) {}

void Conversation::Compose(SessionKind kind, std::string_view source, SessionScript& script) {
  script.Clear();
  script_ = &script;
  source_ = source;
  host_ = "mx" + std::to_string(prng_.Below(900) + 100) + ".sender.test";
  pipelining_ = prng_.Chance(profile_.pipelining);
  switch (kind) {
    case SessionKind::kMail:
      return Mail();
    case SessionKind::kCallout:
      return Callout();
    case SessionKind::kStarttls:
      return Starttls();
    case SessionKind::kTlsRefused:
      return TlsRefused();
    case SessionKind::kImplicitTls:
      return ImplicitTls();
    case SessionKind::kBdatInFlight:
      return BdatInFlight();
    case SessionKind::kTurnedAway:
      script.Server("554 5.7.1 mx.v.test: no service for you\r\n");
      return;
    case SessionKind::kOddity:
      return Oddity();
    case SessionKind::kHanging:
      return Hanging();
    case SessionKind::kStayOpen:
      return StayOpen();
  }
}

void Conversation::Say(std::string_view text) { said_ += text; }

void Conversation::Answer(std::string_view text) {
  answer_ += text;
  answer_ends_.push_back(static_cast<std::uint32_t>(answer_.size()));
}

void Conversation::Exchange() {
  if (!said_.empty()) script_->Client(said_);
  if (answer_ends_.size() > 1 && prng_.Chance(profile_.split_replies)) {
    std::uint32_t begin = 0;
    for (const std::uint32_t end : answer_ends_) {
      script_->Server(std::string_view(answer_).substr(begin, end - begin));
      begin = end;
    }
  } else if (!answer_.empty()) {
    script_->Server(answer_);
  }
  said_.clear();
  answer_.clear();
  answer_ends_.clear();
}

void Conversation::ExchangeEach(std::string_view command, std::string_view reply) {
  Say(command);
  Answer(reply);
  Exchange();
}

std::string Conversation::Verb(std::string_view verb) {
  std::string text(verb);
  if (!prng_.Chance(profile_.mixed_case)) return text;
  const bool all = prng_.Chance(500);
  for (std::size_t i = all ? 0 : 1; i < text.size(); ++i) {
    if (text[i] >= 'A' && text[i] <= 'Z') text[i] = static_cast<char>(text[i] - 'A' + 'a');
  }
  return text;
}

void Conversation::Greet(bool offer_tls) {
  script_->Server("220 mx.v.test ESMTP Postfix\r\n");
  std::string reply = "250-mx.v.test\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-VRFY\r\n";
  if (offer_tls) reply += "250-STARTTLS\r\n";
  reply += "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n250 CHUNKING\r\n";
  ExchangeEach(Verb("EHLO ") + host_ + "\r\n", reply);
}

void Conversation::Quit() {
  ExchangeEach(Verb("QUIT") + "\r\n", "221 2.0.0 Bye\r\n");
  script_->ending = Ending::kServerFin;
}

std::string Conversation::MailLine(bool null_sender) {
  const std::string verb = Verb("MAIL FROM:");
  const std::string size = " SIZE=" + std::to_string(prng_.Between(900, 30'000));
  if (!null_sender) {
    return verb + "<person" + std::to_string(prng_.Below(5'000)) + "@sender.test>" + size + "\r\n";
  }
  switch (prng_.Below(4)) {
    case 0:
      return verb + "<>\r\n";
    case 1:
      return verb + "<>" + size + "\r\n";
    default:
      return verb + "<>" + size + " BODY=8BITMIME\r\n";
  }
}

std::string Conversation::RcptLine(const TrueRecipient& recipient) {
  std::string line = Verb("RCPT TO:") + "<" + recipient.sent + ">";
  if (prng_.Chance(200)) line += " ORCPT=rfc822;" + recipient.target;
  return line + "\r\n";
}

Conversation::Transaction Conversation::Draw() {
  Transaction transaction;
  transaction.truth.null_sender = prng_.Chance(profile_.null_sender);
  transaction.mail_line = MailLine(transaction.truth.null_sender);
  transaction.bdat = prng_.Chance(profile_.bdat);
  transaction.pipelined = pipelining_;
  const std::uint32_t recipients =
      prng_.Chance(800) ? 1 : prng_.Between(1, profile_.maximum_recipients);
  for (std::uint32_t i = 0; i < recipients; ++i) {
    transaction.truth.recipients.push_back(PickRecipient(profile_, prng_));
  }
  DrawReplies(transaction);
  return transaction;
}

void Conversation::DrawReplies(Transaction& transaction) {
  if (prng_.Chance(profile_.mail_refused)) transaction.mail_reply = 451;
  if (prng_.Chance(profile_.data_refused)) transaction.data_reply = 554;
  for (TrueRecipient& recipient : transaction.truth.recipients) {
    if (transaction.mail_reply != 250) {
      recipient.reply = 503;
    } else if (prng_.Chance(profile_.unknown_user)) {
      recipient.reply = 550;
    } else if (prng_.Chance(profile_.greylisted)) {
      recipient.reply = 450;
    } else {
      recipient.reply = 250;
    }
  }
}

// MAIL and RCPTs; without pipelining, one exchange each, and none after a refused MAIL.
void Conversation::PlayEnvelope(Transaction& transaction) {
  Say(transaction.mail_line);
  Answer(transaction.mail_reply == 250 ? "250 2.1.0 Ok\r\n"
                                       : "451 4.3.0 Error: queue file write error\r\n");
  if (!transaction.pipelined) {
    Exchange();
    if (transaction.mail_reply != 250) {
      transaction.truth.recipients.clear();
      return;
    }
  }
  for (const TrueRecipient& recipient : transaction.truth.recipients) {
    Say(RcptLine(recipient));
    Answer(RecipientReply(recipient.reply));
    if (!transaction.pipelined) Exchange();
  }
}

void Conversation::ComposeHead(const Transaction& transaction, std::string& head) {
  const std::string id = std::to_string(++message_number_);
  const bool bounce = transaction.truth.null_sender;
  head = "Received: from localhost by " + host_ + " (Postfix) id " + id + "\r\n";
  head += bounce ? "From: MAILER-DAEMON@sender.test (Mail Delivery System)\r\nSubject: "
                   "Undelivered Mail Returned to Sender\r\n"
                 : "From: person@sender.test\r\nSubject: the harbour report\r\n";
  head += "To: somebody@v.test\r\nMessage-ID: <" + id + "@" + host_ + ">\r\nMIME-Version: 1.0\r\n";
  if (!bounce) {
    head += "Content-Type: text/plain\r\n\r\n";
    tail_.clear();
    return;
  }
  head +=
      "Content-Type: multipart/report; report-type=delivery-status; boundary=\"b1\"\r\n\r\n"
      "--b1\r\nContent-Type: text/plain\r\n\r\nYour message could not be delivered.\r\n\r\n"
      "--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; ";
  head += host_;
  head +=
      "\r\n\r\nFinal-Recipient: rfc822; gone@sender.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"
      "\r\n--b1\r\nContent-Type: text/rfc822-headers\r\n\r\n";
  tail_ = "\r\n--b1--\r\n";
  if (profile_.returned_headers > 0 && prng_.Chance(profile_.returned_headers)) {
    AppendReturnedHeader(transaction, head);
  }
}

void Conversation::AppendReturnedHeader(const Transaction& transaction, std::string& head) {
  const std::string number = std::to_string(message_number_);
  const std::string id = prng_.Chance(profile_.of_sent_mail)
                             ? SentMessageId(prng_.Below(profile_.sent_mails))
                             : number + ".forged@pc" + number + ".example";
  const std::string to =
      transaction.truth.recipients.empty() ? "" : transaction.truth.recipients.front().target;
  head += "Return-Path: <" + to + ">\r\nReceived: from pc" + number +
          ".example (pc.example [198.51.100.7])\r\n\tby " + host_ + " (Postfix) with ESMTP id 4Q" +
          number + "\r\n\tfor <gone@sender.test>; Tue, 22 Sep 2026 01:02:03 +0000 (UTC)\r\n";
  head += "Message-ID: <" + id + ">\r\nFrom: \"Somebody\" <" + to +
          ">\r\nTo: gone@sender.test\r\nSubject: the winter paper\r\n"
          "Date: Tue, 22 Sep 2026 01:02:02 +0000\r\nMIME-Version: 1.0\r\n\r\n";
}

// The message; the caller has begun the write. Segments well inside the text may be lost.
void Conversation::PlayBody(const Transaction& transaction, bool dot_terminated) {
  const std::uint32_t* range =
      transaction.truth.null_sender ? profile_.bounce_body : profile_.mail_body;
  const std::string_view lines = bodies_.Lines(prng_, prng_.Between(range[0], range[1]));
  ComposeHead(transaction, head_);
  if (!dot_terminated) {
    const std::size_t octets = head_.size() + lines.size() + tail_.size();
    script_->Append(Verb("BDAT "));
    script_->Append(std::to_string(octets));
    script_->Append(Verb(" LAST"));
    script_->Append("\r\n");
  }
  script_->Append(head_);
  script_->BeginLossy();
  script_->AppendShared(lines);
  script_->EndLossy();
  script_->Append(tail_);
  if (dot_terminated) script_->Append(".\r\n");
}

void Conversation::PlayData(Transaction& transaction) {
  const bool valid = AnyAccepted(transaction.truth);
  if (!transaction.pipelined && !valid) return;
  Say(Verb("DATA") + "\r\n");
  if (!valid) {
    transaction.data_reply = transaction.mail_reply == 250 ? 554 : 503;
    Answer(transaction.data_reply == 554 ? kNoRecipients : kNeedMail);
  } else {
    Answer(transaction.data_reply == 354 ? kGoAhead : "554 5.7.1 Message refused\r\n");
  }
  Exchange();
  if (transaction.data_reply != 354) {
    transaction.truth.final_reply = transaction.data_reply;
    return;
  }
  script_->Begin(Direction::kFromClient);
  PlayBody(transaction, true);
  const bool refused = prng_.Chance(profile_.body_refused);
  transaction.truth.final_reply = refused ? 552 : 250;
  script_->Server(refused ? "552 5.3.4 Message too big\r\n"
                          : "250 2.0.0 Ok: queued as 4Q1w2E3r4T\r\n");
}

// The chunk goes out with the envelope where pipelining allows it, whatever the replies.
void Conversation::PlayBdat(Transaction& transaction) {
  const bool valid = AnyAccepted(transaction.truth);
  if (!transaction.pipelined && !valid) return;
  script_->Begin(Direction::kFromClient);
  script_->Append(said_);
  PlayBody(transaction, false);
  said_.clear();
  const bool refused = prng_.Chance(profile_.body_refused);
  if (transaction.mail_reply != 250) {
    transaction.truth.final_reply = 503;
    Answer(kNeedMail);
  } else if (!valid) {
    transaction.truth.final_reply = 554;
    Answer(kNoRecipients);
  } else {
    transaction.truth.final_reply = refused ? 552 : 250;
    Answer(refused ? "552 5.3.4 Message too big\r\n" : "250 2.0.0 Ok: 900 bytes queued\r\n");
  }
  Exchange();
}

void Conversation::Play(Transaction& transaction) {
  PlayEnvelope(transaction);
  if (!transaction.pipelined && transaction.mail_reply != 250) return;
  if (transaction.bdat) {
    PlayBdat(transaction);
  } else {
    PlayData(transaction);
  }
}

// `ended`: something ended the transaction (RSET, QUIT, EHLO, MAIL, close), not the capture.
void Conversation::Record(const Transaction& transaction, bool ended) {
  TrueTransaction truth = transaction.truth;
  if (truth.final_reply >= 200 && truth.final_reply < 300) {
    truth.outcome = TrueOutcome::kAccepted;
  } else if (truth.final_reply >= 400 || transaction.mail_reply >= 400 || AllRefused(truth)) {
    truth.outcome = TrueOutcome::kRejected;
  } else if (ended && AnyAccepted(truth)) {
    truth.outcome = TrueOutcome::kAborted;
  } else {
    truth.outcome = TrueOutcome::kUnfinished;
  }
  truth_.AddTransaction(truth, source_);
}

void Conversation::Mail() {
  Greet();
  const std::uint32_t count = prng_.Between(1, profile_.maximum_transactions);
  for (std::uint32_t i = 0; i < count; ++i) {
    Transaction transaction = Draw();
    Play(transaction);
    Record(transaction, true);
    const bool open = transaction.truth.final_reply != 250;
    if (i + 1 < count && (open || prng_.Chance(300))) {
      ExchangeEach(Verb("RSET") + "\r\n", "250 2.0.0 Ok\r\n");
    }
  }
  Quit();
}

}  // namespace backscatter::support
