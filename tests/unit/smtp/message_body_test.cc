// What the reader of a message gets of a dialogue: its content, all of it, and nothing else.
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/smtp/session_runner.h"

namespace backscatter {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Keeps each message as it was read; lost octets are a '~'.
class Recorder : public BodyReaders {
 public:
  BodyReaderPtr Open(const BodyRequest& request) override {
    asked.push_back(request.null_sender ? "<>" : std::string(request.mail_from));
    last = request;
    last.mail_from = {};
    if (!wanted) return nullptr;
    return BodyReaderPtr(new Reader(this));
  }

  std::vector<std::string> asked;
  BodyRequest last;
  bool wanted = true;
  int alive = 0;
  int with_facts = 0;

 private:
  class Reader : public BodyReader {
   public:
    explicit Reader(Recorder* recorder) : recorder_(recorder) { ++recorder_->alive; }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() override { --recorder_->alive; }
    void Read(std::string_view octets) override {
      EXPECT_FALSE(finished_);
      EXPECT_FALSE(octets.empty());
      facts_.subject.append(octets);
    }
    void OnGap() override {
      EXPECT_FALSE(finished_);
      facts_.has_gap = true;
      facts_.subject += '~';
    }
    const MessageFacts& Finish(bool ended) override {
      if (!finished_) ++recorder_->with_facts;
      finished_ = true;
      facts_.read = ended ? BodyRead::kWhole : BodyRead::kHead;
      return facts_;
    }

   private:
    Recorder* recorder_;
    MessageFacts facts_;
    bool finished_ = false;
  };
};

class BodyRunner : private Recorder, public SessionRunner {
 public:
  BodyRunner() : SessionRunner({}, static_cast<Recorder*>(this)) {}

  BodyRunner& Greet() {
    S("220 mx ESMTP\r\n").C("EHLO out.test\r\n").S("250-mx\r\n250 CHUNKING\r\n");
    return *this;
  }
  BodyRunner& Data() {
    Greet().C("MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\n").S("250 ok\r\n250 ok\r\n");
    C("DATA\r\n").S("354 go\r\n");
    return *this;
  }
  BodyRunner& WantNone() {
    wanted = false;
    return *this;
  }
  // The content that each transaction came with: "+" in front where its end was seen, "-" where
  // not; "none" without facts.
  const std::vector<std::string>& bodies() const { return bodies_; }
  const std::vector<std::string>& opened() const { return asked; }
  const BodyRequest& last_request() const { return last; }
  int readers_alive() const { return alive; }
  int readers_with_facts() const { return with_facts; }

  const std::vector<std::string>& foretold() const { return foretold_; }

  void Foretell(const Transaction& t) override {
    ASSERT_NE(t.facts, nullptr);
    foretold_.push_back(t.facts->subject + " for " + std::to_string(t.recipients.size()));
  }
  void OnTransaction(const Transaction& t) override {
    SessionRunner::OnTransaction(t);
    if (t.facts == nullptr) {
      EXPECT_EQ(t.body_read, BodyRead::kNone);
      bodies_.push_back("none");
      return;
    }
    EXPECT_EQ(t.body_read, t.facts->read);
    bodies_.push_back((t.body_read == BodyRead::kWhole ? "+" : "-") + t.facts->subject);
  }

 private:
  std::vector<std::string> bodies_;
  std::vector<std::string> foretold_;
};

constexpr const char* kMail = "MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\n";
constexpr const char* kOkOk = "250 ok\r\n250 ok\r\n";

TEST(MessageBodyTest, DotStuffingIsUndoneHoweverTheBodyIsCut) {
  const std::string sent = "..a\r\n...\r\nb.\r\n.\rc\r\n..\r\n.\r\r\rd\r\n\r\n\n..e\n.\r\n";
  const std::string wire = sent.substr(0, sent.size() - 3) + "\r\n.\r\n";
  const std::string content = ".a\r\n..\r\nb.\r\n\rc\r\n.\r\n\r\r\rd\r\n\r\n\n.e\n\r\n";
  for (std::size_t i = 0; i <= wire.size(); ++i) {
    for (std::size_t j = i; j <= wire.size(); ++j) {
      BodyRunner run;
      run.Data();
      for (const std::string& piece : {wire.substr(0, i), wire.substr(i, j - i), wire.substr(j)}) {
        if (!piece.empty()) run.C(piece);
      }
      run.S("250 queued\r\n").Close();
      ASSERT_THAT(run.bodies(), ElementsAre("+" + content)) << i << " " << j;
      ASSERT_THAT(run.opened(), ElementsAre("a@x.test"));
    }
  }
}

TEST(MessageBodyTest, AnEmptyBodyIsWhole) {
  BodyRunner run;
  run.Data().C(".\r\n").S("250 queued\r\n");
  EXPECT_THAT(run.bodies(), ElementsAre("+"));
}

TEST(MessageBodyTest, TheReaderGoesWithItsTransaction) {
  BodyRunner run;
  run.Data().C("x\r\n");
  EXPECT_EQ(run.readers_alive(), 1);
  run.C(".\r\n").S("250 queued\r\n");
  EXPECT_EQ(run.readers_alive(), 0);
}

TEST(MessageBodyTest, FactsComeWithTheEndAndTheSinkIsToldWithTheAnswer) {
  BodyRunner run;
  run.Data().C("x\r\n");
  EXPECT_EQ(run.readers_with_facts(), 0);
  run.C(".\r\n");
  EXPECT_EQ(run.readers_with_facts(), 1);
  EXPECT_THAT(run.foretold(), IsEmpty());
  run.S("250-que");
  EXPECT_THAT(run.foretold(), ElementsAre("x\r\n for 1"));
  EXPECT_THAT(run.bodies(), IsEmpty());
  run.S("ued\r\n250 queued\r\n");
  EXPECT_THAT(run.bodies(), ElementsAre("+x\r\n"));
}

TEST(MessageBodyTest, NobodyIsAskedForAMessageThatIsNotSent) {
  BodyRunner run;
  run.Greet().C(std::string(kMail) + "DATA\r\n").S("250 ok\r\n550 no\r\n554 no\r\n").Close();
  EXPECT_THAT(run.opened(), IsEmpty());
  EXPECT_THAT(run.bodies(), ElementsAre("none"));
}

TEST(MessageBodyTest, AnUnwantedMessageIsAskedForOnce) {
  BodyRunner run;
  run.WantNone().Data().C("x\r\n.\r\n").S("250 queued\r\n");
  run.C(std::string(kMail) + "BDAT 1\r\nx").S(kOkOk).S("250 ok\r\n");
  run.C("BDAT 1\r\ny").S("250 ok\r\n").C("BDAT 0 LAST\r\n").S("250 queued\r\n").Close();
  EXPECT_THAT(run.opened(), ElementsAre("a@x.test", "<>"));
  EXPECT_THAT(run.bodies(), ElementsAre("none", "none"));
}

TEST(MessageBodyTest, TheRequestSaysWhatIsKnown) {
  for (const bool pipelined : {false, true}) {
    BodyRunner run;
    run.Greet().C("AUTH PLAIN AGEAYg==\r\n").S("235 in\r\n").C(kMail);
    if (!pipelined) run.S(kOkOk);
    run.C("BDAT 1 LAST\r\nx");
    EXPECT_THAT(run.opened(), ElementsAre("<>"));
    EXPECT_EQ(run.last_request().client.ToString(), "198.51.100.7:40000");
    EXPECT_EQ(run.last_request().server.ToString(), "192.0.2.25:25");
    EXPECT_EQ(run.last_request().source.ToString(), "198.51.100.7");
    EXPECT_TRUE(run.last_request().has_mail_from);
    EXPECT_TRUE(run.last_request().null_sender);
    EXPECT_TRUE(run.last_request().authenticated);
  }
}

TEST(MessageBodyTest, OctetsHeldBehindDataAreReadAfterItsReply) {
  BodyRunner run;
  run.Greet().C(std::string(kMail) + "DATA\r\n..x\r\n.\r\nQUIT\r\n");
  EXPECT_THAT(run.opened(), IsEmpty());
  run.S(kOkOk).S("354 go\r\n250 queued\r\n221 bye\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+.x\r\n"));
}

TEST(MessageBodyTest, TooManyHeldOctetsAreAGapBehindThem) {
  BodyRunner run;
  const std::string held(kMaxHeldText, 'x');
  run.Greet().C(kMail).S(kOkOk).C("DATA\r\n").C(held + "lost").S("354 go\r\n");
  run.C("y\r\n.\r\n").S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+" + held + "~y\r\n"));
}

TEST(MessageBodyTest, LostOctetsOfDataAreAGap) {
  BodyRunner run;
  run.Data().C("a\r\n..").CLost(10, ".b\r\n..c\r\n.\r\n").S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+a\r\n.~.b\r\n.c\r\n"));
}

TEST(MessageBodyTest, ALostStartIsAGap) {
  BodyRunner run;
  run.Greet().C(kMail).S(kOkOk).C("DATA\r\n").CLost(10, "b\r\n.\r\n");
  run.S("354 go\r\n250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+~b\r\n"));
}

TEST(MessageBodyTest, ALostEndIsSaid) {
  BodyRunner run;
  run.Data().C("a\r\n").CLost(10, "b").S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("-a\r\n~b"));
}

TEST(MessageBodyTest, ACloseInTheMiddleLeavesAHead) {
  BodyRunner run;
  run.Data().C("a\r\n.").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("-a\r\n"));
  BodyRunner chunks;
  chunks.Greet().C(kMail).S(kOkOk).C("BDAT 9 LAST\r\nabc").Close();
  EXPECT_THAT(chunks.bodies(), ElementsAre("-abc"));
  EXPECT_EQ(chunks.readers_alive(), 0);
}

TEST(MessageBodyTest, ARefusedBodyHasTheHeadThatWasSent) {
  BodyRunner run;
  run.Data().C("a\r\n").S("552 too big\r\n").C("rest\r\n.\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("-a\r\n"));
}

TEST(MessageBodyTest, ADotThatTheServerTookForTheEndIsTheEnd) {
  for (const bool split : {false, true}) {
    BodyRunner run;
    run.Data();
    split ? run.C("a\n").C(".").C("\n") : run.C("a\n.\n");
    run.S("250 queued\r\n").C("MAIL FROM:<b@x.test>\n").S("250 ok\r\n").Close();
    EXPECT_THAT(run.bodies(), ElementsAre("+a\n", "none"));
  }
}

TEST(MessageBodyTest, ADotThatTheServerDidNotTakeIsAnEmptyLine) {
  const std::string wire = "a\n.\n..b\r\nc\r\n.\r\n";
  for (std::size_t cut = 0; cut < wire.size(); ++cut) {
    BodyRunner run;
    run.Data();
    if (cut > 0) run.C(wire.substr(0, cut));
    run.C(wire.substr(cut)).S("250 queued\r\n").C("QUIT\r\n").S("221 bye\r\n").Close();
    ASSERT_THAT(run.bodies(), ElementsAre("+a\n\n.b\r\nc\r\n")) << cut;
  }
}

TEST(MessageBodyTest, ADotIsContentWhereTheClientWentOn) {
  BodyRunner run;
  run.Data().C("a\n.\nb\r\n.\r\nMAIL FROM:<b@x.test>\r\n").S("250 queued\r\n250 ok\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+a\n\nb\r\n", "none"));
}

TEST(MessageBodyTest, ADotIsContentWhereMuchFollows) {
  BodyRunner run;
  std::string rest;
  for (int i = 0; i < 5000; ++i) rest += "..twelve...\r\n";
  std::string content;
  for (int i = 0; i < 5000; ++i) content += ".twelve...\r\n";
  run.Data().C("a\n.\n");
  for (std::size_t at = 0; at < rest.size(); at += 1000) run.C(rest.substr(at, 1000));
  run.C(".\r\n").S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+a\n\n" + content));
}

TEST(MessageBodyTest, WhatStandsBehindADotAtTheCloseIsRead) {
  BodyRunner run;
  run.Data().C("a\n.\nb\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("-a\n\nb\r\n"));
}

TEST(MessageBodyTest, AGapBehindADotLeavesContentAndAGap) {
  BodyRunner run;
  run.Data().C("a\n.\nb\r\n").CLost(10, "c\r\n.\r\n").S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+a\n\nb\r\n~c\r\n"));
}

TEST(MessageBodyTest, SmuggledCommandsAreNoContent) {
  BodyRunner run;
  run.Data().C("a\n.\nMAIL FROM:<>\r\nRCPT TO:<s@v.test>\r\nDATA\r\nfake\r\n.\r\n");
  run.S("250 queued\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+a\n\n~", "+fake\r\n"));
  EXPECT_EQ(run.Count(Anomaly::kSmuggledTransaction), 1u);
}

// Nothing that comes in time tells it from a smuggled mail.
TEST(MessageBodyTest, LinesThatMayBeASmuggledMailAreAGap) {
  BodyRunner run;
  run.Data()
      .C("a\n.\nx\r\nMAIL FROM:<>\r\nfake\r\n.\r\n")
      .S("250 queued\r\n")
      .C("QUIT\r\n")
      .Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+a\n\n~"));
}

TEST(MessageBodyTest, ChunksAreReadAsTheyComeHoweverTheyAreCut) {
  const std::string wire = "BDAT 5\r\n..\r\n.BDAT 0\r\nBDAT 4 LAST\r\n\r\n.\r";
  for (const bool answered : {false, true}) {
    for (std::size_t cut = 0; cut < wire.size(); ++cut) {
      BodyRunner run;
      run.Greet().C(kMail);
      if (answered) run.S(kOkOk);
      if (cut > 0) run.C(wire.substr(0, cut));
      run.C(wire.substr(cut));
      if (!answered) run.S(kOkOk);
      run.S("250 ok\r\n250 ok\r\n250 queued\r\n");
      ASSERT_THAT(run.bodies(), ElementsAre("+..\r\n.\r\n.\r")) << cut;
      ASSERT_THAT(run.opened(), ElementsAre("<>"));
      ASSERT_EQ(run.readers_alive(), 0);
    }
  }
}

TEST(MessageBodyTest, ChunksThatAreAnsweredOneByOneAreOneMessage) {
  BodyRunner run;
  run.Greet().C(kMail).S(kOkOk).C("BDAT 2\r\nab").S("250 ok\r\n").C("NOOP\r\n").S("250 ok\r\n");
  run.C("BDAT 2\r\ncd").S("250 ok\r\n").C("BDAT 0 LAST\r\n").S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+abcd"));
  EXPECT_THAT(run.opened(), ElementsAre("<>"));
}

// Exim sends its whole report though every recipient was refused.
TEST(MessageBodyTest, TheBodyOfARefusedMessageInChunksIsRead) {
  for (const bool pipelined : {false, true}) {
    BodyRunner run;
    run.Greet().C(kMail);
    if (!pipelined) run.S("250 ok\r\n550 5.1.1 no\r\n");
    run.C("BDAT 6 LAST\r\nreport");
    if (pipelined) run.S("250 ok\r\n550 5.1.1 no\r\n");
    run.S("554 no valid recipients\r\n").Close();
    EXPECT_THAT(run.bodies(), ElementsAre("+report"));
    EXPECT_THAT(run.Lines(), ElementsAre("<> 250 v@v.test=550 BDAT 554 rejected"));
  }
}

TEST(MessageBodyTest, AChunkThatIsRefusedEarlyHasAHead) {
  BodyRunner run;
  run.Greet().C(kMail).S(kOkOk).C("BDAT 6 LAST\r\nabc").S("552 too big\r\n").C("def").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("-abc"));
}

TEST(MessageBodyTest, TwoMessagesMayBeInFlight) {
  BodyRunner run;
  run.Greet().C("MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\nBDAT 3 LAST\r\none" +
                std::string(kMail) + "BDAT 2\r\ntwBDAT 1 LAST\r\no");
  EXPECT_EQ(run.readers_alive(), 2);
  run.S(kOkOk).S("250 queued\r\n").S(kOkOk).S("250 ok\r\n250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+one", "+two"));
  EXPECT_THAT(run.opened(), ElementsAre("a@x.test", "<>"));
}

TEST(MessageBodyTest, ANestedMailThatIsRefusedLeavesAGap) {
  BodyRunner run;
  run.Greet().C("MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\n").S(kOkOk);
  run.C("BDAT 2\r\nab").S("250 ok\r\n").C("MAIL FROM:<b@x.test>\r\nBDAT 2 LAST\r\ncd");
  run.S("503 nested\r\n250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("none", "-ab~"));
  EXPECT_EQ(run.readers_alive(), 0);
}

TEST(MessageBodyTest, ARefusedNestedMailThatIsKnownChangesNothing) {
  BodyRunner run;
  run.Greet().C("MAIL FROM:<a@x.test>\r\nRCPT TO:<v@v.test>\r\n").S(kOkOk);
  run.C("BDAT 2\r\nab").S("250 ok\r\n").C("MAIL FROM:<b@x.test>\r\n").S("503 nested\r\n");
  run.C("BDAT 2 LAST\r\ncd").S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("none", "+abcd"));
  EXPECT_THAT(run.opened(), ElementsAre("a@x.test"));
}

TEST(MessageBodyTest, RsetDropsTheMessage) {
  BodyRunner run;
  run.Greet().C(std::string(kMail) + "BDAT 2\r\nabRSET\r\nBDAT 2 LAST\r\nxx" + kMail +
                "BDAT 2 LAST\r\ncd");
  run.S(kOkOk).S("250 ok\r\n250 reset\r\n503 no mail\r\n").S(kOkOk).S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("-ab", "+cd"));
  EXPECT_THAT(run.opened(), ElementsAre("<>", "<>"));
}

TEST(MessageBodyTest, LostOctetsOfAChunkAreAGap) {
  BodyRunner run;
  run.Greet().C(kMail).S(kOkOk).C("BDAT 20 LAST\r\nabc").CLost(14, "def").S("250 queued\r\n");
  run.C(kMail).S(kOkOk).C("BDAT 9 LAST\r\nabc").CLost(6).S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+abc~def", "+abc~"));
}

TEST(MessageBodyTest, AGapBeyondAChunkLeavesAHead) {
  BodyRunner run;
  run.Greet().C(kMail).S(kOkOk).C("BDAT 9 LAST\r\nabc").CLost(40, "zzz").S("250 queued\r\n");
  EXPECT_THAT(run.bodies(), ElementsAre("-abc~"));
  EXPECT_EQ(run.readers_alive(), 0);
}

TEST(MessageBodyTest, ALostChunkIsAGapOfTheMessageAroundIt) {
  BodyRunner run;
  run.Greet().C(kMail).S(kOkOk).C("BDAT 3\r\nabc").S("250 ok\r\n").CLost(20).S("250 ok\r\n");
  run.C("BDAT 3 LAST\r\nghi").S("250 queued\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+abc~ghi"));
}

TEST(MessageBodyTest, NothingIsKeptOfCommandsThatWereGivenUp) {
  BodyRunner run;
  run.Greet();
  for (std::size_t i = 0; i < kMaxPending; ++i) run.C(std::string(kMail) + "BDAT 1 LAST\r\nx");
  EXPECT_LE(run.readers_alive(), static_cast<int>(kMaxPending / 3 + 1));
  run.Close();
  EXPECT_EQ(run.readers_alive(), 0);
  EXPECT_EQ(run.bodies(), std::vector<std::string>(kMaxPending, "+x"));
}

TEST(MessageBodyTest, LmtpHasOneMessageForItsManyReplies) {
  BodyRunner run;
  run.S("220 mx\r\n").C("LHLO out.test\r\n").S("250 mx\r\n");
  run.C("MAIL FROM:<>\r\nRCPT TO:<v@v.test>\r\nRCPT TO:<w@v.test>\r\nBDAT 3 LAST\r\nabc");
  run.S("250 ok\r\n250 ok\r\n250 ok\r\n250 queued\r\n552 full\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+abc"));
}

TEST(MessageBodyTest, BodiesAreReadWithoutAServer) {
  BodyRunner run;
  run.ClientOnly().C("EHLO out.test\r\n").C(kMail).C("DATA\r\n").C("..a\n").C(".\n");
  run.C(kMail).C("BDAT 4\r\nab").C("cd").C("BDAT 4 LAST\r\nef").C("gh").C("QUIT\r\n").Close();
  EXPECT_THAT(run.bodies(), ElementsAre("+.a\n", "+abcdefgh"));
  EXPECT_THAT(run.opened(), ElementsAre("<>", "<>"));
}

}  // namespace
}  // namespace backscatter
