// One line of the client, taken apart. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace backscatter {

enum class Verb : std::uint8_t {
  kUnknown,
  kEmpty,
  kHelo,
  kEhlo,
  kLhlo,
  kMail,
  kRcpt,
  kData,
  kBdat,
  kRset,
  kQuit,
  kNoop,
  kVrfy,
  kExpn,
  kHelp,
  kEtrn,
  kStarttls,
  kAuth,
  kXclient,
  kXforward,
  // Not commands, but they wait for a reply like one:
  kAuthExchange,  // a line of an AUTH exchange
  kEndOfData,     // the dot
  kBadBdat,       // BDAT without a size that can be
};

struct Command {
  Verb verb = Verb::kUnknown;
  std::string_view rest;  // after the verb, blanks trimmed on both ends
};

// `line` without its line end. The verb is compared whole and in any case (RFC 5321 section 2.4);
// blanks before it are skipped, as Postfix does. Never fails: what is no verb is kUnknown.
Command ParseCommand(std::string_view line);

// RFC 3030: `BDAT size [LAST]`, any case. False for a missing, negative or absurd (above 2^62) size
// and for anything behind it that is not LAST.
struct BdatArgument {
  std::uint64_t size = 0;
  bool last = false;
};
bool ParseBdat(std::string_view rest, BdatArgument& argument);

// Whether the text starts like a client that greets: HELO, EHLO or LHLO and a blank.
bool LooksLikeGreeting(std::string_view text);

}  // namespace backscatter
