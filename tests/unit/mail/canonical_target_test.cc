#include "agent/mail/canonical_target.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "agent/mail/domain_name.h"

namespace backscatter {
namespace {

using namespace std::string_literals;

std::string Address(std::string_view path, TargetOptions options = {}) {
  CanonicalTarget target;
  const bool parsed = MakeCanonicalTarget(path, options, target);
  EXPECT_EQ(parsed, target.address != "-") << path;
  return target.address;
}

std::string Domain(std::string_view path) {
  CanonicalTarget target;
  MakeCanonicalTarget(path, {}, target);
  return target.domain;
}

struct Case {
  std::string path;
  std::string address;
  std::string domain;
};

class Canonical : public testing::TestWithParam<Case> {};

TEST_P(Canonical, HasThisAddressAndLabelDomain) {
  CanonicalTarget target{"an address of before", "a.domain.of.before"};
  MakeCanonicalTarget(GetParam().path, {}, target);
  EXPECT_EQ(target.address, GetParam().address) << GetParam().path;
  EXPECT_EQ(target.domain, GetParam().domain) << GetParam().path;
}

INSTANTIATE_TEST_SUITE_P(
    PlainAddresses, Canonical,
    testing::Values(Case{"victim@v.test", "victim@v.test", "v.test"},
                    Case{"Victim@V.TEST", "Victim@v.test", "v.test"},
                    Case{"victim+tag@v.test", "victim+tag@v.test", "v.test"},
                    Case{"victim@v.test.", "victim@v.test", "v.test"},
                    Case{"@r1.test,@r2.test:victim@v.test", "victim@v.test", "v.test"},
                    Case{"victim%b.test@v.test", "victim%b.test@v.test", "v.test"},
                    Case{"b.test!victim@v.test", "b.test!victim@v.test", "v.test"},
                    Case{"a..b.@docomo.test", "a..b.@docomo.test", "docomo.test"},
                    Case{"a@b", "a@b", "b"}, Case{"a@_x.b-c.test", "a@_x.b-c.test", "_x.b-c.test"},
                    Case{"postmaster", "postmaster", ""}, Case{"PostMaster", "postmaster", ""},
                    Case{"root", "root", ""}, Case{"\"postmaster\"", "postmaster", ""}));

INSTANTIATE_TEST_SUITE_P(
    Quotes, Canonical,
    testing::Values(Case{"\"joe\"@x.test", "joe@x.test", "x.test"},
                    Case{"\"jo\\e\"@x.test", "joe@x.test", "x.test"},
                    Case{"jo\\e@x.test", "joe@x.test", "x.test"},
                    Case{"\"joe.smith\"@x.test", "joe.smith@x.test", "x.test"},
                    Case{"joe.\"smith\"@x.test", "joe.smith@x.test", "x.test"},
                    Case{"\"victim x\"@v.test", "\"victim x\"@v.test", "v.test"},
                    Case{"victim x@v.test", "\"victim x\"@v.test", "v.test"},
                    Case{"\"victim>y\"@v.test", "\"victim>y\"@v.test", "v.test"},
                    Case{"\"victim\\\"z\"@v.test", "\"victim\\\"z\"@v.test", "v.test"},
                    Case{"\"a\\\\b\"@v.test", "\"a\\\\b\"@v.test", "v.test"},
                    Case{"\"a@b\"@v.test", "\"a@b\"@v.test", "v.test"},
                    Case{"a@b@v.test", "\"a@b\"@v.test", "v.test"},
                    Case{"\"prvs=0788f7674b=joe\"@v.test", "joe@v.test", "v.test"}));

INSTANTIATE_TEST_SUITE_P(
    Literals, Canonical,
    testing::Values(Case{"a@[10.0.0.1]", "a@[10.0.0.1]", "[10.0.0.1]"},
                    Case{"a@[IPv6:2001:DB8:0:0::1]", "a@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
                    Case{"a@[ipv6:::1]", "a@[IPv6:::1]", "[IPv6:::1]"},
                    Case{"a@[2001:db8::1]", "a@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"},
                    Case{"@[IPv6:::2]:a@[10.0.0.1]", "a@[10.0.0.1]", "[10.0.0.1]"},
                    Case{"a@[10.0.0.256]", "-", ""}, Case{"a@[x:y]", "-", ""},
                    Case{"a@[10.0.0.1", "-", ""}, Case{"a@[]", "-", ""}, Case{"a@[", "-", ""}));

INSTANTIATE_TEST_SUITE_P(
    InternationalDomains, Canonical,
    testing::Values(
        Case{"a@b\xc3\xbc"
             "cher.test",
             "a@xn--bcher-kva.test", "xn--bcher-kva.test"},
        Case{"a@B\xc3\x9c"
             "CHER.TEST",
             "a@xn--bcher-kva.test", "xn--bcher-kva.test"},
        Case{"a@XN--BCHER-KVA.test", "a@xn--bcher-kva.test", "xn--bcher-kva.test"},
        Case{"a@fa\xc3\x9f.test", "a@xn--fa-hia.test", "xn--fa-hia.test"},
        Case{"\xc3\xa4@x.test", "\xc3\xa4@x.test", "x.test"},
        // A label that starts with a combining mark is refused by IDNA: only lower-cased.
        Case{"a@\xcc\x81X.Test", "a@\xcc\x81x.test", "\xcc\x81x.test"},
        // U+FF20 maps to `@`: not let through.
        Case{"a@x\xef\xbc\xa0y.test", "a@x\xef\xbc\xa0y.test", "x\xef\xbc\xa0y.test"},
        Case{"a@x\xff.test", "-", ""}, Case{"a\xff@x.test", "-", ""}));

// DETECTION 1.1, and forms seen in public mail headers.
INSTANTIATE_TEST_SUITE_P(
    BounceTags, Canonical,
    testing::Values(Case{"prvs=0788f7674b=alice@example.com", "alice@example.com", "example.com"},
                    Case{"PRVS=37882BD742=Bob+tag@Example.COM", "Bob+tag@example.com",
                         "example.com"},
                    Case{"prvs=1234abcdef=victim@v.test", "victim@v.test", "v.test"},
                    Case{"prvs=374a1453b=andrew@c.test", "andrew@c.test", "c.test"},
                    Case{"prvs=joe=123ABCDEFG@example.com", "joe@example.com", "example.com"},
                    Case{"prvs=victim/1234abcdef@v.test", "victim@v.test", "v.test"},
                    Case{"btv1==489040e8aa2==victim@v.test", "victim@v.test", "v.test"},
                    Case{"BTV1==489040E8AA2==victim@v.test", "victim@v.test", "v.test"},
                    Case{"msprvs1=19000abc=bounces-1@v.test", "bounces-1@v.test", "v.test"},
                    Case{"prvs=0788f7674b=prvs=1788f7674b=a@b.test", "a@b.test", "b.test"},
                    Case{"prvs=0788f7674b=\"a b\"@b.test", "\"a b\"@b.test", "b.test"},
                    // Not tags.
                    Case{"prvs=@b.test", "prvs=@b.test", "b.test"},
                    Case{"prvs=0788f7674b=@b.test", "prvs=0788f7674b=@b.test", "b.test"},
                    Case{"prvs=joe@b.test", "prvs=joe@b.test", "b.test"},
                    Case{"prvs=joe=123@b.test", "prvs=joe=123@b.test", "b.test"},
                    Case{"btv1==xyz==a@b.test", "btv1==xyz==a@b.test", "b.test"},
                    Case{"btv1==12=a@b.test", "btv1==12=a@b.test", "b.test"},
                    Case{"btv1==12==@b.test", "btv1==12==@b.test", "b.test"},
                    Case{"msprvs1=x@b.test", "msprvs1=x@b.test", "b.test"},
                    Case{"list-return-7-user=dom.test@l.test", "list-return-7-user=dom.test@l.test",
                         "l.test"}));

INSTANTIATE_TEST_SUITE_P(
    SenderRewriting, Canonical,
    testing::Values(
        Case{"SRS0=HHH=TT=orig.test=user@fwd.test", "user@orig.test", "fwd.test"},
        Case{"srs0+HHHH=TT=Orig.TEST=User@FWD.test", "User@orig.test", "fwd.test"},
        Case{"SRS0-HHHH=TT=orig.test=user+x@fwd.test", "user+x@orig.test", "fwd.test"},
        Case{"SRS0=HHH=TT=orig.test=a=b@fwd.test", "a=b@orig.test", "fwd.test"},
        Case{"SRS1=HHH=fwd1==HHH=TT=dom.test=local@fwd2.test", "local@dom.test", "fwd2.test"},
        Case{"SRS1+HHHH=fwd1.test=+HHHH=TT=dom.test=l@fwd2.test", "l@dom.test", "fwd2.test"},
        // Tags inside each other.
        Case{"SRS0=Kjsf=5O=c.test=prvs=374a1453b=Andrew@fwd.test", "Andrew@c.test", "fwd.test"},
        Case{"prvs=0788f7674b=SRS0=HHH=TT=orig.test=user@fwd.test", "user@orig.test", "fwd.test"},
        Case{"SRS0=HHH=TT=mid.test=SRS0=HHH=TT=orig.test=u@fwd.test", "u@orig.test", "fwd.test"},
        // Not well formed: kept as they are.
        Case{"SRS0=HHH=TT=orig.test@fwd.test", "SRS0=HHH=TT=orig.test@fwd.test", "fwd.test"},
        Case{"SRS0=HHH=TT=orig.test=@fwd.test", "SRS0=HHH=TT=orig.test=@fwd.test", "fwd.test"},
        Case{"SRS0=HHH=TT=.=user@fwd.test", "SRS0=HHH=TT=.=user@fwd.test", "fwd.test"},
        Case{"SRS0==TT=orig.test=user@fwd.test", "SRS0==TT=orig.test=user@fwd.test", "fwd.test"},
        Case{"SRS1=HHH=fwd1=HHH=TT=dom.test=l@fwd2.test",
             "SRS1=HHH=fwd1=HHH=TT=dom.test=l@fwd2.test", "fwd2.test"}));

INSTANTIATE_TEST_SUITE_P(
    Unparsable, Canonical,
    testing::Values(Case{"", "-", ""}, Case{"@", "-", ""}, Case{"@x.test", "-", ""},
                    Case{"\"\"@x.test", "-", ""}, Case{"a@", "-", ""}, Case{"a@.", "-", ""},
                    Case{"a@..", "-", ""}, Case{"a@b..c", "-", ""}, Case{"a@.b", "-", ""},
                    Case{"a@b c", "-", ""}, Case{"a@b(c", "-", ""}, Case{"\"a@b.test", "-", ""},
                    Case{"a\\", "-", ""}, Case{"a\tb@x.test", "-", ""},
                    Case{"a\x7f@x.test", "-", ""}, Case{"a\0b@x.test"s, "-", ""},
                    Case{"a@x\0.test"s, "-", ""}, Case{"-", "-", ""}, Case{"\"-\"", "-", ""},
                    Case{"\"a b\"", "-", ""}, Case{"@r:", "-", ""},
                    Case{"SRS0=HHH=TT=orig.test=user@", "-", ""}));

TEST(CanonicalTarget, TagNestingIsBounded) {
  std::string path = "a@b.test";
  for (int i = 0; i < 4; ++i) path = "prvs=0788f7674b=" + path;
  EXPECT_EQ(Address(path), "a@b.test");
  EXPECT_EQ(Address("prvs=0788f7674b=" + path), "prvs=0788f7674b=a@b.test");
}

TEST(CanonicalTarget, LengthsAreBoundedAndTheRestIsUnparsable) {
  const std::string label63(63, 'b');
  EXPECT_EQ(Address("a@" + label63 + ".test"), "a@" + label63 + ".test");
  EXPECT_EQ(Address("a@b" + label63 + ".test"), "-");
  EXPECT_EQ(Address("a@x." + label63 + "b"), "-");
  EXPECT_EQ(Address("A@X." + label63 + "b"), "-");

  const std::string domain255 = label63 + "." + label63 + "." + label63 + "." + label63;
  EXPECT_EQ(Address("a@" + domain255).size(), 257u);
  EXPECT_EQ(Address("a@" + domain255 + "."), "a@" + domain255);
  EXPECT_EQ(Address("a@c." + domain255), "-");

  EXPECT_EQ(Address(std::string(64, 'a') + "@" + domain255).size(), kMaxTargetLength);
  EXPECT_EQ(Address(std::string(65, 'a') + "@" + domain255), "-");
  EXPECT_EQ(Address(std::string(313, 'a') + "@b.test").size(), kMaxTargetLength);
  EXPECT_EQ(Address(std::string(314, 'a') + "@b.test"), "-");
  EXPECT_EQ(Address(std::string(kMaxTargetLength + 1, 'a')), "-");

  const std::string route = "@" + std::string(900, 'r') + ":";
  EXPECT_EQ(Address(route + "a@b.test"), "a@b.test");
  EXPECT_EQ(Address("@" + std::string(kMaxPathLength, 'r') + ":a@b.test"), "-");
}

TEST(CanonicalTarget, FoldingFollowsTheOptions) {
  const TargetOptions fold_case{.fold_case = true, .fold_detail = false};
  const TargetOptions fold_detail{.fold_case = false, .fold_detail = true};
  EXPECT_EQ(Address("Joe+Tag@X.test", fold_case), "joe+tag@x.test");
  EXPECT_EQ(Address("Joe+Tag@X.test", fold_detail), "Joe@x.test");
  EXPECT_EQ(Address("+Tag@x.test", fold_detail), "+Tag@x.test");
  EXPECT_EQ(Address("prvs=0788f7674b=Joe+Tag@x.test", fold_detail), "Joe@x.test");
  EXPECT_EQ(Address("SRS0+HHH=TT=o.test=U+x@f.test", fold_detail), "U@o.test");
  EXPECT_EQ(Address("-+x", fold_detail), "-");
  EXPECT_EQ(Address("Root+x", {.fold_case = true, .fold_detail = true}), "root");
}

TEST(CanonicalTarget, SumsHoldBecauseEveryBadAddressIsTheSameTarget) {
  for (const std::string& path : std::vector<std::string>{"", "@", "\"", "a@b c", "a\n@b"}) {
    EXPECT_EQ(Address(path), "-");
    EXPECT_EQ(Domain(path), "");
  }
}

TEST(CanonicalTarget, StringsKeepTheirCapacity) {
  CanonicalTarget target;
  target.address.reserve(200);
  target.domain.reserve(200);
  const char* const address = target.address.data();
  const char* const domain = target.domain.data();
  for (const std::string_view path :
       {"a.somewhat.longer.local.part@and.a.domain.test", "Upper@CASE.long.enough.domain.test",
        "prvs=0788f7674b=a.longer.local.part@a.longer.domain.test", "bad@"}) {
    MakeCanonicalTarget(path, {}, target);
    EXPECT_EQ(target.address.data(), address) << path;
    EXPECT_EQ(target.domain.data(), domain) << path;
  }
}

TEST(Utf8, IsJudgedByTheTableOfUnicode) {
  for (const std::string_view good : {"", "abc", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                      "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const std::string_view bad :
       {"\x80", "\xc0\x80", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace backscatter
