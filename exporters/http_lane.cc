#include "exporters/http_lane.h"

#include <algorithm>
#include <utility>

namespace backscatter {

void HttpLaneThread::Start() {
  thread_ = std::thread([this] { Loop(); });
}

bool HttpLaneThread::Post(const IpAddress& client, Job job, bool first) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || (waiting_ >= most_ && !first)) return false;
  auto found = std::ranges::find(clients_, client, &Client::address);
  if (found == clients_.end()) {
    found = clients_.insert(clients_.end(), Client{client, {}, false});
  } else if (found->jobs.size() >= most_of_one_) {
    return false;
  }
  if (first && !std::exchange(found->first, true)) {
    clients_.splice(clients_.begin(), clients_, found);
  }
  found->jobs.push_back(std::move(job));
  ++waiting_;
  changed_.notify_one();
  return true;
}

void HttpLaneThread::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void HttpLaneThread::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !clients_.empty(); });
    if (clients_.empty()) return;
    Client& client = clients_.front();
    const Job job = std::move(client.jobs.front());
    client.jobs.pop_front();
    --waiting_;
    if (client.jobs.empty()) {
      clients_.pop_front();
    } else if (!client.first) {
      clients_.splice(clients_.end(), clients_, clients_.begin());
    }
    const bool run = !stopping_;
    lock.unlock();
    job(run);
    lock.lock();
  }
}

}  // namespace backscatter
