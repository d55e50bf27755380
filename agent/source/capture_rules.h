// What a live source is to capture and how much of it: what may change while it runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/ip_address.h"

namespace backscatter {

struct CaptureRules {
  std::vector<std::uint16_t> ports;         // where SMTP servers listen
  double sampling_ratio = 1.0;              // of whole sessions, 0 < ratio <= 1
  std::uint32_t seed = 0;                   // of the sampling
  std::vector<IpNetwork> local;             // own addresses and networks
  std::uint32_t capture_bytes = 65536;      // of a body that is read
  bool read_all = false;                    // bodies of all mail cross into user space
  std::vector<std::string> daemon_senders;  // local parts whose bodies are read, too
};

}  // namespace backscatter
