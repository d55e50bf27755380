// Which domains are ours: the only ones that metrics name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace backscatter {

// `local.domains`; where there are none, those that were learnt. Bounded: further domains are not
// learnt. Domains are in canonical form. Owned by one thread.
class OurDomains {
 public:
  static constexpr std::size_t kMaxLearnt = 1024;

  explicit OurDomains(const std::vector<std::string>& local) { SetLocal(local); }

  // Instead of those before; what was learnt stays, and counts where `local` is empty.
  void SetLocal(const std::vector<std::string>& local);

  bool learns() const { return local_.empty(); }
  // A RCPT to it was accepted from a stranger.
  void Learn(std::string_view domain);

  bool Contains(std::string_view domain) const {
    return (learns() ? learnt_ : local_).contains(domain);
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
  };
  using Set = absl::flat_hash_set<std::string, Hash, Equal>;

  Set local_;
  Set learnt_;
};

}  // namespace backscatter
