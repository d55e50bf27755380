#include "agent/source/interface_watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/network_namespace.h"

namespace backscatter {
namespace {

using support::InNamespace;
using support::NetworkNamespace;
using testing::ElementsAre;
using testing::IsSupersetOf;

class InterfaceWatcherTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    ours_ = NetworkNamespace::Make(why);
    if (!ours_) GTEST_SKIP() << why;
    const InNamespace in(ours_->fd());
    absl::StatusOr<std::unique_ptr<InterfaceWatcher>> watcher = InterfaceWatcher::Open();
    ASSERT_TRUE(watcher.ok()) << watcher.status();
    watcher_ = *std::move(watcher);
  }

  // The dump socket is opened by Poll, so that must be in the namespace too.
  bool Poll() {
    const InNamespace in(ours_->fd());
    const absl::StatusOr<bool> changed = watcher_->Poll();
    EXPECT_TRUE(changed.ok()) << changed.status();
    return changed.ok() && *changed;
  }
  const HostInterface* Find(std::string_view name) const {
    const auto& list = watcher_->interfaces();
    const auto found = std::ranges::find(list, name, &HostInterface::name);
    return found == list.end() ? nullptr : &*found;
  }
  bool Readable() const {
    pollfd poller{.fd = watcher_->fd(), .events = POLLIN, .revents = 0};
    return poll(&poller, 1, 0) == 1;
  }

  std::optional<NetworkNamespace> ours_;
  std::unique_ptr<InterfaceWatcher> watcher_;
};

TEST_F(InterfaceWatcherTest, TheFirstListIsThereAtOnce) {
  const HostInterface* const lo = Find("lo");
  ASSERT_NE(lo, nullptr);
  EXPECT_TRUE(lo->up);
  EXPECT_TRUE(lo->loopback);
  EXPECT_EQ(lo->kind, LinkKind::kEthernet);
  EXPECT_THAT(lo->addresses, ElementsAre(*IpAddress::Parse("::1"), *IpAddress::Parse("127.0.0.1")));
  EXPECT_FALSE(Poll());
}

TEST_F(InterfaceWatcherTest, NewAndGoneInterfacesAndTheirStateAreSeen) {
  ASSERT_TRUE(ours_->Ip("link add v0 type veth peer name v1"));
  EXPECT_TRUE(Readable());
  EXPECT_TRUE(Poll());
  ASSERT_NE(Find("v0"), nullptr);
  EXPECT_FALSE(Find("v0")->up);
  EXPECT_FALSE(Find("v0")->loopback);
  EXPECT_EQ(Find("v0")->kind, LinkKind::kEthernet);
  EXPECT_FALSE(Poll()) << "nothing happened since";

  ASSERT_TRUE(ours_->Ip("link set v0 up"));
  EXPECT_TRUE(Poll());
  EXPECT_TRUE(Find("v0")->up);
  EXPECT_FALSE(Find("v1")->up);

  ASSERT_TRUE(ours_->Ip("link del v0"));
  EXPECT_TRUE(Poll());
  EXPECT_EQ(Find("v0"), nullptr);
  EXPECT_EQ(Find("v1"), nullptr);
}

TEST_F(InterfaceWatcherTest, AddressesOfBothFamiliesComeAndGo) {
  ASSERT_TRUE(ours_->Ip("link add v0 type veth peer name v1"));
  ASSERT_TRUE(ours_->Ip("link set v0 up"));
  ASSERT_TRUE(ours_->Ip("addr add 192.0.2.7/24 dev v0"));
  ASSERT_TRUE(ours_->Ip("addr add 2001:db8::7/64 dev v0 nodad"));
  EXPECT_TRUE(Poll());
  EXPECT_THAT(Find("v0")->addresses,
              IsSupersetOf({*IpAddress::Parse("192.0.2.7"), *IpAddress::Parse("2001:db8::7")}));
  ASSERT_TRUE(ours_->Ip("addr del 192.0.2.7/24 dev v0"));
  EXPECT_TRUE(Poll());
  EXPECT_THAT(Find("v0")->addresses,
              testing::Not(testing::Contains(*IpAddress::Parse("192.0.2.7"))));
}

TEST_F(InterfaceWatcherTest, OfAPointToPointLinkTheAddressIsOursNotThePeers) {
  ASSERT_TRUE(ours_->Ip("link add v0 type veth peer name v1"));
  ASSERT_TRUE(ours_->Ip("addr add 192.0.2.7 peer 192.0.2.8 dev v0"));
  EXPECT_TRUE(Poll());
  EXPECT_THAT(Find("v0")->addresses, ElementsAre(*IpAddress::Parse("192.0.2.7")));
}

TEST_F(InterfaceWatcherTest, MoreChangesThanItsSocketHoldsStillGiveTheRightList) {
  constexpr int kPairs = 60;
  for (int i = 0; i < kPairs; ++i) {
    const std::string name = "a" + std::to_string(i);
    ASSERT_TRUE(ours_->Ip("link add " + name + " type veth peer name b" + std::to_string(i)));
  }
  // Flaps overrun the socket: each is a message of more than a kilobyte to nobody who reads.
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(ours_->Ip(i % 2 == 0 ? "link set group 0 up" : "link set group 0 down"));
  }
  ASSERT_TRUE(ours_->Ip("link del a7"));
  for (int i = 0; i < 20 && Poll(); ++i) {
  }
  EXPECT_EQ(watcher_->interfaces().size(), 1u + 2 * (kPairs - 1));
  EXPECT_EQ(Find("a7"), nullptr);
  EXPECT_FALSE(Readable());
}

}  // namespace
}  // namespace backscatter
