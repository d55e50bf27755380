#include "tests/support/generator.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "gtest/gtest.h"

#include "tests/unit/support/capture_reader.h"

namespace backscatter::support {
namespace {

struct Generated {
  std::string pcap;
  Truth truth;
};

Generated Make(std::string_view name, std::uint32_t sessions, std::uint64_t seed = 7) {
  Profile profile = *FindProfile(name);
  profile.sessions = sessions;
  profile.lone_syns = std::min(profile.lone_syns, 2 * sessions);
  PcapWriter writer("", profile.unit);
  Generated generated;
  Generate(profile, seed, writer, generated.truth);
  generated.pcap = writer.contents();
  return generated;
}

class EveryProfile : public testing::TestWithParam<const char*> {};
std::string ProfileName(const testing::TestParamInfo<const char*>& case_info) {
  std::string name = case_info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Generator, EveryProfile,
                         testing::Values("bodies", "envelopes", "bounces", "half-open", "small",
                                         "open"),
                         ProfileName);

TEST_P(EveryProfile, GivesTheSameBytesAndTruthForTheSameSeed) {
  const Generated a = Make(GetParam(), 60);
  const Generated b = Make(GetParam(), 60);
  EXPECT_TRUE(a.pcap == b.pcap);
  EXPECT_EQ(a.truth.ToJson(), b.truth.ToJson());
  EXPECT_FALSE(a.pcap == Make(GetParam(), 60, 8).pcap);
}

// FNV-1a. The figure changes only where somebody means to change the traffic.
TEST(Generator, GivesTheSameBytesOnEveryMachineAndWithEveryCompiler) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : Make("small", 100, 1).pcap) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  }
  EXPECT_EQ(hash, 16248351097020660458u);
}

TEST_P(EveryProfile, WritesWholeFramesInTimeOrderWithRightChecksums) {
  const auto segments = ReadPcap(Make(GetParam(), 60).pcap);
  ASSERT_FALSE(segments.empty());
  std::int64_t last = 0;
  for (const ReadSegment& segment : segments) {
    ASSERT_TRUE(segment.ip_checksum_right);
    ASSERT_TRUE(segment.tcp_checksum_right);
    ASSERT_GE(segment.at, last);
    last = segment.at;
  }
}

TEST_P(EveryProfile, SequenceNumbersPutEverySessionTogether) {
  const Generated generated = Make(GetParam(), 120);
  const auto connections = Connections(ReadPcap(generated.pcap));
  EXPECT_EQ(connections.size(), generated.truth.sessions());
  std::uint64_t with_gaps = 0;
  for (const ReadConnection& connection : connections) {
    EXPECT_TRUE(connection.acknowledgments_causal);
    EXPECT_EQ(connection.missing % 4, 0u);  // whole segments of 1448 or 1428
    if (!connection.covered) ++with_gaps;
  }
  EXPECT_EQ(with_gaps, generated.truth.with_gaps());
}

TEST_P(EveryProfile, TruthAddsUp) {
  const Truth truth = Make(GetParam(), 300).truth;
  EXPECT_EQ(truth.sessions(), 300u);
  std::uint64_t outcomes = 0;
  for (const TrueOutcome outcome : {TrueOutcome::kAccepted, TrueOutcome::kRejected,
                                    TrueOutcome::kAborted, TrueOutcome::kUnfinished}) {
    outcomes += truth.outcome(outcome);
  }
  EXPECT_EQ(outcomes, truth.transactions());
  EXPECT_LE(truth.null_recipients(), truth.recipients());
  for (const auto* table : {&truth.targets(), &truth.sources()}) {
    std::uint64_t recipients = 0;
    for (const RecipientCounts& counts : *table) {
      EXPECT_EQ(counts.accepted + counts.deferred + counts.refused + counts.unknown,
                counts.recipients);
      EXPECT_LE(counts.delivered, counts.accepted);
      EXPECT_LE(counts.others, counts.recipients);
      recipients += counts.recipients;
    }
    EXPECT_EQ(recipients, truth.null_recipients());
  }
}

// Counts commands the slow way: without bodies in the text, any line that begins with MAIL counts.
std::uint64_t CountLines(const std::string& stream, std::string_view verb) {
  std::uint64_t count = 0;
  std::size_t begin = 0;
  while (begin < stream.size()) {
    std::string line = stream.substr(begin, verb.size());
    for (char& c : line) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    if (line == verb) ++count;
    const std::size_t end = stream.find('\n', begin);
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return count;
}

TEST(Generator, TruthCountsTheCommandsOnTheWireWhereThereAreNoBodies) {
  Profile profile = *FindProfile("small");
  profile.weights = SessionWeights{};
  profile.weights.mail = 0;
  profile.weights.callout = 1000;
  PcapWriter writer("", profile.unit);
  Truth truth;
  Generate(profile, 3, writer, truth);
  std::uint64_t mails = 0;
  std::uint64_t recipients = 0;
  for (const ReadConnection& connection : Connections(ReadPcap(writer.contents()))) {
    mails += CountLines(connection.client_stream, "MAIL FROM:<>");
    recipients += CountLines(connection.client_stream, "RCPT TO:<");
  }
  EXPECT_EQ(mails, truth.null_senders());
  EXPECT_EQ(recipients, truth.null_recipients());
}

TEST(Generator, BodiesHoldDecoysThatTruthDoesNotCount) {
  const Generated generated = Make("small", 300);
  std::uint64_t decoys = 0;
  for (const ReadConnection& connection : Connections(ReadPcap(generated.pcap))) {
    decoys += CountLines(connection.client_stream, "RCPT TO:<DECOY@BODY.TEST>");
  }
  EXPECT_GT(decoys, 20u);
  EXPECT_EQ(generated.truth.ToJson().find("decoy"), std::string::npos);
}

TEST(Generator, SmallShowsEverythingOdd) {
  const Generated generated = Make("small", 2500, 1);
  const Truth& truth = generated.truth;
  EXPECT_GT(truth.encrypted(), 0u);
  EXPECT_GT(truth.with_gaps(), 0u);
  for (const TrueOutcome outcome : {TrueOutcome::kAccepted, TrueOutcome::kRejected,
                                    TrueOutcome::kAborted, TrueOutcome::kUnfinished}) {
    EXPECT_GT(truth.outcome(outcome), 0u);
  }
  std::set<std::size_t> families;
  std::set<std::tuple<std::string, std::uint16_t, std::string, std::uint16_t>> tuples;
  const auto connections = Connections(ReadPcap(generated.pcap));
  std::string commands;
  for (const ReadConnection& connection : connections) {
    const ReadSegment& syn = connection.segments.front();
    families.insert(syn.source.size());
    tuples.insert({syn.source, syn.source_port, syn.destination, syn.destination_port});
    commands += connection.client_stream;
  }
  EXPECT_EQ(families.size(), 2u);
  EXPECT_LT(tuples.size(), connections.size());  // some ports are used again
  for (const char* piece : {"prvs=", "PRVS=", "btv1==", "msprvs1=", "SRS0=", "<@relay1.test,",
                            "STARTTLS", "BDAT ", "RSET", "MAIL FROM:<\"\">"}) {
    EXPECT_NE(commands.find(piece), std::string::npos) << piece;
  }
}

TEST(Generator, HalfOpenSynsAllComeFromDistinctAddresses) {
  std::map<std::string, std::uint64_t> payloads;
  for (const ReadSegment& segment : ReadPcap(Make("half-open", 100).pcap)) {
    if (segment.destination_port == 25) payloads[segment.source] += segment.payload.size();
  }
  const auto silent = std::count_if(payloads.begin(), payloads.end(),
                                    [](const auto& entry) { return entry.second == 0; });
  EXPECT_EQ(silent, 200);
}

}  // namespace
}  // namespace backscatter::support
