#include "agent/smtp/command.h"

#include <array>
#include <charconv>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

// Four letters, lower-cased, as one word.
constexpr std::uint32_t Word(std::string_view text) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    word |= static_cast<std::uint32_t>(static_cast<unsigned char>(ToLower(text[i]))) << (8 * i);
  }
  return word;
}

Verb FourLetterVerb(std::string_view word) {
  switch (Word(word)) {
    case Word("helo"):
      return Verb::kHelo;
    case Word("ehlo"):
      return Verb::kEhlo;
    case Word("lhlo"):
      return Verb::kLhlo;
    case Word("mail"):
      return Verb::kMail;
    case Word("rcpt"):
      return Verb::kRcpt;
    case Word("data"):
      return Verb::kData;
    case Word("bdat"):
      return Verb::kBdat;
    case Word("rset"):
      return Verb::kRset;
    case Word("quit"):
      return Verb::kQuit;
    case Word("noop"):
      return Verb::kNoop;
    case Word("vrfy"):
      return Verb::kVrfy;
    case Word("expn"):
      return Verb::kExpn;
    case Word("help"):
      return Verb::kHelp;
    case Word("etrn"):
      return Verb::kEtrn;
    case Word("auth"):
      return Verb::kAuth;
    default:
      return Verb::kUnknown;
  }
}

Verb LongVerb(std::string_view word) {
  if (EqualsIgnoreCase(word, "starttls")) return Verb::kStarttls;
  if (EqualsIgnoreCase(word, "xclient")) return Verb::kXclient;
  if (EqualsIgnoreCase(word, "xforward")) return Verb::kXforward;
  return Verb::kUnknown;
}

}  // namespace

Command ParseCommand(std::string_view line) {
  line = TrimBlanks(line);
  Command command;
  if (line.empty()) {
    command.verb = Verb::kEmpty;
    return command;
  }
  std::size_t length = 0;
  while (length < line.size() && !IsBlank(line[length])) ++length;
  const std::string_view word = line.substr(0, length);
  command.verb = length == 4 ? FourLetterVerb(word) : LongVerb(word);
  command.rest = TrimBlanks(line.substr(length));
  return command;
}

bool ParseBdat(std::string_view rest, BdatArgument& argument) {
  const char* const end = rest.data() + rest.size();
  const auto [stop, error] = std::from_chars(rest.data(), end, argument.size);
  if (error != std::errc() || argument.size > std::uint64_t{1} << 62) return false;
  const std::string_view tail = rest.substr(static_cast<std::size_t>(stop - rest.data()));
  if (!tail.empty() && !IsBlank(tail.front())) return false;
  const std::string_view word = TrimBlanks(tail);
  argument.last = EqualsIgnoreCase(word, "LAST");
  return argument.last || word.empty();
}

bool LooksLikeGreeting(std::string_view text) {
  if (text.size() < 5 || !IsBlank(text[4])) return false;
  const Verb verb = FourLetterVerb(text.substr(0, 4));
  return verb == Verb::kHelo || verb == Verb::kEhlo || verb == Verb::kLhlo;
}

}  // namespace backscatter
