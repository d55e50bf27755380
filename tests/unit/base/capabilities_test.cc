#include "agent/base/capabilities.h"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace backscatter {
namespace {

constexpr CapabilitySet kNetAdmin = CapabilitySet::Of({Capability::kNetAdmin});

// "CapEff" and the like of every thread of this process.
bool EveryThreadHas(const std::string& key, std::uint64_t bits) {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "status");
    bool found = false;
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with(key + ":")) continue;
      found = true;
      if (std::stoull(line.substr(key.size() + 1), nullptr, 16) != bits) return false;
    }
    if (!found) return false;
  }
  return true;
}

// Runs `body` in a process of its own: what is given up does not come back.
template <typename Body>
bool InChild(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Capabilities, AllThreadsLackWhatWasGivenUp) {
  EXPECT_TRUE(InChild([] {
    if (!KeepOnlyCapabilities({}).ok()) return false;
    bool good = false;
    std::thread other([&good] {
      good = EveryThreadHas("CapEff", 0) && EveryThreadHas("CapPrm", 0) &&
             EveryThreadHas("CapInh", 0) && EveryThreadHas("CapAmb", 0) &&
             EveryThreadHas("NoNewPrivs", 1);
    });
    other.join();
    return good;
  }));
}

TEST(Capabilities, OnlyThoseThatAreNamedStay) {
  const absl::StatusOr<CapabilitySet> have = EffectiveCapabilities();
  ASSERT_TRUE(have.ok()) << have.status();
  if (!have->Has(Capability::kNetAdmin)) GTEST_SKIP() << "this test needs CAP_NET_ADMIN";
  EXPECT_TRUE(InChild([] {
    if (!KeepOnlyCapabilities(kNetAdmin).ok()) return false;
    bool good = false;
    std::thread other([&good] {
      good = EveryThreadHas("CapEff", kNetAdmin.bits()) &&
             EveryThreadHas("CapPrm", kNetAdmin.bits()) && *EffectiveCapabilities() == kNetAdmin;
    });
    other.join();
    return good;
  }));
}

TEST(Capabilities, HaveNames) {
  EXPECT_EQ(CapabilitySet().Names(), "none");
  EXPECT_EQ(kForPacketCapture.Names(), "CAP_NET_RAW");
  EXPECT_EQ(kForKernelProbes.Names(), "CAP_NET_ADMIN, CAP_PERFMON and CAP_BPF");
  EXPECT_EQ(CapabilitySet(1).Names(), "capability 0");
}

}  // namespace
}  // namespace backscatter
