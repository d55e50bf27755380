#include "agent/app/control_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>
#include <string>

namespace backscatter {
namespace {

sigset_t SetOf(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

absl::StatusOr<ControlSignals> ControlSignals::Open() {
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = SetOf({SIGTERM, SIGINT, SIGHUP, SIGUSR1});
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  FileDescriptor fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (fd.get() < 0) {
    return absl::UnavailableError(std::string("no descriptor for signals: ") +
                                  std::strerror(errno));
  }
  return ControlSignals(std::move(fd));
}

int ControlSignals::Next() {
  signalfd_siginfo info;
  const ssize_t got = read(fd_.get(), &info, sizeof info);
  return got == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void ControlSignals::LetStopSignalsKill() {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  const sigset_t set = SetOf({SIGTERM, SIGINT});
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace backscatter
