#include "agent/base/keyed_hash.h"

#include <sys/random.h>

namespace backscatter {

HashKey HashKey::Random() {
  HashKey key;
  std::uint64_t words[2];
  if (getrandom(words, sizeof words, 0) == static_cast<ssize_t>(sizeof words)) {
    key.a = words[0] | 1;
    key.b = words[1] | 1;
  }
  return key;
}

}  // namespace backscatter
