#include "agent/mail/sent_coverage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace backscatter {
namespace {

constexpr PacketTime kNow = 20'000 * kDay;

IpAddress Client(std::uint32_t number) {
  const std::uint8_t bytes[4] = {10, static_cast<std::uint8_t>(number >> 16),
                                 static_cast<std::uint8_t>(number >> 8),
                                 static_cast<std::uint8_t>(number)};
  return IpAddress::V4(bytes);
}

class SentCoverageTest : public testing::Test {
 protected:
  SentCoverage coverage_{8 * kDay, HashKey{}};
};

TEST_F(SentCoverageTest, WithoutASessionNothingIsKnown) {
  EXPECT_EQ(coverage_.Overall(kNow), 0);
  EXPECT_EQ(coverage_.Of(Client(1), kNow), 0);
}

TEST_F(SentCoverageTest, IsTheShareOfReadableSessionsOverallAndByClient) {
  for (int i = 0; i < 19; ++i) coverage_.OnSession(Client(1), true, kNow);
  coverage_.OnSession(Client(2), false, kNow);
  EXPECT_DOUBLE_EQ(coverage_.Overall(kNow), 0.95);
  EXPECT_EQ(coverage_.Of(Client(1), kNow), 1);
  EXPECT_EQ(coverage_.Of(Client(2), kNow), 0);
  EXPECT_EQ(coverage_.clients(), 2u);
}

TEST_F(SentCoverageTest, OnlyTheWindowCounts) {
  coverage_.OnSession(Client(1), false, kNow);
  coverage_.AdvanceTo(kNow + 7 * kDay - 1);
  coverage_.OnSession(Client(1), true, kNow + 7 * kDay - 1);
  EXPECT_EQ(coverage_.Overall(kNow + 7 * kDay), 0.5);
  EXPECT_EQ(coverage_.Overall(kNow + 8 * kDay), 1);  // by the time that is asked for
  coverage_.AdvanceTo(kNow + 8 * kDay);
  EXPECT_EQ(coverage_.Overall(kNow + 8 * kDay), 1);
  coverage_.AdvanceTo(kNow + 30 * kDay);
  EXPECT_EQ(coverage_.Overall(kNow + 30 * kDay), 0);
  EXPECT_EQ(coverage_.clients(), 0u);
}

TEST_F(SentCoverageTest, OneSessionFromTheFarFutureForgetsNothing) {
  coverage_.OnSession(Client(1), true, kNow);
  coverage_.OnSession(Client(1), false, kNow + 900 * kDay);
  EXPECT_EQ(coverage_.Overall(kNow), 0.5);
  coverage_.OnSession(Client(1), false, kNow - 9 * kDay);
  EXPECT_EQ(coverage_.too_old(), 1u);
}

TEST_F(SentCoverageTest, TheTableOfClientsIsBoundedAndTheRestStillCounts) {
  for (std::uint32_t i = 0; i < 1500; ++i) coverage_.OnSession(Client(i), true, kNow);
  EXPECT_EQ(coverage_.clients(), SentCoverage::kMaxClients);
  EXPECT_EQ(coverage_.sessions_without_client(), 1500 - SentCoverage::kMaxClients);
  EXPECT_EQ(coverage_.OverallCounts(kNow).all, 1500u);
  EXPECT_EQ(coverage_.Of(Client(1400), kNow), 0);
  coverage_.AdvanceTo(kNow + 8 * kDay);  // room again
  coverage_.OnSession(Client(1400), true, kNow + 8 * kDay);
  EXPECT_EQ(coverage_.Of(Client(1400), kNow + 8 * kDay), 1);
}

TEST_F(SentCoverageTest, ItsRowsGiveTheSameCoverageAgain) {
  for (int day = 0; day < 12; ++day) {
    coverage_.OnSession(Client(1), day % 2 == 0, kNow + day * kDay);
    coverage_.OnSession(Client(2), true, kNow + day * kDay);
  }
  const PacketTime now = kNow + 11 * kDay;
  SentCoverage copy(8 * kDay, HashKey{});
  copy.RestoreClock(*coverage_.newest_slice_start());
  for (const SentCoverage::Row& row : coverage_.Rows()) EXPECT_TRUE(copy.Restore(row));
  EXPECT_EQ(copy.Overall(now), coverage_.Overall(now));
  EXPECT_EQ(copy.Overall(now), 0.75);
  EXPECT_EQ(copy.Of(Client(1), now), 0.5);
  EXPECT_FALSE(copy.Restore({std::nullopt, now, {2, 1}}));
  EXPECT_FALSE(copy.Restore({std::nullopt, now + kDay, {1, 1}}));
}

}  // namespace
}  // namespace backscatter
