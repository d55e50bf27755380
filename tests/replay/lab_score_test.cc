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

// All answers to a label, with those that `answer` begins; both directions.
int CountAnswers(const LabScore& score, std::string_view label, std::string_view answer) {
  int count = 0;
  for (const auto& [name, answers] : score.cells) {
    if (!name.ends_with(" " + std::string(label))) continue;
    for (const auto& [given, cell] : answers) {
      if (given.starts_with(answer)) count += cell.count;
    }
  }
  return count;
}

double ShareRight(const LabScore& score, std::string_view label) {
  double right = 0;
  double count = 0;
  for (const auto& [name, answers] : score.cells) {
    if (!name.ends_with(" " + std::string(label))) continue;
    for (const auto& [given, cell] : answers) {
      right += cell.right;
      count += cell.count;
    }
  }
  return count > 0 ? right / count : 0;
}

TEST(LabScore, TheLabIsJudgedRight) {
  std::string error;
  const LabScore score = ScoreLabDirectory(Lab(), error);
  EXPECT_EQ(error, "");
  EXPECT_THAT(score.unmatched, IsEmpty());
  EXPECT_EQ(score.left_over, 0);
  EXPECT_EQ(score.right + score.wrong, 3872);
  for (const char* label :
       {"normal_in", "normal_out", "backscatter", "backscatter_rcpt_refused", "solicited_bounce",
        "callout_probe", "double_bounce_probe", "dsn_success", "autoreply_solicited",
        "autoreply_unsolicited", "challenge_response_solicited", "challenge_response_unsolicited",
        "mdn", "report", "emitted_accept_then_bounce", "callout_out", "bounce_loop"}) {
    EXPECT_GE(ShareRight(score, label), 0.97) << label << "\n" << LabScoreText(score);
  }
  // The two that must never be mixed up.
  EXPECT_EQ(CountAnswers(score, "solicited_bounce", "backscatter"), 0);
  EXPECT_EQ(CountAnswers(score, "backscatter", "solicited"), 0);
  EXPECT_EQ(CountAnswers(score, "backscatter_rcpt_refused", "solicited"), 0);
  // Spam dressed as a bounce that returns nothing cannot be told from a poor bounce.
  EXPECT_LE(score.wrong, 8) << testing::PrintToString(score.misses);
}

}  // namespace
}  // namespace backscatter::replay
