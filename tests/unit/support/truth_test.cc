#include "tests/support/truth.h"

#include "gtest/gtest.h"

namespace backscatter::support {
namespace {

TEST(Truth, CountsRecipientsByReplyAndDistinctPartnersOnce) {
  Truth truth;
  TrueTransaction bounce;
  bounce.null_sender = true;
  bounce.outcome = TrueOutcome::kAccepted;
  bounce.final_reply = 250;
  bounce.recipients = {{"a@x.test", "a@x.test", 250},
                       {"b@x.test", "b@x.test", 450},
                       {"a@X.test", "a@x.test", 550},
                       {"c@x.test", "c@x.test", 0}};
  truth.AddTransaction(bounce, "192.0.2.1");
  truth.AddTransaction(bounce, "192.0.2.2");
  const RecipientCounts& a = truth.targets().front();
  EXPECT_EQ(a.recipients, 4u);
  EXPECT_EQ(a.accepted, 2u);
  EXPECT_EQ(a.refused, 2u);
  EXPECT_EQ(a.delivered, 2u);
  EXPECT_EQ(a.others, 2u);
  const RecipientCounts& source = truth.sources().front();
  EXPECT_EQ(source.recipients, 4u);
  EXPECT_EQ(source.deferred, 1u);
  EXPECT_EQ(source.unknown, 1u);
  EXPECT_EQ(source.others, 3u);
}

TEST(Truth, OrdinaryMailCountsOnlyInTheTotals) {
  Truth truth;
  TrueTransaction mail;
  mail.recipients = {{"a@x.test", "a@x.test", 250}};
  truth.AddTransaction(mail, "192.0.2.1");
  truth.AddOrphanRecipient();
  EXPECT_EQ(truth.transactions(), 1u);
  EXPECT_EQ(truth.recipients(), 2u);
  EXPECT_EQ(truth.null_recipients(), 0u);
  EXPECT_TRUE(truth.targets().empty());
  EXPECT_TRUE(truth.sources().empty());
}

TEST(Truth, JsonEscapesQuotesInAddresses) {
  Truth truth;
  TrueTransaction bounce;
  bounce.null_sender = true;
  bounce.recipients = {{"\"a b\"@x.test", "\"a b\"@x.test", 250}};
  truth.AddTransaction(bounce, "192.0.2.1");
  EXPECT_NE(truth.ToJson().find(R"("\"a b\"@x.test": {"recipients": 1)"), std::string::npos);
}

}  // namespace
}  // namespace backscatter::support
