// Floods that a replay finds in captures of real servers, beside what is known of them.
#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "tests/replay/replayed.h"

namespace backscatter::replay {
namespace {

using Json = nlohmann::json;

std::vector<Json> FloodsOf(const Replayed& replayed, std::string_view kind) {
  std::vector<Json> floods;
  for (const Json& flood : replayed.report["floods"]) {
    if (flood["kind"] == kind) floods.push_back(flood);
  }
  return floods;
}

const Json* TargetOf(const Json& report, const Json& address) {
  for (const Json& row : report["targets"]) {
    if (row["address"] == address) return &row;
  }
  return nullptr;
}

// The laboratory's gateway: anna is the victim of a joe job, both domains get bounces to made-up
// users, a host of ours accepts and bounces, and a loop runs.
TEST(Floods, OfTheLaboratory) {
  const std::filesystem::path capture =
      std::filesystem::path(BACKSCATTER_SOURCE_DIR) / "tests/replay/lab/gateway.pcap.gz";
  const Replayed replayed =
      Replay(capture, false, {},
             {"--set", "local.networks=[203.0.113.0/24]", "--set",
              "local.domains=[ours.test,second.test]", "--set", "sent.min_history=0s"});
  ASSERT_EQ(replayed.exit_code, 0) << replayed.errors;

  const std::vector<Json> joe_jobs = FloodsOf(replayed, "joe_job");
  ASSERT_EQ(joe_jobs.size(), 1U) << "the newsletter's bounces, of mail that was sent, are none";
  EXPECT_EQ(joe_jobs[0]["target"], "anna@ours.test");
  EXPECT_EQ(joe_jobs[0]["domain"], "ours.test");
  EXPECT_EQ(joe_jobs[0]["confidence"], "medium") << "what it is strong by is the flood itself";
  EXPECT_TRUE(joe_jobs[0]["end"].is_null()) << "it was on when the capture ended";
  const Json* const anna = TargetOf(replayed.report, "anna@ours.test");
  ASSERT_NE(anna, nullptr);
  EXPECT_LE(joe_jobs[0]["sources"], (*anna)["sources"]);
  EXPECT_LE(joe_jobs[0]["networks"], joe_jobs[0]["sources"]);
  EXPECT_EQ(joe_jobs[0]["distinct_error_bound"], 0);
  EXPECT_GT(joe_jobs[0]["example_message_ids"].size(), 0U);
  EXPECT_EQ(joe_jobs[0]["top_sources"].size(), 10U);

  const std::vector<Json> made_up = FloodsOf(replayed, "random_recipients");
  ASSERT_EQ(made_up.size(), 2U);
  for (const Json& flood : made_up) EXPECT_TRUE(flood["target"].is_null());

  const std::vector<Json> own = FloodsOf(replayed, "own_emission");
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0]["recipients"], replayed.report["emitted"]["causes"]["accept_then_bounce"]);
  EXPECT_EQ(FloodsOf(replayed, "bounce_loop").size(), 1U);
  EXPECT_EQ(replayed.report["floods"].size(), 5U);
}

// Three hundred bounces in half a second from one /24, so that each address stands for a network.
// Nothing was sent in that capture: nobody can tell, and the floods are weak.
TEST(Floods, OfTheSharedFlood) {
  const std::filesystem::path capture = SharedCaptures() / "lab__flood300_postfix.pcap";
  if (!std::filesystem::exists(capture)) GTEST_SKIP() << capture << " is not here";
  const Replayed replayed =
      Replay(capture, false, {},
             {"--set", "detection.source_prefix.v4=32", "--set", "sent.min_history=0s"});
  ASSERT_EQ(replayed.exit_code, 0) << replayed.errors;
  const std::vector<Json> joe_jobs = FloodsOf(replayed, "joe_job");
  ASSERT_EQ(joe_jobs.size(), 2U);
  for (const Json& flood : joe_jobs) {
    EXPECT_EQ(flood["confidence"], "weak");
    const Json* const target = TargetOf(replayed.report, flood["target"]);
    ASSERT_NE(target, nullptr);
    EXPECT_EQ(flood["recipients"], (*target)["verdicts"]["unknown"]);
    EXPECT_EQ(flood["sources"], (*target)["sources"]);
    EXPECT_EQ(flood["networks"], (*target)["sources"]);
  }
  const Replayed by_network = Replay(capture, false, {}, {"--set", "sent.min_history=0s"});
  EXPECT_TRUE(by_network.report["floods"].empty()) << "one network is no flood";
}

TEST(Floods, ThresholdsAreConfigured) {
  const std::filesystem::path capture =
      std::filesystem::path(BACKSCATTER_SOURCE_DIR) / "tests/replay/lab/gateway.pcap.gz";
  const std::vector<std::string> site = {"--set", "local.networks=[203.0.113.0/24]", "--set",
                                         "sent.min_history=0s"};
  const auto with = [&](const std::string& setting) {
    std::vector<std::string> options = site;
    options.insert(options.end(), {"--set", setting});
    return Replay(capture, false, {}, options);
  };
  EXPECT_TRUE(FloodsOf(with("detection.joe_job.recipients=500"), "joe_job").empty());
  EXPECT_TRUE(FloodsOf(with("detection.joe_job.networks=150"), "joe_job").empty());
  EXPECT_EQ(FloodsOf(with("detection.random_recipients.networks=70"), "random_recipients").size(),
            1U);
  EXPECT_TRUE(FloodsOf(with("detection.own_emission.transactions=500"), "own_emission").empty());
  EXPECT_TRUE(FloodsOf(with("detection.bounce_loop.recipients=50"), "bounce_loop").empty());
  EXPECT_EQ(FloodsOf(with("detection.widespread.targets=1"), "widespread").size(), 1U);
  EXPECT_EQ(with("detection.joe_job.recipient=1").exit_code, 2);
}

}  // namespace
}  // namespace backscatter::replay
