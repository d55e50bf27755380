// Composes what an SMTP client and server say in one session, and records what is true of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/body_text.h"
#include "tests/support/prng.h"
#include "tests/support/profile.h"
#include "tests/support/session_script.h"
#include "tests/support/truth.h"

namespace backscatter::support {

enum class SessionKind : std::uint8_t {
  kMail,
  kCallout,
  kStarttls,
  kTlsRefused,
  kImplicitTls,
  kBdatInFlight,
  kTurnedAway,
  kOddity,
  kHanging,
  kStayOpen,
};

class Conversation {
 public:
  // All must outlive it.
  Conversation(const Profile& profile, const BodyText& bodies, Prng& prng, Truth& truth);

  // Overwrites `script` with a session of a client whose address is written `source`.
  // Its transactions are added to the truth; AddSession is left to the caller.
  void Compose(SessionKind kind, std::string_view source, SessionScript& script);

 private:
  struct Transaction {
    TrueTransaction truth;
    std::string mail_line;
    std::uint16_t mail_reply = 250;
    std::uint16_t data_reply = 354;
    bool bdat = false;
    bool pipelined = false;
  };

  // Pieces of dialogue. `Say` collects commands of one write, `Answer` the replies to them.
  void Say(std::string_view text);
  void Answer(std::string_view text);
  void Exchange();  // sends what was collected: one client write, then the replies
  void ExchangeEach(std::string_view command, std::string_view reply);
  void Greet(bool offer_tls = false);
  void Quit();

  Transaction Draw();
  void DrawReplies(Transaction& transaction);
  void Play(Transaction& transaction);
  void PlayEnvelope(Transaction& transaction);
  void PlayData(Transaction& transaction);
  void PlayBdat(Transaction& transaction);
  void PlayBody(const Transaction& transaction, bool dot_terminated);
  void Record(const Transaction& transaction, bool ended);

  void Mail();
  void Callout();
  void Starttls();
  void TlsRefused();
  void ImplicitTls();
  void TlsRecords();
  void BdatInFlight();
  void Hanging();
  void StayOpen();

  void Oddity();
  void OddNestedMail();
  void OddOrphanRecipient();
  void OddEhlo(bool accepted);
  void OddReset();
  void OddNullSpelling();
  void OddMailOnly();
  void OddSmuggledLook();

  std::string MailLine(bool null_sender);
  std::string RcptLine(const TrueRecipient& recipient);
  std::string Verb(std::string_view verb);
  void ComposeHead(const Transaction& transaction, std::string& head);
  void AppendReturnedHeader(const Transaction& transaction, std::string& head);

  const Profile& profile_;
  const BodyText& bodies_;
  Prng& prng_;
  Truth& truth_;
  SessionScript* script_ = nullptr;
  std::string source_;
  std::string host_;  // the client's name
  std::string said_;
  std::string head_;
  std::string tail_;
  std::string answer_;
  std::vector<std::uint32_t> answer_ends_;
  bool pipelining_ = false;
  std::uint32_t message_number_ = 0;
};

}  // namespace backscatter::support
