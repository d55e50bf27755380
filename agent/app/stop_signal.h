// Ctrl-C as a wish to end the input.
#pragma once

#include <atomic>

namespace backscatter {

// From now on the first SIGINT or SIGTERM makes the returned flag true and interrupts blocking
// system calls (no SA_RESTART); one that comes half a second later or more kills, as it would have
// at first (sooner it is taken for the same wish: timeout(1) sends two).
// SIGPIPE is ignored: a reader that went away is an error of the write. Call once, from main.
const std::atomic<bool>& InstallStopSignals();

// Makes that flag true without a signal: nobody reads what is written any more.
void RequestStop();

}  // namespace backscatter
