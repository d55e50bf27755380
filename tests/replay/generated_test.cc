// The generator's profiles through the whole program: every total, target and source exact.
// BACKSCATTER_FULL_PROFILES=1 in the environment runs them in full size.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

#include "tests/replay/replayed.h"
#include "tests/replay/run_program.h"
#include "tests/support/generator.h"

namespace backscatter::replay {
namespace {

using nlohmann::json;
using support::Profile;

struct Generated {
  const char* profile;
  std::uint32_t sessions;
  std::uint32_t lone_syns;
  std::uint64_t seed;
};

void PrintTo(const Generated& generated, std::ostream* out) {
  *out << generated.profile << " with " << generated.sessions << " sessions";
}

std::string CaseName(const testing::TestParamInfo<Generated>& info) {
  std::string name = std::string(info.param.profile) + "_seed_" + std::to_string(info.param.seed);
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

void ExpectSameFields(const json& wanted, const json& got, const std::string& what) {
  for (const auto& [key, value] : wanted.items()) {
    EXPECT_EQ(got[key], value) << what << "." << key;
  }
}

// Same addresses, same counts; at most a few differences are told.
void ExpectSameTable(const json& wanted, const json& rows, const std::string& what) {
  EXPECT_EQ(rows.size(), wanted.size()) << what;
  int told = 0;
  std::size_t found = 0;
  for (const json& row : rows) {
    const auto truth = wanted.find(row["address"].get<std::string>());
    const std::string name = what + " " + row["address"].dump();
    if (truth == wanted.end()) {
      if (++told < 5) ADD_FAILURE() << name << " is in no transaction";
      continue;
    }
    ++found;
    for (const auto& [key, value] : truth->items()) {
      if (row[key] != value && ++told < 5) {
        ADD_FAILURE() << name << "." << key << " is " << row[key] << ", true is " << value;
      }
    }
  }
  EXPECT_EQ(found, wanted.size()) << what << " not reported";
  EXPECT_EQ(told, 0) << "differences in " << what;
}

class GeneratedProfile : public testing::TestWithParam<Generated> {};
INSTANTIATE_TEST_SUITE_P(
    Replay, GeneratedProfile,
    testing::Values(Generated{"small", 400, 40, 1}, Generated{"small", 400, 40, 2},
                    Generated{"small", 400, 40, 3}, Generated{"small", 400, 40, 4},
                    Generated{"small", 1'500, 40, 5}, Generated{"bodies", 150, 0, 1},
                    Generated{"envelopes", 4'000, 0, 1}, Generated{"bounces", 1'000, 0, 1},
                    Generated{"half-open", 300, 20'000, 1}, Generated{"open", 3'000, 0, 1}),
    CaseName);

TEST_P(GeneratedProfile, EveryCountIsExact) {
  Profile profile = *support::FindProfile(GetParam().profile);
  if (std::getenv("BACKSCATTER_FULL_PROFILES") == nullptr) {
    profile.sessions = GetParam().sessions;
    profile.lone_syns = GetParam().lone_syns;
  }
  const ScratchDirectory scratch;
  const std::string capture = scratch.File("generated.pcap");
  support::PcapWriter writer(capture, profile.unit);
  support::Truth counted;
  support::Generate(profile, GetParam().seed, writer, counted);
  ASSERT_TRUE(writer.Finish());
  const json truth = json::parse(counted.ToJson(), nullptr, false);
  ASSERT_TRUE(truth.is_object());
  const Replayed replayed = Replay(capture, false);
  ASSERT_EQ(replayed.exit_code, 0) << replayed.errors;
  const json& report = replayed.report;
  ASSERT_TRUE(report.is_object()) << replayed.errors;
  EXPECT_EQ(report["captures"].at(0)["packets"], writer.packets());
  ExpectSameFields(truth["sessions"], report["sessions"], "sessions");
  ExpectSameFields(truth["transactions"], report["transactions"], "transactions");
  EXPECT_EQ(report["recipients"], truth["recipients"]);
  ExpectSameTable(truth["targets"], report["targets"], "targets");
  ExpectSameTable(truth["sources"], report["sources"], "sources");
  EXPECT_EQ(report["exact"]["targets"], true);
  EXPECT_EQ(report["exact"]["sources"], true);
}

}  // namespace
}  // namespace backscatter::replay
