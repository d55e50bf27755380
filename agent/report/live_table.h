// A bounded list of the most frequent, for series that come and go: targets, networks, domains.
//
// At most `top` rows are on the list; a few thousand candidates wait beside it. What is new goes on
// the list at once while there is room. When there is none, a row leaves for a candidate only if it
// was silent for five minutes, or if the candidate had twice as many RCPTs within ten minutes, and
// ten at the least (counted as an eviction). After an hour of silence a row leaves anyway.
//
// Counts on the list are those since a row entered it, so they only grow, and all of them together
// with what was counted beside the list are everything that came.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "agent/base/packet_time.h"
#include "agent/detect/rolling_count.h"
#include "agent/report/live_snapshot.h"

namespace backscatter {

// The four windows of one thing that is counted: what comes within the same ten seconds, nearly all
// there is, costs one addition. 256 bytes.
class LiveWindowCounts {
 public:
  static constexpr PacketTime kFinest = 10 * kSecond;

  // `part`: PartOf(time, kFinest).
  void Add(std::int64_t part, double weight) {
    if (part != part_) {
      Flush();
      part_ = part;
    }
    pending_ += weight;
  }
  double TenMinutes(PacketTime now) {
    Flush();
    return ten_minutes_.Sum(now);
  }
  LiveWindows Sums(PacketTime now) {
    Flush();
    return {minute_.Sum(now), ten_minutes_.Sum(now), hour_.Sum(now), day_.Sum(now)};
  }

 private:
  void Flush() {
    if (pending_ == 0) return;
    const PacketTime at = part_ * kFinest;
    minute_.Add(at, pending_);
    ten_minutes_.Add(at, pending_);
    hour_.Add(at, pending_);
    day_.Add(at, pending_);
    pending_ = 0;
  }

  std::int64_t part_ = 0;
  double pending_ = 0;  // of it, not in the windows yet
  RollingCount<6, kFinest> minute_;
  RollingCount<10, kMinute> ten_minutes_;
  RollingCount<12, 5 * kMinute> hour_;
  RollingCount<24, kHour> day_;
};

// State: default-constructible; what else is counted of a row. `void BeginCounts()`: it entered the
// list. `void GiveUp(SketchBudget&)`, `void ClearOld(PacketTime now, SketchBudget&)`. Keys are
// 64-bit keyed hashes of names. Owned by one thread.
template <typename State>
class LiveTable {
 public:
  static constexpr PacketTime kStays = 5 * kMinute;
  static constexpr PacketTime kStaysUnwanted = kHour;
  static constexpr double kLeastToEvict = 10;

  struct Row {
    std::string name;
    bool listed = false;
    std::uint64_t first_told = 0;  // number of the first snapshot it was in; 0: none yet
    PacketTime last = 0;
    LiveWindowCounts windows;
    State state;
  };

  LiveTable(std::size_t top, SketchBudget* budget)
      : top_(top), capacity_(Candidates(top)), budget_(*budget) {}

  // The row of `key`; where it is not there it is made, with the name that `make_name()` returns.
  // Valid until the next call of this or of Settle.
  template <typename MakeName>
  Row& At(std::uint64_t key, PacketTime at, MakeName make_name) {
    const auto found = rows_.find(key);
    Row& row = found != rows_.end() ? *found->second : Add(key, make_name(), at);
    row.last = std::max(row.last, at);
    return row;
  }

  // Once a second: who leaves, who enters.
  void Settle(PacketTime now) {
    std::vector<std::pair<double, Row*>> waiting;
    std::vector<std::pair<double, Row*>> listed;
    const bool new_minute = std::exchange(minute_, PartOf(now, kMinute)) != PartOf(now, kMinute);
    for (auto it = rows_.begin(); it != rows_.end();) {
      Row& row = *it->second;
      const auto here = it++;
      if (new_minute) row.state.ClearOld(now, budget_);
      if (IsSilent(row, now, kStaysUnwanted)) {
        Remove(here);
      } else {
        (row.listed ? listed : waiting).emplace_back(row.windows.TenMinutes(now), &row);
      }
    }
    constexpr auto kByCount = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::sort(listed.begin(), listed.end(), kByCount);
    std::sort(waiting.begin(), waiting.end(), kByCount);
    for (; !waiting.empty() && top_ > 0; waiting.pop_back()) {
      const auto& [count, candidate] = waiting.back();
      if (IsSilent(*candidate, now, kStays)) continue;
      if (listed_ == top_) {
        auto place = std::ranges::find_if(
            listed, [&](const auto& entry) { return IsSilent(*entry.second, now, kStays); });
        if (place == listed.end()) {
          if (listed.empty() || count < std::max(2 * listed.front().first, kLeastToEvict)) break;
          place = listed.begin();
          ++evicted_;
        }
        Leave(*place->second);
        listed.erase(place);
      }
      Enter(*candidate);
    }
  }

  // visit(Row&) for those on the list.
  template <typename Visit>
  void ForEachListed(Visit visit) {
    for (auto& [key, row] : rows_) {
      if (row->listed) visit(*row);
    }
  }

  std::size_t listed() const { return listed_; }
  std::size_t size() const { return rows_.size(); }
  std::uint64_t evicted() const { return evicted_; }

  static std::uint64_t MostRows(std::size_t top) { return Candidates(top) + top; }
  // With its name, and its place in the table.
  static constexpr std::uint64_t kRowBytes = sizeof(Row) + 384;

 private:
  using Rows = absl::flat_hash_map<std::uint64_t, std::unique_ptr<Row>>;

  static std::size_t Candidates(std::size_t top) {
    return std::clamp<std::size_t>(8 * top, 256, 4096);
  }
  static bool IsSilent(const Row& row, PacketTime now, PacketTime how_long) {
    return TimeBetween(row.last, now) >= how_long;
  }

  Row& Add(std::uint64_t key, std::string name, PacketTime at) {
    if (rows_.size() >= capacity_ + listed_) Purge(at);
    std::unique_ptr<Row>& row = rows_[key];
    row = std::make_unique<Row>();
    row->name = std::move(name);
    row->last = at;
    if (listed_ < top_) Enter(*row);
    return *row;
  }

  void Enter(Row& row) {
    row.listed = true;
    row.first_told = 0;
    row.state.BeginCounts();
    ++listed_;
  }
  void Leave(Row& row) {
    row.listed = false;
    --listed_;
  }
  void Remove(typename Rows::iterator row) {
    if (row->second->listed) --listed_;
    row->second->state.GiveUp(budget_);
    rows_.erase(row);
  }

  // At least half of the candidates, the least frequent.
  void Purge(PacketTime now) {
    std::vector<std::pair<double, std::uint64_t>> waiting;
    waiting.reserve(rows_.size());
    for (const auto& [key, row] : rows_) {
      if (!row->listed) waiting.emplace_back(row->windows.TenMinutes(now), key);
    }
    const auto middle = waiting.begin() + static_cast<std::ptrdiff_t>((waiting.size() - 1) / 2);
    constexpr auto kByCount = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::nth_element(waiting.begin(), middle, waiting.end(), kByCount);
    const double limit = middle->first;
    for (const auto& [count, key] : waiting) {
      if (count <= limit) Remove(rows_.find(key));
    }
  }

  const std::size_t top_;
  const std::size_t capacity_;  // of candidates
  SketchBudget& budget_;
  Rows rows_;
  std::size_t listed_ = 0;
  std::uint64_t evicted_ = 0;
  std::int64_t minute_ = 0;  // of the latest Settle
};

}  // namespace backscatter
