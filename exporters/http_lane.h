// A thread that works off the requests of an HTTP server, one after another, in turns by client.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "agent/base/ip_address.h"

namespace backscatter {

// Thread-safe. Clients take turns, so one that asks much delays itself and others by one job only.
class HttpLaneThread {
 public:
  // `run` is false where the lane ends before its turn has come.
  using Job = std::function<void(bool run)>;

  // Of all clients, and of one: what waits.
  HttpLaneThread(std::size_t most, std::size_t most_of_one)
      : most_(most), most_of_one_(most_of_one) {}
  ~HttpLaneThread() { Stop(); }
  HttpLaneThread(const HttpLaneThread&) = delete;
  HttpLaneThread& operator=(const HttpLaneThread&) = delete;

  void Start();
  // False: too much waits, or the lane has ended; the job will not be called. `first`: before the
  // turns of all others, and however much they have waiting.
  bool Post(const IpAddress& client, Job job, bool first = false);
  // Every job that was taken has been called when it returns.
  void Stop();

 private:
  struct Client {
    IpAddress address;
    std::deque<Job> jobs;  // never empty
    bool first = false;    // until they are done
  };

  void Loop();

  const std::size_t most_;
  const std::size_t most_of_one_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Client> clients_;  // whose turn it is stands first
  std::size_t waiting_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace backscatter
