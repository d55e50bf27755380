// Wordings of automatic mail in many languages, and what each tells.
#pragma once

#include <cstdint>
#include <string_view>

namespace backscatter {

// Bits: a line or subject may say several things.
enum Saying : std::uint16_t {
  kSaysFailure = 1 << 0,
  kSaysDelay = 1 << 1,
  kSaysAutoReply = 1 << 2,
  kSaysChallenge = 1 << 3,
  kSaysVirus = 1 << 4,
  kSaysDelivered = 1 << 5,
  kSaysComplaint = 1 << 6,
  kSaysReturned = 1 << 7,   // the returned message follows
  kSaysContact = 1 << 8,    // addresses on this line are for help
  kSaysRefused = 1 << 9,    // a recipient refused by a rule of his
  kSaysList = 1 << 10,      // a mailing list or group speaks
  kSaysRead = 1 << 11,      // read receipt
  kSaysAnnounce = 1 << 12,  // the failed recipients follow
  kSaysDmarc = 1 << 13,
  kSaysAway = 1 << 14,         // perhaps an automatic answer
  kSaysUnsubscribe = 1 << 15,  // a client's request to a list
};

// Both take lower-case UTF-8 (LowerUtf8). Cost: linear, a few comparisons at each start of a word.
std::uint16_t SayingsOfText(std::string_view lower);
// Subjects: also whole prefixes such as "undeliverable:".
std::uint16_t SayingsOfSubject(std::string_view lower);

}  // namespace backscatter
