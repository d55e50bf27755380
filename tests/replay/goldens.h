// The golden captures: one behaviour each, written out as a dialogue.
#pragma once

#include <string>
#include <vector>

#include "tests/support/dialogue_capture.h"

namespace backscatter::replay {

struct Golden {
  std::string name;  // of golden/NAME.pcap, NAME.report.json and NAME.transactions.jsonl
  std::string rule;  // what it shows
  std::vector<support::TimedFrame> frames;
};

// Always the same, byte for byte.
std::vector<Golden> MakeGoldens();

}  // namespace backscatter::replay
