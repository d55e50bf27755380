#include "agent/app/stop_signal.h"

#include <csignal>
#include <cstdint>
#include <ctime>
#include <initializer_list>

namespace backscatter {
namespace {

// A signal handler can reach only what is static.
std::atomic<bool> stop_requested{false};
std::atomic<std::int64_t> first_stop_at{0};
static_assert(std::atomic<bool>::is_always_lock_free);
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

// One wish to stop may arrive as several signals: timeout(1) signals its child and then its whole
// group. What comes this soon behind the first is the same wish.
constexpr std::int64_t kSameWishMs = 500;

std::int64_t MonotonicMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // async-signal-safe (POSIX)
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

extern "C" void OnStopSignal(int signal) {
  const std::int64_t now = MonotonicMs();
  if (!stop_requested.exchange(true)) {
    first_stop_at.store(now);
  } else if (now - first_stop_at.load() >= kSameWishMs) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

}  // namespace

const std::atomic<bool>& InstallStopSignals() {
  struct sigaction action {};
  action.sa_handler = OnStopSignal;
  action.sa_flags = 0;  // no SA_RESTART: a read that waits returns
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction before {};
    // A shell starts background jobs with SIGINT ignored; that stays.
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
  return stop_requested;
}

void RequestStop() { stop_requested.store(true, std::memory_order_relaxed); }

}  // namespace backscatter
