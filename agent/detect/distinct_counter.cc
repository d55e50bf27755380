#include "agent/detect/distinct_counter.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace backscatter {
namespace {

constexpr int kRankBits = 64 - kSketchPrecision;
constexpr int kMostRank = kRankBits + 1;
constexpr std::uint32_t kWritesSketch = 0xffff'ffff;

void Raise(SketchRegisters& registers, std::uint64_t hash) {
  std::uint8_t& reg = registers[hash >> kRankBits];
  const std::uint64_t rest = hash << kSketchPrecision;
  const int rank = rest == 0 ? kMostRank : std::countl_zero(rest) + 1;
  reg = std::max(reg, static_cast<std::uint8_t>(rank));
}

// Sixteen at once: a compiler that sees no alias, and no reference as std::max has, makes it so.
void RaiseAll(std::uint8_t* __restrict registers, const std::uint8_t* __restrict others) {
  for (std::size_t i = 0; i < kSketchRegisters; ++i) {
    const std::uint8_t mine = registers[i];
    const std::uint8_t other = others[i];
    registers[i] = mine < other ? other : mine;
  }
}

// What is kept of a hash decides the register, and nearly always the rank.
std::uint64_t Widen(std::uint32_t upper) {
  return std::uint64_t{upper} << 32 | std::uint64_t{1} << 31;
}

// Sum of x^(2^k) * 2^(k-1), and its counterpart for full registers: Ertl 2017, section 4.
double Sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double power = x;
  double weight = 1;
  double sum = x;
  for (double before = -1; before != sum;) {
    before = sum;
    power *= power;
    sum += power * weight;
    weight += weight;
  }
  return sum;
}

double Tau(double x) {
  if (x == 0 || x == 1) return 0;
  double root = x;
  double weight = 1;
  double sum = 1 - x;
  for (double before = -1; before != sum;) {
    before = sum;
    root = std::sqrt(root);
    weight *= 0.5;
    sum -= (1 - root) * (1 - root) * weight;
  }
  return sum / 3;
}

double EstimateOf(const SketchRegisters& registers) {
  // Registers of each rank. Neighbours often have the same one: in four rows no addition waits for
  // the one before it.
  std::array<std::array<std::uint32_t, kMostRank + 1>, 4> rows{};
  for (std::size_t i = 0; i < kSketchRegisters; ++i) ++rows[i % rows.size()][registers[i]];
  std::array<std::uint32_t, kMostRank + 1> having{};
  for (const auto& row : rows) {
    for (std::size_t rank = 0; rank < row.size(); ++rank) having[rank] += row[rank];
  }
  constexpr double kCount = kSketchRegisters;
  double sum = kCount * Tau(1 - having[kMostRank] / kCount);
  for (std::size_t rank = kRankBits; rank >= 1; --rank) sum = 0.5 * (sum + having[rank]);
  sum += kCount * Sigma(having[0] / kCount);
  return kCount * kCount / (2 * std::log(2.0)) / sum;
}

}  // namespace

void DistinctCounter::Add(std::uint64_t hash, SketchBudget& budget) {
  if (sketch_ != nullptr) {
    Raise(*sketch_, hash);
    return;
  }
  const auto upper = static_cast<std::uint32_t>(hash >> 32);
  if (std::find(few_.begin(), few_.end(), upper) != few_.end()) return;
  if (few_.size() < exact_) {
    few_.push_back(upper);
    return;
  }
  if (budget.left == 0) {
    ++budget.refused;
    return;
  }
  --budget.left;
  sketch_ = std::make_unique<SketchRegisters>();
  for (const std::uint32_t one : few_) Raise(*sketch_, Widen(one));
  Raise(*sketch_, hash);
  std::vector<std::uint32_t>().swap(few_);
}

void DistinctCounter::Clear(SketchBudget& budget) {
  if (sketch_ != nullptr) ++budget.left;
  sketch_.reset();
  few_.clear();
}

void DistinctCounter::Write(std::string& out) const {
  PutU32(out, sketch_ != nullptr ? kWritesSketch : static_cast<std::uint32_t>(few_.size()));
  for (const std::uint32_t one : few_) PutU32(out, one);
  if (sketch_ != nullptr) out.append(sketch_->begin(), sketch_->end());
}

bool DistinctCounter::Read(PackedNumbers& in, SketchBudget& budget) {
  const std::uint32_t size = in.U32();
  if (size == kWritesSketch) {
    const std::string_view registers = in.Take(kSketchRegisters);
    if (!in.ok || budget.left == 0) return false;
    sketch_ = std::make_unique<SketchRegisters>();
    std::copy(registers.begin(), registers.end(), sketch_->begin());
    --budget.left;
    return std::ranges::all_of(*sketch_, [](std::uint8_t reg) { return reg <= kMostRank; });
  }
  if (!in.ok || size > exact_) return false;
  for (std::uint32_t i = 0; i < size && in.ok; ++i) few_.push_back(in.U32());
  return in.ok;
}

void DistinctUnion::UseRegisters() {
  if (!uses_registers_) registers_.fill(0);
  uses_registers_ = true;
}

void DistinctUnion::Add(const DistinctCounter& counter) {
  few_.insert(few_.end(), counter.few_.begin(), counter.few_.end());
  if (counter.sketch_ == nullptr) return;
  if (!uses_registers_) {
    uses_registers_ = true;
    registers_ = *counter.sketch_;
    return;
  }
  RaiseAll(registers_.data(), counter.sketch_->data());
}

double DistinctUnion::Estimate() {
  if (!uses_registers_) {
    std::sort(few_.begin(), few_.end());
    few_.erase(std::unique(few_.begin(), few_.end()), few_.end());
    if (few_.size() <= kMostExactThings) return static_cast<double>(few_.size());
  }
  UseRegisters();
  for (const std::uint32_t one : few_) Raise(registers_, Widen(one));
  few_.clear();
  return EstimateOf(registers_);
}

}  // namespace backscatter
