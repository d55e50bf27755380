#include "agent/mail/header_fields.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/placed_octets.h"

namespace backscatter {
namespace {

std::string Upper(std::string text) {
  std::ranges::transform(text, text.begin(), ToUpper);
  return text;
}

std::string TrimDot(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

EnhancedStatus StatusIn(std::string_view text) {
  EnhancedStatus status;
  const bool found = FindStatus(text, &status);
  EXPECT_EQ(found, status.class_digit != 0);
  return status;
}

TEST(FieldNames, AreKnownInAnyCase) {
  constexpr std::pair<std::string_view, FieldName> kSome[] = {
      {"Received", FieldName::kReceived},
      {"Message-ID", FieldName::kMessageId},
      {"To", FieldName::kTo},
      {"Cc", FieldName::kLetterhead},
      {"Content-Transfer-Encoding", FieldName::kContentTransferEncoding},
      {"X-MS-Exchange-Message-Is-Ndr", FieldName::kNdr},
      {"Final-Recipient", FieldName::kFinalRecipient},
      {"Original-Recipient", FieldName::kOriginalRecipient},
      {"X-Failed-Recipients", FieldName::kFailedRecipients},
      {"X-Failed-Recipient", FieldName::kFailedRecipients}};
  for (const auto& [name, wanted] : kSome) {
    EXPECT_EQ(FieldNameOf(name), wanted) << name;
    EXPECT_EQ(FieldNameOf(Upper(std::string(name))), wanted) << name;
  }
}

TEST(FieldNames, AreTheSameHoweverLongTheLineIs) {
  for (const std::string name :
       {"To", "Date", "Action", "Received", "Reply-To", "Delivered-To", "In-Reply-To",
        "Diagnostic-Code", "Final-Recipient", "Original-Recipient", "X-Unknown", "Toto"}) {
    const FieldName alone = FieldNameOf(name);
    EXPECT_EQ(alone == FieldName::kOther, name == "X-Unknown" || name == "Toto") << name;
    for (std::size_t more = 0; more < 32; ++more) {
      const support::PlacedOctets line(name + ':' + std::string(more, 'x'), more % 8);
      const FieldStart start = FindField(line.text());
      EXPECT_EQ(start.name(), alone) << line.text();
      EXPECT_EQ(start.name_size(), name.size());
      EXPECT_EQ(start.value_at(), name.size() + 1);
    }
  }
}

TEST(FieldNames, WhatIsOnlyLikeAKnownOneIsOther) {
  for (const std::string_view name : {"", "X", "Receivec", "Rdceived", "Message_ID", "Message-IDs",
                                      "\xd2"
                                      "eceived",
                                      "Received\n", "X-MS-Exchange-Message-Is-NdrX"}) {
    EXPECT_EQ(FieldNameOf(name), FieldName::kOther) << name;
  }
  EXPECT_EQ(FieldNameOf(std::string(5'000, 'R')), FieldName::kOther);
}

TEST(FieldNames, AnyOtherOctetMakesAnotherName) {
  for (const std::string_view name : {"To", "Bcc", "From", "Subject", "Received", "Message-ID",
                                      "Reporting-MTA", "Diagnostic-Code", "X-Failed-Recipients"}) {
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (char c = '!'; c <= '~'; ++c) {
        std::string other(name);
        other[at] = c;
        EXPECT_EQ(FieldNameOf(other) == FieldNameOf(name), ToLower(c) == ToLower(name[at]))
            << other;
      }
    }
  }
}

TEST(FieldNames, TellAHeaderFromASummary) {
  EXPECT_TRUE(IsOfHeader(FieldName::kReceived));
  EXPECT_TRUE(IsOfHeader(FieldName::kDkimSignature));
  EXPECT_FALSE(IsOfHeader(FieldName::kFrom));
  EXPECT_TRUE(MayBeOfHeader(FieldName::kFrom));
  EXPECT_TRUE(MayBeOfHeader(FieldName::kLetterhead));
  EXPECT_FALSE(MayBeOfHeader(FieldName::kContentType));
  EXPECT_FALSE(MayBeOfHeader(FieldName::kOther));
}

TEST(SplitField, NamesOfEveryLengthUpToSixtyFour) {
  for (std::size_t size = 1; size <= 70; ++size) {
    const std::string name(size, 'n');
    const std::string tight = name + ":v";
    const std::string wide = name + " :  a value that is long enough for a whole word ";
    EXPECT_EQ(SplitField(tight).has_value(), size <= 64) << size;
    if (size > 64) continue;
    EXPECT_EQ(SplitField(tight)->written, name);
    EXPECT_EQ(SplitField(tight)->value, "v");
    EXPECT_EQ(SplitField(wide)->value, "a value that is long enough for a whole word");
  }
}

TEST(SplitField, NoNameHasBlanksControlsOrHighOctets) {
  for (const char odd : {' ', '\t', '\x01', '\x7f', '\x80', '\xff'}) {
    for (std::size_t at = 0; at < 19; ++at) {  // blanks may stand before the colon
      std::string line = std::string(20, 'n') + ": value";
      line[at] = odd;
      EXPECT_FALSE(SplitField(line)) << int{odd} << " at " << at;
    }
  }
}

// The octet that ends the name at every place of every length and alignment, up to behind the
// second sixteen; nothing behind the line is looked at.
TEST(SplitField, TheEndOfTheNameAtEveryPlace) {
  for (std::size_t offset = 0; offset < 16; ++offset) {
    for (std::size_t size = 0; size <= 34; ++size) {
      EXPECT_FALSE(SplitField(support::PlacedOctets(std::string(size, 'n'), offset).text()));
      for (std::size_t at = 0; at < size; ++at) {
        std::string line(size, 'n');
        line[at] = ':';
        const support::PlacedOctets placed(line, offset);
        const auto field = SplitField(placed.text());
        ASSERT_EQ(field.has_value(), at > 0) << size << " octets, colon at " << at;
        if (at == 0) continue;
        EXPECT_EQ(field->written, std::string(at, 'n'));
        EXPECT_EQ(field->value, std::string(size - at - 1, 'n'));
        for (const char odd : {'\0', '\x1f', '\x7f', '\x80', '\xff'}) {
          std::string broken = line;
          broken[at - 1] = odd;
          EXPECT_FALSE(SplitField(support::PlacedOctets(broken, offset).text())) << int{odd};
        }
      }
    }
  }
}

TEST(FindIgnoreCase, AtEveryPlaceOfEveryLengthAndNoFurther) {
  for (std::size_t length = 1; length <= 17; ++length) {
    const std::string needle = std::string("status-notificati").substr(0, length);
    for (std::size_t offset = 0; offset < 8; ++offset) {
      for (std::size_t at = 0; at <= 17; ++at) {
        const std::string text = std::string(at, '.') + Upper(needle);
        const support::PlacedOctets whole(text, offset);
        EXPECT_EQ(FindIgnoreCase(whole.text(), needle), at);
        EXPECT_EQ(FindIgnoreCase(whole.text(), needle, at + 1), std::string_view::npos);
        const support::PlacedOctets cut(text.substr(0, text.size() - 1), offset);
        EXPECT_EQ(FindIgnoreCase(cut.text(), needle), std::string_view::npos);
      }
    }
  }
}

// What looks for an octet and then around it, at the end of the text.
TEST(HeaderFields, NothingBehindTheTextIsLookedAt) {
  const std::string status = "x 5.1.10 ";
  const std::string address = "<joe@a.example>";
  const std::string received = "from a (b [192.0.2.7]) by mx (P) id 4Q1; now";
  for (std::size_t offset = 0; offset < 8; ++offset) {
    for (std::size_t size = 0; size <= status.size(); ++size) {
      const support::PlacedOctets cut(status.substr(0, size), offset);
      EXPECT_EQ(StatusIn(cut.text()).class_digit, size >= 7 ? 5 : 0) << size;
    }
    for (std::size_t size = 0; size <= address.size(); ++size) {
      const support::PlacedOctets cut(address.substr(0, size), offset);
      std::size_t position = 0;
      const std::string_view found = NextAddress(cut.text(), &position);
      EXPECT_EQ(found,
                size > 5 ? TrimDot(address.substr(1, std::min<std::size_t>(size, 14) - 1)) : "");
    }
    for (std::size_t size = 0; size <= received.size(); ++size) {
      const support::PlacedOctets cut(received.substr(0, size), offset);
      ReceivedHop hop;
      ParseReceived(cut.text(), &hop);
      EXPECT_EQ(hop.from_address.has_value(), size >= received.find(']')) << size;
    }
  }
}

struct Collected {
  std::vector<std::string> fields;
  void operator()(const HeaderField& field) {
    fields.push_back(std::string(field.written) + "=" + std::string(field.value));
  }
};

// The same lines whether they are lent, kept, or lent in two pieces.
TEST(FieldAssembler, LentLinesAreKeptOnlyWhereTheyMustBe) {
  const std::vector<std::string> lines = {"A: one", " and more", "B:", "\ttwo", "C: three"};
  for (std::size_t split = 0; split <= lines.size(); ++split) {
    Collected collected;
    FieldAssembler fields;
    for (const auto& [from, to] : {std::pair{std::size_t{0}, split}, {split, lines.size()}}) {
      std::string octets;
      for (std::size_t i = from; i < to; ++i) octets += lines[i];
      fields.Borrow(octets);
      std::size_t at = 0;
      for (std::size_t i = from; i < to; ++i) {
        EXPECT_TRUE(
            fields.Add(std::string_view(octets).substr(at, lines[i].size()), std::ref(collected)));
        at += lines[i].size();
      }
      fields.Settle();
      octets.assign(octets.size(), '#');  // nobody may look at it any more
    }
    fields.Flush(std::ref(collected));
    EXPECT_EQ(collected.fields, (std::vector<std::string>{"A=one and more", "B=two", "C=three"}))
        << "split at " << split;
  }
}

std::string_view FieldParameter(std::string_view value, std::string_view name) {
  Parameter parameter;
  std::size_t position = 0;
  while (NextParameter(value, &position, &parameter)) {
    if (EqualsIgnoreCase(parameter.name, name)) return parameter.Value();
  }
  return {};
}

TEST(FieldParameter, IsFoundBehindASemicolonOrABlankOnly) {
  constexpr std::string_view kValue =
      "multipart/report; xboundary=no; boundary*0*=\"a=b; charset=c\" ; Charset = utf-8";
  EXPECT_EQ(FieldParameter(kValue, "boundary"), "a=b; charset=c");
  EXPECT_EQ(FieldParameter("text/plain; charset = utf-8 ", "charset"), "utf-8");
  EXPECT_EQ(FieldParameter("text/plain; charset", "charset"), "");
  EXPECT_EQ(FieldParameter("charset=x", "charset"), "");
}

TEST(ParseReceived, ReadsTheClausesInAnyCase) {
  ReceivedHop hop;
  ParseReceived("FROM a.example (b [192.0.2.7]) BY mx.example (Postfix) WITH ESMTP ID 4Q1; now",
                &hop);
  EXPECT_EQ(hop.from_name, "a.example");
  EXPECT_EQ(hop.from_address, IpAddress::Parse("192.0.2.7"));
  EXPECT_EQ(hop.by_name, "mx.example");
  EXPECT_EQ(hop.id, "4Q1");
  ReceivedHop local;
  ParseReceived("by mx.example (Postfix, from userid 0) id 7; now", &local);
  EXPECT_EQ(local.from_name, "");
  EXPECT_EQ(local.by_name, "mx.example");
  EXPECT_EQ(local.id, "7");
}

TEST(FindStatus, TakesTheFirstThatStandsAlone) {
  EXPECT_EQ(StatusIn("550 5.1.1 unknown").detail, 1);
  EXPECT_EQ(StatusIn("from 10.4.2.5.1 at 4.2.2").subject, 2);
  EXPECT_EQ(StatusIn("x5.1.1 5.1 5.1.1234 ").class_digit, 0);
  EXPECT_EQ(StatusIn("").class_digit, 0);
  EXPECT_EQ(StatusIn(".").class_digit, 0);
}

}  // namespace
}  // namespace backscatter
