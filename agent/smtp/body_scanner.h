// Finds where a DATA body may end, touching each byte once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace backscatter {

// A line that is a lone dot. Only the server knows what it took for the end: Postfix 3.7 also took
// a dot between bare line feeds, a patched Exim did not (measured; CVE-2023-51764 to -51766).
enum class EndOfData : std::uint8_t {
  kNone,
  kLenient,  // LF . LF, LF . CR LF, CRLF . LF, ... : some servers take it
  kStrict,   // CRLF . CRLF (RFC 5321 section 4.1.1.4): every server takes it
};

// The first LF that is followed by a dot, from `at` on; size() where there is none. A LF as the
// very last byte is not looked at.
std::size_t FindDotLine(std::string_view text, std::size_t at);

class BodyScanner {
 public:
  // To the first byte of a body, which counts as the start of a line.
  void Start() { state_ = State::kLineStart, line_ended_by_crlf_ = true, last_was_cr_ = false; }
  // Bytes were lost: what follows is somewhere in a line, or not; a dot is believed again only
  // after a line end that was seen.
  void Resume() { state_ = State::kInLine, last_was_cr_ = false; }

  struct Result {
    std::size_t consumed = 0;  // up to and with the line end behind the dot
    EndOfData end = EndOfData::kNone;
    std::size_t dotless = 0;  // before it no LF is followed by a dot
  };
  // Stops behind the first lone dot, else consumes everything. May be called again for the rest.
  Result Scan(std::string_view text);

 private:
  enum class State : std::uint8_t { kInLine, kLineStart, kDot, kDotCr };
  std::size_t ScanLines(std::string_view text, std::size_t at);

  State state_ = State::kLineStart;
  bool line_ended_by_crlf_ = true;  // the line end before this line
  bool last_was_cr_ = false;        // kInLine: the last byte of the text before
  bool single_cr_ = true;           // kDotCr: exactly one CR so far
};

}  // namespace backscatter
