// A pool of message text that bodies share, so that a gigabyte of mail costs no composing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/prng.h"

namespace backscatter::support {

// Lines of prose; about one in fifty is a decoy that must not count (`MAIL FROM:<>`,
// `RCPT TO:<decoy@body.test>`, `DATA`, a reply) and one in forty is dot-stuffed.
class BodyText {
 public:
  BodyText(std::uint64_t seed, std::uint32_t bytes);

  // Whole lines, `wanted` octets or a few more; at most half of the pool.
  std::string_view Lines(Prng& prng, std::uint32_t wanted) const;

 private:
  std::string text_;
  std::vector<std::uint32_t> line_starts_;
};

}  // namespace backscatter::support
