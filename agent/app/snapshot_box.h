// Where the engine leaves the latest snapshot for whoever serves it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "agent/report/live_snapshot.h"

namespace backscatter {

// Thread-safe. The lock is held for the copy of a pointer, never while a snapshot is made, read or
// freed, so no reader, however slow, makes the engine wait.
class SnapshotBox {
 public:
  void Put(std::shared_ptr<const LiveSnapshot> snapshot) {
    {
      const std::lock_guard lock(mutex_);
      snapshot_.swap(snapshot);
    }
    // The one before may be freed here, outside of the lock.
  }
  // Null before the first.
  std::shared_ptr<const LiveSnapshot> Get() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

  // The same for a scrape of /metrics: what has just entered a list is told as 0 until one came.
  std::shared_ptr<const LiveSnapshot> GetForScrape() {
    std::shared_ptr<const LiveSnapshot> snapshot = Get();
    if (snapshot != nullptr) {
      std::uint64_t before = scraped_.load();
      while (before < snapshot->number &&
             !scraped_.compare_exchange_weak(before, snapshot->number)) {
      }
    }
    return snapshot;
  }
  // The number of the newest snapshot that was scraped; 0: none yet.
  std::uint64_t scraped() const { return scraped_.load(); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const LiveSnapshot> snapshot_;
  std::atomic<std::uint64_t> scraped_{0};
};

}  // namespace backscatter
