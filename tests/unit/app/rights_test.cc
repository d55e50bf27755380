#include "agent/app/rights.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

using testing::HasSubstr;

constexpr CapabilitySet kNetAdmin = CapabilitySet::Of({Capability::kNetAdmin});

TEST(Rights, WhatIsMissingIsNamedWithWhatStillWorks) {
  EXPECT_EQ(MissingRights("bpf", kForKernelProbes), "");
  EXPECT_EQ(MissingRights("auto", kForPacketCapture), "") << "it takes the other way";
  EXPECT_EQ(MissingRights("pcap", kForPacketCapture), "");
  EXPECT_THAT(MissingRights("bpf", kForPacketCapture),
              testing::AllOf(HasSubstr("CAP_NET_ADMIN, CAP_PERFMON and CAP_BPF are missing"),
                             HasSubstr("--source pcap")));
  EXPECT_THAT(MissingRights("auto", {}),
              testing::AllOf(HasSubstr("CAP_NET_RAW alone would do"), HasSubstr("setcap")));
  EXPECT_THAT(MissingRights("pcap", kForKernelProbes),
              testing::AllOf(HasSubstr("CAP_NET_RAW is missing"), HasSubstr("--source bpf")));
  EXPECT_THAT(MissingRights("bpf", kForKernelProbes - kNetAdmin),
              HasSubstr("CAP_NET_ADMIN is missing"));
}

TEST(Rights, WithAListOfInterfacesNothingIsKept) {
  EXPECT_TRUE(RightsToKeep("bpf", false).empty());
  EXPECT_TRUE(RightsToKeep("pcap", false).empty());
  EXPECT_EQ(RightsToKeep("bpf", true), kForKernelProbes);
  EXPECT_EQ(RightsToKeep("pcap", true), kForPacketCapture);
}

}  // namespace
}  // namespace backscatter
