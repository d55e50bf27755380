// What a reload changes of a running agent's configuration, and what it does not.
#include "agent/app/run_config.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/config_keys.h"
#include "agent/app/memory_plan.h"

namespace backscatter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

LoadedConfig Load(const std::vector<std::string>& sets) {
  absl::StatusOr<LoadedConfig> loaded = LoadConfig({.file = "/dev/null", .sets = sets});
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return *std::move(loaded);
}

// As `run` starts: little memory, so that the plan differs from the defaults.
LoadedConfig Planned() {
  LoadedConfig loaded = Load({"memory.max=64MiB"});
  loaded.config = PlanMemory(loaded)->config;
  return loaded;
}

std::string AnotherValue(const ConfigKey& key) {
  const std::string name(key.name);
  if (name == "source") return "pcap";
  if (name == "bpf.attach") return "tcx";
  if (name == "interfaces") return "[lo]";
  if (name == "sent.window") return "3d";
  if (name == "memory.max") return "512MiB";
  if (name == "bpf.ring_bytes") return "1MiB";
  if (name == "bpf.stats") return "true";
  if (name == "labels.top_k") return "50";
  if (name.starts_with("sent.f") || name.ends_with(".file")) return "/tmp/other";
  return name.starts_with("detection.") ? "20" : "5000";
}

TEST(RunConfig, WhatHoldsFromAStartOnStaysWithEachReload) {
  const LoadedConfig start = Planned();
  for (const ConfigKey& key : ConfigKeys()) {
    if (!key.at_start_only) continue;
    RunConfig config(start);
    const std::string name(key.name);
    const std::vector<std::string> sets = {"memory.max=64MiB", name + "=" + AnotherValue(key)};
    for (int reload = 0; reload < 2; ++reload) {
      EXPECT_THAT(config.Take(Load(sets)), ElementsAre(name)) << "told at every reload";
      EXPECT_TRUE(config.now() == start.config) << name;
    }
    EXPECT_THAT(config.Take(Load({"memory.max=64MiB"})), IsEmpty()) << "it was taken back";
  }
}

TEST(RunConfig, ADefaultThatIsWrittenDownIsNoChange) {
  RunConfig config(Planned());
  EXPECT_THAT(config.Take(Load(
                  {"memory.max=64MiB", "source=auto", "interfaces=[]", "sent.capacity=1000000"})),
              IsEmpty());
}

TEST(RunConfig, TheOthersAreTaken) {
  RunConfig config(Planned());
  EXPECT_THAT(config.Take(Load({"memory.max=64MiB", "ports=[2626]", "sampling.ratio=0.5"})),
              IsEmpty());
  EXPECT_THAT(config.now().ports, ElementsAre(2626));
  EXPECT_EQ(config.now().sampling_ratio, 0.5);
}

}  // namespace
}  // namespace backscatter
