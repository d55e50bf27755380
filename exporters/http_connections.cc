#include "exporters/http_connections.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace backscatter {

IpAddress HttpClientKey(const IpAddress& address) { return NetworkOf(address, 32, 64); }

bool HttpConnections::Add(int fd, const IpAddress& client, const void* owner, Clock::time_point now,
                          bool known) {
  const std::lock_guard lock(mutex_);
  // One that was never served and whose descriptor was closed without a word.
  if (const auto stale = table_.find(fd); stale != table_.end()) {
    StayNoMore(*stale->second);
    table_.erase(stale);
  }
  const IpAddress key = HttpClientKey(client);
  auto connection = std::make_unique<Connection>();
  connection->socket = FileDescriptor(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!connection->socket.valid() || !MakeRoom(key, known, now)) {
    ++counts_.refused;
    return false;
  }
  connection->client = client;
  connection->key = key;
  connection->fd = fd;
  connection->owner = owner;
  connection->since = now;
  connection->known = known;
  table_.emplace(fd, std::move(connection));
  ++staying_of_[key];
  ++staying_;
  ++counts_.accepted;
  return true;
}

HttpConnections::Connection* HttpConnections::Find(int fd) {
  const std::lock_guard lock(mutex_);
  const auto found = table_.find(fd);
  return found == table_.end() ? nullptr : found->second.get();
}

void HttpConnections::Enter(Connection* connection, State state, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  connection->state = state;
  connection->since = now;
}

void HttpConnections::Know(Connection* connection) {
  const std::lock_guard lock(mutex_);
  connection->known = true;
}

void HttpConnections::BeginRequest(Connection* connection, Clock::time_point now) {
  if (connection->state == State::kIdle) Enter(connection, State::kWaiting, now);
}

void HttpConnections::Remove(int fd) {
  const std::lock_guard lock(mutex_);
  const auto found = table_.find(fd);
  if (found == table_.end()) return;
  StayNoMore(*found->second);
  table_.erase(found);
}

void HttpConnections::Sweep(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (const auto& [fd, connection] : table_) {
    if (connection->leaving || now - connection->since < Longest(*connection)) continue;
    Leave(*connection);
    if (!connection->retired) ++counts_.timed_out;
  }
}

void HttpConnections::Retire(const void* owner, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (const auto& [fd, connection] : table_) {
    if (connection->owner != owner) continue;
    connection->retired = true;
    // Its client may be about to ask: it is told with the answer that there is no next one.
    if (connection->state == State::kIdle) connection->since = now;
  }
}

bool HttpConnections::IsRetired(const Connection& connection) const {
  const std::lock_guard lock(mutex_);
  return connection.retired;
}

std::size_t HttpConnections::CountOf(const void* owner) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(table_, [&](const auto& each) { return each.second->owner == owner; }));
}

HttpCounts HttpConnections::counts() const {
  const std::lock_guard lock(mutex_);
  HttpCounts counts = counts_;
  counts.open = staying_;
  return counts;
}

bool HttpConnections::MakeRoom(const IpAddress& key, bool known, Clock::time_point now) {
  // Those that leave hold a descriptor until a lane gave them back and their server saw it.
  if (table_.size() >= (known ? 3 : 2) * limits_.connections) return false;
  const auto own = staying_of_.find(key);
  const bool own_limit = own != staying_of_.end() && own->second >= limits_.connections_of_one;
  if (!own_limit && staying_ < limits_.connections) return true;
  Connection* const weakest =
      own_limit ? Weakest({.key = &key, .known = true}, now) : WeakestOfAll(known, now);
  if (weakest == nullptr) return false;
  Leave(*weakest);
  ++counts_.displaced;
  return true;
}

HttpConnections::Connection* HttpConnections::WeakestOfAll(bool known,
                                                           Clock::time_point now) const {
  const auto most =
      std::ranges::max_element(staying_of_, {}, [](const auto& each) { return each.second; });
  Connection* weakest = Weakest({.key = &most->first}, now);
  if (weakest == nullptr) weakest = Weakest({}, now);
  if (weakest == nullptr && known) weakest = Weakest({.answering = true}, now);
  if (weakest == nullptr && known) weakest = Weakest({.known = true}, now);
  return weakest;
}

HttpConnections::Connection* HttpConnections::Weakest(const Choice& choice,
                                                      Clock::time_point now) const {
  const auto rank = [](const Connection& c) {
    const int place = c.state == State::kWaiting ? 0 : c.state == State::kIdle ? 1 : 2;
    return std::pair(place, c.since);
  };
  Connection* weakest = nullptr;
  for (const auto& [fd, connection] : table_) {
    if (connection->leaving || (connection->known && !choice.known)) continue;
    if (choice.key != nullptr && connection->key != *choice.key) continue;
    if (!choice.answering && connection->state == State::kAnswering &&
        now - connection->since < limits_.reading) {
      continue;
    }
    if (weakest == nullptr || rank(*connection) < rank(*weakest)) weakest = connection.get();
  }
  return weakest;
}

std::chrono::milliseconds HttpConnections::Longest(const Connection& connection) const {
  switch (connection.state) {
    case State::kWaiting:
      return limits_.header;
    case State::kAnswering:
      return limits_.answer;
    case State::kIdle:
      return connection.retired ? std::min(limits_.retired, limits_.idle) : limits_.idle;
  }
  return limits_.header;
}

void HttpConnections::Leave(Connection& connection) {
  if (connection.leaving) return;
  StayNoMore(connection);
  connection.leaving = true;
  if (connection.state == State::kAnswering) {  // what waits in the kernel for a slow reader too
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(connection.socket.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  (void)shutdown(connection.socket.get(), SHUT_RDWR);
}

void HttpConnections::StayNoMore(const Connection& connection) {
  if (connection.leaving) return;
  --staying_;
  const auto found = staying_of_.find(connection.key);
  if (--found->second == 0) staying_of_.erase(found);
}

}  // namespace backscatter
