#include "agent/base/packet_time.h"

#include <cstdio>
#include <ctime>

namespace backscatter {

std::string FormatRfc3339(PacketTime time) {
  PacketTime seconds = time / kSecond;
  PacketTime nanos = time % kSecond;
  if (nanos < 0) {
    nanos += kSecond;
    --seconds;
  }
  const std::time_t t = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&t, &parts);
  char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", parts.tm_year + 1900,
                    parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                    static_cast<int>(nanos));
  return std::string(text, static_cast<std::size_t>(length));
}

}  // namespace backscatter
