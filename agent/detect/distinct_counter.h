// How many different things were seen: exact while they are few, HyperLogLog beyond.
//
// HyperLogLog (Flajolet et al. 2007) with 2048 registers and the estimator of Ertl 2017, "New
// cardinality estimation algorithms for HyperLogLog sketches", which needs no corrections: the
// standard error is 1.04 / sqrt(2048) = 2.3 % at any size. Things are given as 64-bit keyed hashes,
// so that nobody outside can choose things that look alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/packed_numbers.h"

namespace backscatter {

inline constexpr int kSketchPrecision = 11;
inline constexpr std::size_t kSketchRegisters = std::size_t{1} << kSketchPrecision;
inline constexpr double kSketchStandardError = 0.023;
// Estimates differ from the truth by more than this once in 15,000 times.
inline constexpr double kSketchErrorBound = 4 * kSketchStandardError;

using SketchRegisters = std::array<std::uint8_t, kSketchRegisters>;

// How many sketches there may be at once: what wants one beyond that counts as far as it is exact
// and no further.
struct SketchBudget {
  std::size_t left = 0;
  std::uint64_t refused = 0;  // things that were not told apart without one
};

// As far as a counter is exact, unless it is made otherwise: four bytes each. Two of 512 things
// look alike with a chance of 3e-5.
inline constexpr std::size_t kExactThings = 32;
inline constexpr std::size_t kMostExactThings = 512;

class DistinctCounter {
 public:
  DistinctCounter() = default;
  explicit DistinctCounter(std::size_t exact) : exact_(exact) {}
  DistinctCounter(DistinctCounter&&) = default;
  DistinctCounter& operator=(DistinctCounter&&) = default;

  // The budget must be the same each time.
  void Add(std::uint64_t hash, SketchBudget& budget);
  void Clear(SketchBudget& budget);
  // To a file and back, into an empty one. False: what is read cannot be, or has no budget.
  void Write(std::string& out) const;
  bool Read(PackedNumbers& in, SketchBudget& budget);

  // False: only a sketch is left, of more things than it counts exactly.
  bool exact() const { return sketch_ == nullptr; }
  bool empty() const { return few_.empty() && sketch_ == nullptr; }
  std::size_t MemoryBytes() const {
    return few_.capacity() * sizeof few_[0] + (sketch_ ? sizeof *sketch_ : 0);
  }

 private:
  friend class DistinctUnion;

  std::size_t exact_ = kExactThings;
  std::vector<std::uint32_t> few_;  // upper halves of hashes, in no order
  std::unique_ptr<SketchRegisters> sketch_;
};

// The things of several counters, each counted once.
class DistinctUnion {
 public:
  void Add(const DistinctCounter& counter);
  // Exact for up to kMostExactThings of exact counters.
  double Estimate();

 private:
  void UseRegisters();

  std::vector<std::uint32_t> few_;
  bool uses_registers_ = false;
  SketchRegisters registers_;  // once they are used
};

}  // namespace backscatter
