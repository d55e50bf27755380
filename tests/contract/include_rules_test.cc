#include "tests/contract/include_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/contract/source_tree.h"

namespace backscatter::contract {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// The made-up lines are built here, so that the walk over the tree does not take them for real.
std::string Including(std::string_view header) {
  return "#include \"" + std::string(header) + "\"\n";
}
std::string IncludingLibrary(std::string_view header) {
  return "  #  include <" + std::string(header) + ">  // why\n";
}

TEST(IncludeRules, TheTreeHasNoEdgeAgainstTheOrder) {
  int checked = 0;
  for (const SourceFile& file : ReadTree()) {
    if (!IsCpp(file.path) || RoomOf(file.path).empty()) continue;
    ++checked;
    EXPECT_THAT(CheckIncludes(file.path, file.text), IsEmpty());
  }
  EXPECT_GT(checked, 20) << "the walk over the tree found next to nothing";
}

TEST(IncludeRules, NoRoomLinksToARoomThatItMustNotSee) {
  int checked = 0;
  for (const SourceFile& file : ReadTree()) {
    if (!file.path.ends_with("/CMakeLists.txt") || RoomOf(file.path).empty()) continue;
    ++checked;
    EXPECT_THAT(CheckLinks(file.path, file.text), IsEmpty());
  }
  EXPECT_GT(checked, 5);
}

TEST(IncludeRules, AnUpwardEdgeIsAFault) {
  EXPECT_THAT(CheckIncludes("agent/base/a.h", Including("agent/net/packet.h")),
              ElementsAre(HasSubstr("room 'base' must not see room 'net'")));
  EXPECT_THAT(CheckIncludes("agent/mail/a.cc", Including("agent/report/tally.h")), SizeIs(1));
  EXPECT_THAT(CheckIncludes("agent/report/a.cc", Including("exporters/json.h")), SizeIs(1));
  EXPECT_THAT(CheckIncludes("exporters/a.cc", Including("agent/app/replay.h")), SizeIs(1));
  EXPECT_THAT(CheckIncludes("agent/app/a.cc", Including("tests/support/prng.h")), SizeIs(1));
  EXPECT_THAT(CheckIncludes("agent/net/a.cc", IncludingLibrary("agent/smtp/path.h")), SizeIs(1));
}

TEST(IncludeRules, ADownwardEdgeIsNone) {
  EXPECT_THAT(CheckIncludes("agent/net/a.h", Including("agent/base/ledger.h")), IsEmpty());
  EXPECT_THAT(CheckIncludes("agent/mail/a.h", Including("agent/smtp/path.h")), IsEmpty());
  EXPECT_THAT(CheckIncludes("agent/base/a.h", Including("bpf/include/wire.h")), IsEmpty());
  EXPECT_THAT(CheckIncludes("tests/unit/app/a.cc", Including("agent/app/replay.h")), IsEmpty());
  EXPECT_THAT(CheckIncludes("agent/tcp/a.cc", Including("agent/tcp/flow.h")), IsEmpty());
}

TEST(IncludeRules, SourceTcpAndSmtpNeverSeeEachOther) {
  for (const std::string from : {"source", "tcp", "smtp"}) {
    for (const std::string to : {"source", "tcp", "smtp"}) {
      EXPECT_THAT(CheckIncludes("agent/" + from + "/a.cc", Including("agent/" + to + "/b.h")),
                  SizeIs(from == to ? 0 : 1))
          << from << " -> " << to;
    }
  }
}

TEST(IncludeRules, ALibraryBehindAWallIsSeenOnlyByItsFiles) {
  struct Case {
    std::string_view header, inside, outside;
  };
  constexpr Case kCases[] = {
      {"pcap.h", "agent/source/pcap_file.cc", "agent/source/bpf_packets.cc"},
      {"pcap/pcap.h", "agent/source/pcap_file.h", "agent/net/decoder.cc"},
      {"bpf/libbpf.h", "agent/source/bpf_packets.cc", "agent/source/pcap_file.cc"},
      {"packet.skel.h", "agent/source/bpf_packets.cc", "agent/app/main.cc"},
      {"prometheus/registry.h", "exporters/prometheus.cc", "exporters/http_server.cc"},
      {"CLI/CLI.hpp", "agent/app/config_flags.cc", "agent/app/main.cc"},
      {"yaml-cpp/yaml.h", "agent/app/config_file.cc", "agent/report/tally.cc"},
      {"idn2.h", "agent/mail/canonical_target.cc", "agent/smtp/path.cc"},
      {"openssl/hmac.h", "agent/mail/batv.cc", "agent/app/replay.cc"},
      {"absl/strings/string_view.h", "agent/base/abseil_bridge.h", "agent/base/escape.h"},
  };
  for (const Case& c : kCases) {
    EXPECT_THAT(CheckIncludes(c.inside, IncludingLibrary(c.header)), IsEmpty()) << c.inside;
    EXPECT_THAT(CheckIncludes(c.outside, IncludingLibrary(c.header)), SizeIs(1)) << c.outside;
  }
}

TEST(IncludeRules, AProjectHeaderNotNamedFromTheRootIsAFault) {
  EXPECT_THAT(CheckIncludes("agent/smtp/a.cc", Including("path.h")),
              ElementsAre(HasSubstr("named from the root")));
  EXPECT_THAT(CheckIncludes("agent/smtp/a.cc", Including("../net/packet.h")), SizeIs(1));
  EXPECT_THAT(CheckIncludes("agent/smtp/a.cc", Including("absl/status/status.h")), IsEmpty());
}

TEST(IncludeRules, EachFaultOfAFileIsNamedAndCommentsAreNot) {
  const std::string text = "// " + Including("agent/app/a.h") + "int x;\r\n" +
                           Including("agent/app/b.h") + Including("agent/report/c.h");
  EXPECT_THAT(CheckIncludes("agent/base/x.cc", text),
              ElementsAre(HasSubstr("agent/app/b.h"), HasSubstr("agent/report/c.h")));
  EXPECT_THAT(CheckIncludes("agent/base/x.cc", "#include \"agent/app/unclosed.h"), IsEmpty());
}

TEST(IncludeRules, ALinkAgainstTheOrderIsAFault) {
  EXPECT_THAT(CheckLinks("agent/tcp/CMakeLists.txt",
                         "DEPENDS backscatter::net backscatter::options backscatter::smtp)"),
              ElementsAre(HasSubstr("backscatter::smtp")));
  EXPECT_THAT(CheckLinks("agent/app/CMakeLists.txt", "DEPENDS backscatter::tcp"), IsEmpty());
}

TEST(IncludeRules, AnUnknownRoomMaySeeNothing) {
  EXPECT_EQ(RoomOf("README.md"), "");
  EXPECT_EQ(RoomOf("agent/main.cc"), "");
  EXPECT_EQ(RoomOf("agent/attic/x.h"), "attic");
  EXPECT_FALSE(EdgeAllowed("attic", "base"));
  EXPECT_FALSE(EdgeAllowed("base", "attic"));
  EXPECT_FALSE(EdgeAllowed("app", "attic"));
}

}  // namespace
}  // namespace backscatter::contract
