#include "agent/app/web_transactions.h"

#include <utility>

namespace backscatter {

void RecentTransactions::Configure(std::uint64_t capacity, const TargetOptions& targets,
                                   TargetNamer name) {
  targets_ = targets;
  name_ = std::move(name);
  const std::lock_guard lock(mutex_);
  capacity_ = capacity;
  MakeRoom();
}

void RecentTransactions::OnTransaction(const JudgedTransaction& judged) {
  if (capacity_ == 0) return;  // only this thread writes it
  auto row = std::make_shared<const std::string>(RenderApiTransaction(judged, targets_, name_));
  const std::lock_guard lock(mutex_);
  ++seen_;
  bytes_ += row->size();
  rows_.push_back(std::move(row));
  MakeRoom();
}

void RecentTransactions::MakeRoom() {
  while (!rows_.empty() && (rows_.size() > capacity_ || bytes_ > kMostBytes)) {
    bytes_ -= rows_.front()->size();
    rows_.pop_front();
  }
}

ApiTransactions RecentTransactions::Latest(const ApiPage& page) const {
  const std::lock_guard lock(mutex_);
  ApiTransactions latest{.capacity = capacity_, .seen = seen_, .kept = rows_.size(), .rows = {}};
  const std::size_t size = rows_.size();
  for (std::size_t i = page.Begin(size); i < page.End(size); ++i) {
    latest.rows.push_back(rows_[size - 1 - i]);
  }
  return latest;
}

}  // namespace backscatter
