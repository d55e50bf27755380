// What is usual: counts an hour by hour of day, weekdays and weekends apart (UTC).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"

#include "agent/base/packet_time.h"

namespace backscatter {

// An exponentially weighted mean for each of 48 slots, by 64-bit keyed hash. A key is known from
// its first count on, and then has a sample for every hour, also where there was nothing. When the
// table is full the half with the least in all goes. Packet time; not thread-safe.
class Baselines {
 public:
  static constexpr double kNewest = 0.3;  // weight of the newest sample
  static constexpr std::uint8_t kMinSamples = 3;

  static constexpr std::size_t kSlots = 48;

  // What each count touches stands first, beside the key.
  struct Row {
    float hour = 0;                     // counted in the hour that runs
    std::optional<float> at_most = {};  // a flood was on in it
    std::uint64_t known = 0;            // a bit for each slot that has samples
    std::array<float, kSlots> mean{};
    std::array<std::uint8_t, kSlots> samples{};
  };

  explicit Baselines(std::size_t capacity) : capacity_(capacity < 2 ? 2 : capacity) {}

  // `at_most`: while a flood is on, how many an hour it may teach (or twice what is usual, if that
  // is more), so that it does not become what is usual at once.
  void Add(std::uint64_t key, PacketTime now, double amount,
           std::optional<double> at_most = std::nullopt);
  // Closes the hours that have passed.
  void AdvanceTo(PacketTime now);
  // The clock was wrong: what the hour under way had is dropped, what is usual stays.
  void BeginAnew();

  // What is usual within `window` at this hour; nullopt with fewer than kMinSamples.
  std::optional<double> Usual(std::uint64_t key, PacketTime now, PacketTime window) const;

  // To a file and back: the hour that runs since 1970, and visit(std::uint64_t key, const Row&).
  std::optional<std::int64_t> hour() const { return hour_; }
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [key, row] : rows_) visit(key, row);
  }
  void RestoreHour(std::int64_t hour) { hour_ = hour; }
  void Restore(std::uint64_t key, const Row& row);

  std::size_t size() const { return rows_.size(); }
  std::uint64_t given_up() const { return given_up_; }
  std::size_t MemoryBytes() const { return rows_.capacity() * (sizeof(Row) + 9); }
  static std::uint64_t MostBytes(std::size_t capacity);

 private:
  Row& At(std::uint64_t key);
  static std::size_t SlotOf(std::int64_t hour);
  void CloseHour(std::int64_t hour);
  void Purge();

  std::size_t capacity_;
  absl::flat_hash_map<std::uint64_t, Row> rows_;
  std::optional<std::int64_t> hour_;  // that runs, since 1970
  std::uint64_t given_up_ = 0;
};

}  // namespace backscatter
