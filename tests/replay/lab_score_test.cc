// How answers are joined to the truth and judged.
#include "tests/replay/lab_score.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter::replay {
namespace {

using nlohmann::json;
using ::testing::IsEmpty;
using ::testing::SizeIs;

json In(int port, const std::string& label, int code = 250) {
  return {{"dir", "in"},
          {"client", "198.51.100.1"},
          {"client_port", port},
          {"null_sender", true},
          {"cause", "c1"},
          {"rcpts", {{{"rcpt", "v@ours.test"}, {"code", code}}}},
          {"label", label},
          {"mta", "exim"},
          {"detail", json::object()}};
}

json Out(const std::string& rcpt, const std::string& label) {
  return {{"dir", "out"},
          {"client", "203.0.113.25"},
          {"server", "198.51.100.9"},
          {"mail_from", ""},
          {"qid", "q1"},
          {"rcpts", {{{"rcpt", rcpt}, {"code", 250}}}},
          {"label", label},
          {"null_sender", true},
          {"mta", "postfix"},
          {"detail", json::object()}};
}

json Got(int port, const std::string& verdict, const json& solicited = nullptr) {
  return {{"client", "198.51.100.1:" + std::to_string(port)},
          {"server", "203.0.113.25:25"},
          {"null_sender", true},
          {"recipients", json::array()},
          {"retry", verdict == "retry"},
          {"verdict", verdict == "retry" ? json() : json(verdict)},
          {"solicited", solicited},
          {"reason", nullptr},
          {"body", {{"read", "none"}}}};
}

json GotOut(const std::string& rcpt, const std::string& verdict, const std::string& reason) {
  json line = Got(1, verdict);
  line["client"] = "203.0.113.25:40000";
  line["server"] = "198.51.100.9:25";
  line["mail_from"] = "";
  line["recipients"] = {{{"address", rcpt}}};
  line["reason"] = reason;
  return line;
}

TEST(LabScore, JoinsByConnectionAndOrder) {
  const LabScore score =
      ScoreLab({In(1, "backscatter"), In(2, "mdn"), In(1, "solicited_bounce")},
               {Got(2, "mdn"), Got(1, "backscatter"), Got(1, "solicited"), Got(9, "normal")});
  EXPECT_EQ(score.right, 3);
  EXPECT_EQ(score.wrong, 0);
  EXPECT_EQ(score.left_over, 1);
  EXPECT_THAT(score.unmatched, IsEmpty());
}

TEST(LabScore, JoinsWhatGoesOutByItsEnvelope) {
  const LabScore score = ScoreLab(
      {Out("a@x.test", "emitted_accept_then_bounce"), Out("b@x.test", "callout_out"),
       Out("c@x.test", "dsn_success")},
      {GotOut("b@x.test", "emitted", "callout"), GotOut("a@x.test", "emitted", "callout")});
  EXPECT_EQ(score.right, 1);
  EXPECT_EQ(score.wrong, 1);
  EXPECT_THAT(score.unmatched, SizeIs(1));
  EXPECT_THAT(score.misses, SizeIs(1));
}

TEST(LabScore, AnotherSenderIsAnotherTransaction) {
  json other = Got(1, "backscatter");
  other["null_sender"] = false;
  const LabScore score = ScoreLab({In(1, "backscatter")}, {other});
  EXPECT_THAT(score.unmatched, SizeIs(1));
  EXPECT_EQ(score.left_over, 1);
}

TEST(LabScore, AnAutoreplyMustBeSolicitedOrNot) {
  const LabScore score = ScoreLab({In(1, "autoreply_solicited"), In(2, "autoreply_solicited"),
                                   In(3, "autoreply_unsolicited"), In(4, "autoreply_unsolicited")},
                                  {Got(1, "autoreply", true), Got(2, "autoreply", false),
                                   Got(3, "autoreply", false), Got(4, "autoreply")});
  EXPECT_EQ(score.right, 2);
  EXPECT_EQ(score.wrong, 2);
  EXPECT_EQ(score.cells.at("in autoreply_solicited").at("autoreply/unsolicited").count, 1);
}

TEST(LabScore, ARefusedEnvelopeAloneMayBeAProbe) {
  json with_body = Got(2, "null_rejected_rcpt");
  with_body["body"]["read"] = "whole";
  const LabScore score =
      ScoreLab({In(1, "backscatter_rcpt_refused", 550), In(2, "backscatter_rcpt_refused", 550),
                In(3, "backscatter")},
               {Got(1, "null_rejected_rcpt"), with_body, Got(3, "null_rejected_rcpt")});
  EXPECT_EQ(score.right, 1);
  EXPECT_EQ(score.wrong, 2);
}

TEST(LabScore, ARetryIsRightOnlyBehindADeferral) {
  EXPECT_EQ(ScoreLab({In(1, "backscatter", 450), In(2, "backscatter")},
                     {Got(1, "backscatter"), Got(2, "retry")})
                .right,
            2);
  EXPECT_EQ(ScoreLab({In(1, "backscatter"), In(2, "backscatter")},
                     {Got(1, "backscatter"), Got(2, "retry")})
                .right,
            1);
}

TEST(LabScore, EveryLineOfTheLabMeetsItsTransaction) {
  if (!std::filesystem::exists(SharedLab() / "truth.jsonl")) {
    GTEST_SKIP() << SharedLab() << " is not here";
  }
  std::string error;
  const LabScore score = ScoreLabDirectory(SharedLab(), error);
  EXPECT_EQ(error, "");
  EXPECT_THAT(score.unmatched, IsEmpty());
  EXPECT_EQ(score.right + score.wrong, 3872);
}

}  // namespace
}  // namespace backscatter::replay
