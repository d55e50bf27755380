#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "agent/mail/srs.h"
#include "agent/mail/verp.h"

namespace backscatter {
namespace {

TEST(Srs, AddressesAtOurForwardersAreRecognised) {
  const SrsDomains domains({"fwd.example", "xn--bcher-kva.example"});
  EXPECT_TRUE(domains.Contains("SRS0=HHHH=TT=orig.example=joe@fwd.example"));
  EXPECT_TRUE(domains.Contains("srs0+HHHH=TT=orig.example=joe@FWD.example."));
  EXPECT_TRUE(domains.Contains("SRS0-HHHH=TT=orig.example=joe@fwd.example"));
  EXPECT_TRUE(domains.Contains("SRS1=HHHH=one.example==HHHH=TT=orig.example=joe@fwd.example"));
  EXPECT_TRUE(
      domains.Contains("SRS0=HHHH=TT=orig.example=joe@b\xc3\xbc"
                       "cher.example"));
  EXPECT_TRUE(domains.Contains("@a.example:\"SRS0=HHHH=TT=orig.example=joe\"@fwd.example"));
}

TEST(Srs, OtherDomainsAndOtherShapesAreNot) {
  const SrsDomains domains({"fwd.example"});
  EXPECT_FALSE(domains.Contains("SRS0=HHHH=TT=orig.example=joe@other.example"));
  EXPECT_FALSE(domains.Contains("SRS0=HHHH=TT=orig.example=joe@sub.fwd.example"));
  EXPECT_FALSE(domains.Contains("SRS0=HHHH=TT=orig.example=@fwd.example"));
  EXPECT_FALSE(domains.Contains("SRS0=HHHH=joe@fwd.example"));
  EXPECT_FALSE(domains.Contains("prvs=0788f7674b=joe@fwd.example"));
  EXPECT_FALSE(domains.Contains("joe@fwd.example"));
  EXPECT_FALSE(domains.Contains("fwd.example"));
  EXPECT_FALSE(domains.Contains(""));
  EXPECT_FALSE(SrsDomains().Contains("SRS0=HHHH=TT=orig.example=joe@fwd.example"));
}

TEST(Verp, APatternWithADomainIsOfTheWholeAddress) {
  const VerpPatterns patterns({"bounces+*@lists.example.org", "*-return-*@*.example.net"});
  EXPECT_TRUE(patterns.Match("bounces+4711@lists.example.org"));
  EXPECT_TRUE(patterns.Match("Bounces+@Lists.Example.ORG"));
  EXPECT_TRUE(patterns.Match("@relay.example:bounces+4711@lists.example.org"));
  EXPECT_TRUE(patterns.Match("news-return-12-joe=example.com@l.example.net"));
  EXPECT_FALSE(patterns.Match("bounces@lists.example.org"));
  EXPECT_FALSE(patterns.Match("bounces+4711@lists.example.org.evil.example"));
  EXPECT_FALSE(patterns.Match("x-bounces+4711@lists.example.org"));
  EXPECT_FALSE(patterns.Match("news-return-12@example.net"));
  EXPECT_FALSE(patterns.Match(""));
}

TEST(Verp, APatternWithoutADomainIsOfLocalParts) {
  const VerpPatterns patterns({"", "bounce-*"});
  EXPECT_TRUE(patterns.Match("bounce-1@anywhere.example"));
  EXPECT_FALSE(patterns.Match("joe@bounce-1"));
  EXPECT_FALSE(patterns.Match("joe@anywhere.example"));
  EXPECT_FALSE(VerpPatterns().Match("bounce-1@anywhere.example"));
}

TEST(Verp, StarsStandForAnythingAlsoNothing) {
  EXPECT_TRUE(GlobMatches("", ""));
  EXPECT_TRUE(GlobMatches("*", ""));
  EXPECT_TRUE(GlobMatches("a**b", "ab"));
  EXPECT_TRUE(GlobMatches("*ab*ab", "abxab"));
  EXPECT_TRUE(GlobMatches("*aab", "aaaab"));
  EXPECT_FALSE(GlobMatches("*ab*ab", "ab"));
  EXPECT_FALSE(GlobMatches("", "a"));
  EXPECT_FALSE(GlobMatches("a*", "ba"));
}

TEST(Verp, ManyStarsCostNoMoreThanPathTimesPattern) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a";
  EXPECT_FALSE(GlobMatches(pattern + "b@x", std::string(1000, 'a') + "@x"));
}

TEST(Verp, APathThatIsTooLongMatchesNothing) {
  const VerpPatterns patterns({"*@x.example"});
  EXPECT_TRUE(patterns.Match(std::string(1000, 'a') + "@x.example"));
  EXPECT_FALSE(patterns.Match(std::string(2000, 'a') + "@x.example"));
}

}  // namespace
}  // namespace backscatter
