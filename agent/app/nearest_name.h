// "Did you mean ...?": the right name nearest to a wrong one.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace backscatter {

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal
// string alignment). O(a * b).
std::size_t EditDistance(std::string_view a, std::string_view b);

// The candidate nearest to `name` (case ignored), or empty where none is near enough to be meant:
// at most a third of the name's length may differ. The first one wins a tie. The view is the
// candidate's own.
std::string_view NearestName(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace backscatter
