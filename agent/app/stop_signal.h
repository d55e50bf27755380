// Ctrl-C as a wish to end the input.
#pragma once

#include <atomic>

namespace backscatter {

// From now on the first SIGINT or SIGTERM makes the returned flag true and interrupts blocking
// system calls (no SA_RESTART); a second one of the same kind kills, as it would have at first.
// SIGPIPE is ignored: a reader that went away is an error of the write. Call once, from main.
const std::atomic<bool>& InstallStopSignals();

// Makes that flag true without a signal: nobody reads what is written any more.
void RequestStop();

}  // namespace backscatter
