#include "agent/tcp/client_views.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "tests/unit/tcp/wire.h"

namespace backscatter::testing {
namespace {

ClientViews::View Opened(std::uint16_t port, PacketTime at, std::uint32_t start = 7) {
  return {.client = At("192.0.2.1", port),
          .server = At("198.51.100.2", 25),
          .client_start = start,
          .opened_at = at,
          .until = ClientViews::kOpen};
}

ClientViews::View* Find(ClientViews& views, const Endpoint& client, std::uint32_t start) {
  return views.Find(views.SetOf(client, start), client, start);
}

std::size_t Put(ClientViews& views, const ClientViews::View& view) {
  return views.Put(views.SetOf(view.client, view.client_start), view);
}

TEST(ClientViews, AnEntryIsFoundByItsClientAndNumberOnly) {
  Ledger ledger;
  ClientViews views(1024, {}, &ledger);
  Put(views, Opened(1000, 0));
  ASSERT_NE(Find(views, At("192.0.2.1", 1000), 7), nullptr);
  EXPECT_EQ(Find(views, At("192.0.2.1", 1000), 7)->server, At("198.51.100.2", 25));
  EXPECT_EQ(Find(views, At("192.0.2.1", 1000), 8), nullptr);
  EXPECT_EQ(Find(views, At("192.0.2.1", 1001), 7), nullptr);
  EXPECT_EQ(Find(views, At("192.0.2.2", 1000), 7), nullptr);
}

TEST(ClientViews, TheEndIsNotedAndAnEntryThatIsGoneHasNone) {
  Ledger ledger;
  ClientViews views(1024, {}, &ledger);
  const std::size_t place = Put(views, Opened(1000, 0));
  views.End(place, At("192.0.2.1", 1000), 7, 5 * kSecond);
  views.End(place, At("192.0.2.1", 1001), 7, 6 * kSecond);
  views.End(place, At("192.0.2.1", 1000), 8, 7 * kSecond);
  EXPECT_EQ(Find(views, At("192.0.2.1", 1000), 7)->until, 5 * kSecond);
}

TEST(ClientViews, TheOldestOfASetGoesAndOnlyAFreshOneIsALoss) {
  Ledger ledger;
  ClientViews views(4, {}, &ledger);  // one set
  for (std::uint16_t port = 1; port <= 4; ++port) Put(views, Opened(port, port * kSecond));
  Put(views, Opened(5, 5 * kSecond));
  EXPECT_EQ(Find(views, At("192.0.2.1", 1), 7), nullptr);
  EXPECT_NE(Find(views, At("192.0.2.1", 2), 7), nullptr);
  EXPECT_EQ(ledger.Get(Loss::kTcpViewsEvicted), 0u);
  for (std::uint16_t port = 6; port <= 8; ++port) Put(views, Opened(port, 5 * kSecond));
  EXPECT_EQ(ledger.Get(Loss::kTcpViewsEvicted), 0u);
  Put(views, Opened(9, 5 * kSecond + 1));
  EXPECT_EQ(ledger.Get(Loss::kTcpViewsEvicted), 1u);
}

// Half-open connections have no entry: a flood of them pushes nothing out.
TEST(ClientViews, AFloodOfSynsDoesNotReachThem) {
  ReassemblerOptions options;
  options.max_views = 4;
  Wire wire(options);
  Flow first;
  wire.Handshake(first);
  wire.Server(first, {.text = "220 mx\r\n"});
  for (std::uint16_t port = 1; port < 2000; ++port) {
    Flow flood;
    flood.client = At("192.0.2.9", port);
    wire.Syn(flood);
  }
  Flow second = first;
  second.server = At("172.17.0.2", 25);
  wire.Handshake(second);
  wire.Server(second, {.text = "220 mx\r\n"});
  EXPECT_EQ(wire.sink.flows.size(), 1u);
  EXPECT_EQ(wire.ledger.Get(Anomaly::kTcpSecondView), 1u);
}

}  // namespace
}  // namespace backscatter::testing
