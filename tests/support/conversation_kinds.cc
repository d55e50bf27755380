// The kinds of session beside plain mail: call-outs, TLS, chunks in flight and oddities.
#include <array>

#include "tests/support/addresses.h"
#include "tests/support/conversation.h"

namespace backscatter::support {
namespace {

constexpr std::string_view kOk = "250 2.1.0 Ok\r\n";

}  // namespace

void Conversation::Callout() {
  Greet();
  Transaction transaction = Draw();
  transaction.truth.null_sender = true;
  transaction.mail_line = Verb("MAIL FROM:") + "<>\r\n";
  transaction.pipelined = false;
  PlayEnvelope(transaction);
  Record(transaction, true);
  Quit();
}

// Random octets under a TLS record header, some of which look like commands.
void Conversation::TlsRecords() {
  const std::uint32_t records = prng_.Between(3, 12);
  for (std::uint32_t i = 0; i < records; ++i) {
    const std::uint32_t length = prng_.Between(40, 1'200);
    std::string record = {0x17, 0x03, 0x03, static_cast<char>(length >> 8),
                          static_cast<char>(length & 0xff)};
    for (std::uint32_t j = 0; j < length; ++j) record += static_cast<char>(prng_.Below(256));
    if (length > 100) record.replace(50, 16, "\r\nMAIL FROM:<>\r\n");
    script_->Begin(i % 2 == 0 ? Direction::kFromClient : Direction::kFromServer);
    script_->Append(record);
  }
}

namespace {

std::string HelloRecord(char type, std::size_t length, Prng& prng) {
  std::string record = {0x16,
                        0x03,
                        0x01,
                        0x00,
                        static_cast<char>(length),
                        type,
                        0x00,
                        0x00,
                        static_cast<char>(length - 4),
                        0x03,
                        0x03};
  while (record.size() < length + 5) record += static_cast<char>(prng.Below(256));
  return record;
}

}  // namespace

void Conversation::Starttls() {
  Greet(true);
  ExchangeEach(Verb("STARTTLS") + "\r\n", "220 2.0.0 Ready to start TLS\r\n");
  script_->Client(HelloRecord(1, 120, prng_));
  script_->Server(HelloRecord(2, 90, prng_));
  TlsRecords();
}

void Conversation::ImplicitTls() {
  script_->Client(HelloRecord(1, 120, prng_));
  script_->Server(HelloRecord(2, 90, prng_));
  TlsRecords();
}

void Conversation::TlsRefused() {
  Greet(true);
  ExchangeEach(Verb("STARTTLS") + "\r\n", "454 4.7.0 TLS not available due to local problem\r\n");
  Transaction transaction = Draw();
  Play(transaction);
  Record(transaction, true);
  Quit();
}

// As Exim sends it: envelope, chunk and QUIT at once; the recipient is refused.
void Conversation::BdatInFlight() {
  Greet();
  Transaction transaction = Draw();
  transaction.pipelined = true;
  transaction.mail_reply = 250;
  for (TrueRecipient& recipient : transaction.truth.recipients) recipient.reply = 550;
  PlayEnvelope(transaction);
  script_->Begin(Direction::kFromClient);
  script_->Append(said_);
  said_.clear();
  PlayBody(transaction, false);
  script_->Append("QUIT\r\n");
  Answer("554 5.5.1 Error: no valid recipients\r\n");
  Answer("221 2.0.0 Bye\r\n");
  transaction.truth.final_reply = 554;
  Exchange();
  Record(transaction, true);
}

// The capture ends before the session does, at one of several points.
void Conversation::Hanging() {
  Greet();
  Transaction transaction = Draw();
  transaction.mail_reply = 250;
  transaction.truth.final_reply = 0;
  const std::uint32_t point = prng_.Below(4);
  Say(transaction.mail_line);
  if (point == 0) transaction.truth.recipients.clear();
  for (TrueRecipient& recipient : transaction.truth.recipients) {
    Say(RcptLine(recipient));
    recipient.reply = point >= 2 ? 250 : 0;
  }
  if (point >= 2) {
    Say("DATA\r\n");
    Answer(kOk);
    for (std::size_t i = 0; i < transaction.truth.recipients.size(); ++i) {
      Answer("250 2.1.5 Ok\r\n");
    }
    Answer("354 Go ahead\r\n");
  }
  Exchange();
  if (point == 3) {
    script_->Begin(Direction::kFromClient);
    script_->AppendShared(bodies_.Lines(prng_, prng_.Between(100, 5'000)));
  }
  script_->ending = Ending::kNone;
  Record(transaction, false);
}

void Conversation::StayOpen() {
  Greet();
  Transaction transaction;
  transaction.truth.null_sender = true;
  ExchangeEach("MAIL FROM:<>\r\n", kOk);
  script_->ending = Ending::kNone;
  Record(transaction, false);
}

void Conversation::Oddity() {
  Greet();
  switch (prng_.Below(8)) {
    case 0:
      OddNestedMail();
      break;
    case 1:
      OddOrphanRecipient();
      break;
    case 2:
      OddEhlo(true);
      break;
    case 3:
      OddEhlo(false);
      break;
    case 4:
      OddNullSpelling();
      break;
    case 5:
      OddMailOnly();
      break;
    case 6:
      OddSmuggledLook();
      break;
    default:
      return OddReset();
  }
  Transaction transaction = Draw();
  Play(transaction);
  Record(transaction, true);
  Quit();
}

// A second MAIL is refused as nested; the recipient still belongs to the first.
void Conversation::OddNestedMail() {
  Transaction first = Draw();
  Transaction nested;
  nested.truth.null_sender = prng_.Chance(500);
  nested.mail_reply = 503;
  first.truth.recipients.resize(1);
  first.truth.recipients[0].reply = 250;
  first.mail_reply = 250;
  ExchangeEach(first.mail_line, kOk);
  ExchangeEach(MailLine(nested.truth.null_sender), "503 5.5.1 Error: nested MAIL command\r\n");
  ExchangeEach(RcptLine(first.truth.recipients[0]), "250 2.1.5 Ok\r\n");
  ExchangeEach("RSET\r\n", "250 2.0.0 Ok\r\n");
  first.truth.final_reply = 0;
  Record(first, true);
  Record(nested, true);
}

void Conversation::OddOrphanRecipient() {
  const TrueRecipient recipient = PickRecipient(profile_, prng_);
  ExchangeEach(RcptLine(recipient), "503 5.5.1 Error: need MAIL command\r\n");
  truth_.AddOrphanRecipient();
}

// An accepted EHLO in mid-session ends the transaction, a refused one does not.
void Conversation::OddEhlo(bool accepted) {
  Transaction transaction = Draw();
  transaction.mail_reply = 250;
  transaction.truth.recipients.resize(1);
  transaction.truth.recipients[0].reply = 250;
  transaction.pipelined = false;
  ExchangeEach(transaction.mail_line, kOk);
  ExchangeEach(RcptLine(transaction.truth.recipients[0]), "250 2.1.5 Ok\r\n");
  if (accepted) {
    ExchangeEach("EHLO again.sender.test\r\n", "250-mx.v.test\r\n250 PIPELINING\r\n");
  } else {
    ExchangeEach("EHLO\r\n", "501 Syntax: EHLO hostname\r\n");
    TrueRecipient second = PickRecipient(profile_, prng_);
    second.reply = 250;
    ExchangeEach(RcptLine(second), "250 2.1.5 Ok\r\n");
    transaction.truth.recipients.push_back(second);
    transaction.data_reply = 354;
    PlayData(transaction);
  }
  Record(transaction, true);
}

// One side aborts the connection after the recipient was accepted.
void Conversation::OddReset() {
  Transaction transaction = Draw();
  transaction.mail_reply = 250;
  transaction.pipelined = false;
  for (TrueRecipient& recipient : transaction.truth.recipients) recipient.reply = 250;
  PlayEnvelope(transaction);
  Record(transaction, true);
  constexpr std::array<Ending, 3> kEndings = {Ending::kClientReset, Ending::kServerReset,
                                              Ending::kClientFin};
  script_->ending = kEndings[prng_.Below(3)];
}

void Conversation::OddNullSpelling() {
  constexpr const char* kSpellings[] = {"MAIL FROM: <>",
                                        "MAIL  FROM:<>",
                                        "MAIL FROM:< >",
                                        "MAIL FROM:<  > SIZE=5",
                                        "MAIL FROM:\"\"",
                                        "MAIL FROM:<@a.test:>",
                                        "MAIL FROM:<>\t",
                                        "MAIL FROM:<\"\">",
                                        "mail from:<>",
                                        "MAIL FROM:<> AUTH=<>",
                                        "MAIL FROM:<> AUTH=user@x.test",
                                        "MAIL From:<> RET=HDRS ENVID=x"};
  Transaction transaction = Draw();
  transaction.truth.null_sender = true;
  transaction.mail_line = std::string(prng_.Pick(kSpellings)) + "\r\n";
  Play(transaction);
  Record(transaction, true);
  if (transaction.truth.final_reply != 250) ExchangeEach("RSET\r\n", "250 2.0.0 Ok\r\n");
}

void Conversation::OddMailOnly() {
  Transaction transaction;
  transaction.truth.null_sender = prng_.Chance(500);
  ExchangeEach(MailLine(transaction.truth.null_sender), kOk);
  ExchangeEach("RSET\r\n", "250 2.0.0 Ok\r\n");
  Record(transaction, true);
}

// The server does not take a lone `\n.\n` for the end: what follows is text, and one reply comes.
void Conversation::OddSmuggledLook() {
  Transaction transaction = Draw();
  transaction.mail_reply = 250;
  transaction.pipelined = false;
  for (TrueRecipient& recipient : transaction.truth.recipients) recipient.reply = 250;
  PlayEnvelope(transaction);
  ExchangeEach("DATA\r\n", "354 Go ahead\r\n");
  script_->Begin(Direction::kFromClient);
  script_->Append("Subject: x\r\n\r\ntext\n.\nMAIL FROM:<>\r\nRCPT TO:<decoy@body.test>\r\n");
  script_->Append("DATA\r\nmore text\r\n.\r\n");
  script_->Server("250 2.0.0 Ok: queued\r\n");
  transaction.truth.final_reply = 250;
  Record(transaction, true);
}

}  // namespace backscatter::support
