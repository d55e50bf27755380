// A gateway and a peer behind it, each in a network namespace of its own, for tests of what watches
// live traffic.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/network_namespace.h"

namespace backscatter::support {

// The pair of interfaces between them.
struct GatewayLink {
  std::string name = "mx0";
  std::string address = "10.77.0.1/24";
  std::string peer_name = "out0";
  std::string peer_address = "10.77.0.2/24";
};

// A SetUp of its own calls this one first, and goes on where `ready()`. Skips, with the reason,
// where the host allows no namespaces.
class GatewayTest : public testing::Test {
 protected:
  explicit GatewayTest(GatewayLink link = {}) : link_(std::move(link)) {}

  void SetUp() override {
    std::string why;
    gateway_ = NetworkNamespace::Make(why);
    if (gateway_) peer_ = NetworkNamespace::Make(why);
    if (!peer_) GTEST_SKIP() << why;
    ASSERT_TRUE(
        gateway_->JoinTo(*peer_, link_.name, link_.address, link_.peer_name, link_.peer_address));
  }
  bool ready() const { return peer_ && !HasFatalFailure() && !IsSkipped(); }

  const GatewayLink link_;
  std::optional<NetworkNamespace> gateway_;
  std::optional<NetworkNamespace> peer_;
};

}  // namespace backscatter::support
