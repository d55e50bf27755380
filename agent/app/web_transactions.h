// The latest transactions, for the API.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "agent/detect/verdict.h"
#include "agent/mail/canonical_target.h"
#include "exporters/api_json.h"

namespace backscatter {

// Rows are made as they will be told: no address is kept but by its label. One thread feeds it, any
// may read; the lock is held for pointers only.
class RecentTransactions {
 public:
  static constexpr std::size_t kMostBytes = 32U << 20;

  // `capacity` 0: none are kept.
  void Configure(std::uint64_t capacity, const TargetOptions& targets, TargetNamer name);

  void OnTransaction(const JudgedTransaction& judged);

  ApiTransactions Latest(const ApiPage& page) const;

 private:
  void MakeRoom();

  TargetOptions targets_;
  TargetNamer name_;
  mutable std::mutex mutex_;
  std::uint64_t capacity_ = 0;
  std::uint64_t seen_ = 0;
  std::deque<std::shared_ptr<const std::string>> rows_;  // the newest last
  std::size_t bytes_ = 0;
};

}  // namespace backscatter
