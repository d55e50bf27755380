#include "agent/report/pair_set.h"

#include <utility>

namespace backscatter {

void PairSet::Rebuild(std::size_t slot_count, const std::vector<std::uint32_t>* first_ids,
                      const std::vector<std::uint32_t>* second_ids) {
  const std::vector<std::uint64_t> old =
      std::exchange(slots_, std::vector<std::uint64_t>(slot_count, kEmpty));
  size_ = 0;
  for (const std::uint64_t pair : old) {
    if (pair == kEmpty) continue;
    const std::uint32_t first = first_ids ? (*first_ids)[First(pair)] : First(pair);
    const std::uint32_t second = second_ids ? (*second_ids)[Second(pair)] : Second(pair);
    if (first == kNoRow || second == kNoRow) continue;
    const std::uint64_t renumbered = (std::uint64_t{first} << 32) | second;
    std::size_t i = SlotOf(renumbered);
    while (slots_[i] != kEmpty) i = (i + 1) & (slot_count - 1);
    slots_[i] = renumbered;
    ++size_;
  }
}

}  // namespace backscatter
