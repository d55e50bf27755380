#include "agent/smtp/reply.h"

#include <algorithm>
#include <array>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

bool ConsumeNumber(std::string_view& text, std::uint16_t& number) {
  std::size_t digits = 0;
  number = 0;
  while (digits < text.size() && digits < 3 && IsDigit(text[digits])) {
    number = static_cast<std::uint16_t>(number * 10 + (text[digits] - '0'));
    ++digits;
  }
  text.remove_prefix(digits);
  return digits > 0;
}

bool ContainsIgnoreCase(std::string_view text, std::string_view lower_needle) {
  const auto same = [](char a, char b) { return ToLower(a) == b; };
  return std::search(text.begin(), text.end(), lower_needle.begin(), lower_needle.end(), same) !=
         text.end();
}

}  // namespace

bool ParseReplyLine(std::string_view line, ReplyLine& reply) {
  if (line.size() < 3 || line[0] == '0') return false;
  if (!IsDigit(line[0]) || !IsDigit(line[1]) || !IsDigit(line[2])) return false;
  if (line.size() > 3 && line[3] != ' ' && line[3] != '-' && line[3] != '\t') return false;
  reply.code =
      static_cast<std::uint16_t>((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
  reply.last = line.size() == 3 || line[3] != '-';
  reply.text = line.size() > 4 ? line.substr(4) : std::string_view();
  return true;
}

EnhancedStatus ParseEnhancedStatus(std::string_view text) {
  EnhancedStatus status;
  if (text.size() < 5 || (text[0] != '2' && text[0] != '4' && text[0] != '5') || text[1] != '.') {
    return {};
  }
  status.class_digit = static_cast<std::uint8_t>(text[0] - '0');
  text.remove_prefix(2);
  if (!ConsumeNumber(text, status.subject) || text.empty() || text[0] != '.') return {};
  text.remove_prefix(1);
  if (!ConsumeNumber(text, status.detail)) return {};
  if (!text.empty() && (IsDigit(text[0]) || text[0] == '.')) return {};
  return status;
}

bool SaysUnknownUser(std::uint16_t code, const EnhancedStatus& enhanced, std::string_view text) {
  if (code < 500 || code > 599) return false;
  if (enhanced.class_digit != 0) {
    return enhanced.class_digit == 5 && enhanced.subject == 1 &&
           (enhanced.detail == 1 || enhanced.detail == 10);
  }
  if (code != 550 && code != 551 && code != 553 && code != 554) return false;
  static constexpr std::array<std::string_view, 11> kPhrases = {
      "user unknown",      "unknown user",    "no such user",     "no such recipient",
      "no such address",   "no mailbox here", "does not exist",   "unknown recipient",
      "recipient unknown", "user not found",  "mailbox not found"};
  return std::any_of(kPhrases.begin(), kPhrases.end(),
                     [&](std::string_view phrase) { return ContainsIgnoreCase(text, phrase); });
}

}  // namespace backscatter
