// The connections of an HTTP server: how many, of whom, how long; who has to go when there are too
// many. Knows sockets, not HTTP.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "agent/base/file_descriptor.h"
#include "agent/base/ip_address.h"

namespace backscatter {

struct HttpLimits {
  std::size_t connections = 256;
  std::size_t connections_of_one = 32;       // an IPv4 address, or a /64
  std::size_t header_bytes = 16U << 10;      // of a request
  std::size_t upload_bytes = 1024;           // of a POST
  std::size_t answer_bytes = 64U << 20;      // of all answers that wait to be sent
  std::chrono::milliseconds header{10'000};  // until a request is whole, the handshake included
  std::chrono::milliseconds answer{30'000};  // from there until its answer is sent
  std::chrono::milliseconds reading{5'000};  // after this long it may be displaced
  std::chrono::milliseconds idle{75'000};    // from there until the next request begins
  std::chrono::milliseconds retired{5'000};  // the same, of a connection that is to end
};

struct HttpCounts {
  std::uint64_t open = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;    // at once: no room
  std::uint64_t displaced = 0;  // while they waited, to make room
  std::uint64_t timed_out = 0;
};

// Clients are told apart by address, those of IPv6 by their /64: it is one host's to choose from.
IpAddress HttpClientKey(const IpAddress& address);

// Thread-safe. A connection is in one of three states, each with its own longest time, counted from
// the beginning of the state: a byte now and then prolongs nothing. A new connection finds room
// where it can: the oldest that still owes its first request goes, then the one that has been idle
// for longest, then the oldest that has been answered for some seconds and not read it; of the same
// client where that one is at its limit, else of the client that has the most. Strangers displace
// no client that is known, and have to go for one whatever they wait for.
class HttpConnections {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State : std::uint8_t {
    kWaiting,    // for a whole request
    kAnswering,  // made or sent
    kIdle,       // answered
  };

  struct Connection {
    IpAddress client;
    IpAddress key;
    FileDescriptor socket;  // a second one: whoever serves it closes its own when it likes
    int fd = -1;            // the server's own
    const void* owner = nullptr;
    State state = State::kWaiting;
    Clock::time_point since = {};
    bool leaving = false;  // its socket was shut down
    bool retired = false;  // to be ended when it was idle for a little
    bool known = false;    // someone who gave a right password
  };

  explicit HttpConnections(const HttpLimits& limits) : limits_(limits) {}

  // False: there is no room, the caller closes `fd`. `owner`: whoever will serve it.
  // `known`: a client that gave a right password before.
  bool Add(int fd, const IpAddress& client, const void* owner, Clock::time_point now,
           bool known = false);
  // The one that was added last with this descriptor, or null. It stays until Remove.
  Connection* Find(int fd);
  void Enter(Connection* connection, State state, Clock::time_point now);
  // It gave a right password.
  void Know(Connection* connection);
  // The first line of a request came: from idle to waiting.
  void BeginRequest(Connection* connection, Clock::time_point now);
  // To be called before the server closes the descriptor.
  void Remove(int fd);

  // Shuts down what has stayed too long.
  void Sweep(Clock::time_point now);
  // Those of that owner are to end: soon where they are idle, or when they become so.
  void Retire(const void* owner, Clock::time_point now);
  bool IsRetired(const Connection& connection) const;
  std::size_t CountOf(const void* owner) const;

  HttpCounts counts() const;

 private:
  // Who may be displaced.
  struct Choice {
    const IpAddress* key = nullptr;  // of that client only
    bool known = false;              // those who are known too
    bool answering = false;          // also while it is being answered
  };

  bool MakeRoom(const IpAddress& key, bool known, Clock::time_point now);
  Connection* WeakestOfAll(bool known, Clock::time_point now) const;
  Connection* Weakest(const Choice& choice, Clock::time_point now) const;
  std::chrono::milliseconds Longest(const Connection& connection) const;
  void Leave(Connection& connection);
  void StayNoMore(const Connection& connection);

  const HttpLimits limits_;
  mutable std::mutex mutex_;
  std::unordered_map<int, std::unique_ptr<Connection>> table_;
  std::map<IpAddress, std::size_t> staying_of_;  // by key; without those that leave
  std::size_t staying_ = 0;
  HttpCounts counts_;
};

}  // namespace backscatter
