// Which of our domains tag the sender of whatever they send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace backscatter {

// Learnt from outbound senders. A domain tags everything when at least kEnough of its mails were
// tagged by a key of ours and not one was not; a bounce to its untagged address is then no bounce
// of its mail. Bounded: further domains are not learnt, so nothing is concluded for them.
class TaggingDomains {
 public:
  static constexpr std::size_t kMaxDomains = 4096;
  static constexpr std::uint64_t kEnough = 20;

  // `domain` in its canonical form.
  void Learn(std::string_view domain, bool tagged);
  bool TagsAll(std::string_view domain) const;
  bool empty() const { return domains_.empty(); }

 private:
  struct Counts {
    std::uint64_t tagged = 0;
    std::uint64_t untagged = 0;
  };
  absl::flat_hash_map<std::string, Counts> domains_;
};

}  // namespace backscatter
