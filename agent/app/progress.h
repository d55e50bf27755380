// One line on standard error that says how far a long replay is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace backscatter {

// "1.2 GiB of 4.0 GiB   30 %   310 MiB/s   9 s left"; without a known size (0): "1.2 GiB   310
// MiB/s". `done` may be above `size` (a file that grows): then the percentage stays at 100.
std::string FormatProgress(std::uint64_t done, std::uint64_t size, double seconds);

// "999 B", "1.2 KiB", "34 MiB": three significant digits at most.
std::string FormatBytes(double bytes);

// "9 s", "2 min 05 s", "3 h 07 min".
std::string FormatTimeLeft(double seconds);

// Silent for the first two seconds, then four lines a second at most. Not thread-safe.
class Progress {
 public:
  // Nothing is ever written unless `enabled` (out is a terminal).
  Progress(std::FILE* out, bool enabled);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Whether Show would write now. Ask once a batch of packets: it reads the clock (about 25 ns).
  bool Due() const;
  void Show(std::uint64_t done, std::uint64_t size);
  // Takes the line away, before anything else is written.
  void Clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::FILE* out_;
  bool enabled_;
  bool shown_ = false;
  Clock::time_point start_;
  Clock::time_point next_;
};

}  // namespace backscatter
