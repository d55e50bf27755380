#include "agent/app/words.h"

#include <cstdint>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backscatter {
namespace {

TEST(Words, AWordIsKnownByItsPlaceAndOthersAreToldWhatIsAllowed) {
  EXPECT_EQ(*ParseWord("auto", "auto|bpf|pcap"), 0u);
  EXPECT_EQ(*ParseWord("pcap", "auto|bpf|pcap"), 2u);
  for (const std::string wrong : {"", "bp", "auto|bpf", "BPF", "pcap "}) {
    EXPECT_EQ(ParseWord(wrong, "auto|bpf|pcap").status().message(),
              "wants one of auto, bpf, pcap, not \"" + wrong + "\"");
  }
}

TEST(Words, ANumberIsTheWholeTextAndFitsItsType) {
  EXPECT_EQ(ParseNumber<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(ParseNumber<std::uint16_t>("1f", 16), 31);
  for (const char* wrong : {"", "65536", "-1", "+1", " 1", "1 ", "1x"}) {
    EXPECT_FALSE(ParseNumber<std::uint16_t>(wrong).has_value()) << wrong;
  }
}

TEST(Words, AQuotedTextIsEscapedAndCut) {
  EXPECT_EQ(QuotedText("a\n"), "\"a\\x0a\"");
  EXPECT_EQ(QuotedText(std::string(81, 'x')), "\"" + std::string(80, 'x') + "...\"");
}

TEST(Words, AreJoined) {
  EXPECT_EQ(JoinWords({}), "");
  EXPECT_EQ(JoinWords({"a", "b", "c"}), "a, b, c");
  EXPECT_EQ(JoinWords({"a", "b"}, " "), "a b");
}

}  // namespace
}  // namespace backscatter
