#include "agent/detect/baselines.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>
#include <vector>

#include "agent/detect/rolling_count.h"

namespace backscatter {

// 1 January 1970 was a Thursday.
std::size_t Baselines::SlotOf(std::int64_t hour) {
  const std::int64_t in_week = ((hour + 3 * 24) % 168 + 168) % 168;  // from Monday on
  const bool weekend = in_week >= std::int64_t{5} * 24;
  return static_cast<std::size_t>(in_week % 24) + (weekend ? 24 : 0);
}

void Baselines::Add(std::uint64_t key, PacketTime now, double amount,
                    std::optional<double> at_most) {
  AdvanceTo(now);
  Row& row = At(key);
  row.hour += static_cast<float>(amount);
  if (at_most) row.at_most = static_cast<float>(*at_most);
}

Baselines::Row& Baselines::At(std::uint64_t key) {
  const auto found = rows_.find(key);
  if (found != rows_.end()) return found->second;
  if (rows_.size() >= capacity_) Purge();
  return rows_[key];
}

void Baselines::Restore(std::uint64_t key, const Row& row) { At(key) = row; }

void Baselines::AdvanceTo(PacketTime now) {
  const std::int64_t hour = PartOf(now, kHour);
  if (!hour_) hour_ = hour;
  // Hours in which nothing came are samples of nothing. More than a day of them is a capture that
  // has a hole, or an agent that did not run: no samples.
  constexpr std::int64_t kMost = 24;
  if (hour - *hour_ > kMost) {
    CloseHour(*hour_);
    hour_ = hour;
  }
  while (*hour_ < hour) CloseHour((*hour_)++);
}

void Baselines::BeginAnew() {
  hour_.reset();
  for (auto& [key, row] : rows_) {
    row.hour = 0;
    row.at_most.reset();
  }
}

void Baselines::CloseHour(std::int64_t hour) {
  const std::size_t slot = SlotOf(hour);
  for (auto& [key, row] : rows_) {
    float& mean = row.mean[slot];
    std::uint8_t& samples = row.samples[slot];
    float counted = std::exchange(row.hour, 0);
    const std::optional<float> at_most = std::exchange(row.at_most, std::nullopt);
    if (at_most) counted = std::min(counted, std::max(*at_most, 2 * mean));
    mean = samples == 0 ? counted : mean + static_cast<float>(kNewest) * (counted - mean);
    if (samples < kMinSamples) ++samples;
    row.known |= std::uint64_t{1} << slot;
  }
}

std::optional<double> Baselines::Usual(std::uint64_t key, PacketTime now, PacketTime window) const {
  const auto found = rows_.find(key);
  if (found == rows_.end()) return std::nullopt;
  const std::size_t slot = SlotOf(PartOf(now, kHour));
  if (found->second.samples[slot] < kMinSamples) return std::nullopt;
  return static_cast<double>(found->second.mean[slot]) * static_cast<double>(window) /
         static_cast<double>(kHour);
}

void Baselines::Purge() {
  const auto sum_of = [](const Row& row) {
    float sum = row.hour;
    for (std::uint64_t left = row.known; left != 0; left &= left - 1) {
      sum += row.mean[static_cast<std::size_t>(std::countr_zero(left))];
    }
    return sum;
  };
  std::vector<float> sums;
  sums.reserve(rows_.size());
  for (const auto& [key, row] : rows_) sums.push_back(sum_of(row));
  const auto middle = sums.begin() + static_cast<std::ptrdiff_t>((sums.size() - 1) / 2);
  std::nth_element(sums.begin(), middle, sums.end());
  const float limit = *middle;
  for (auto it = rows_.begin(); it != rows_.end();) {
    const auto next = std::next(it);
    if (sum_of(it->second) <= limit) {
      rows_.erase(it);
      ++given_up_;
    }
    it = next;
  }
}

std::uint64_t Baselines::MostBytes(std::size_t capacity) {
  return std::bit_ceil<std::uint64_t>(capacity + capacity / 7 + 1) *
         (sizeof(std::pair<std::uint64_t, Row>) + 1);
}

}  // namespace backscatter
