// A flood: what is told of it, and from where on something is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ip_address.h"
#include "agent/base/packet_time.h"
#include "agent/detect/verdict.h"

namespace backscatter {

// docs/DETECTION.md says what each means to an operator.
enum class FloodKind : std::uint8_t {
  kJoeJob,            // one target, many networks, unsolicited
  kRandomRecipients,  // one domain, mostly unknown users, from many networks
  kEmitter,           // one source network, many targets
  kCalloutStorm,      // many networks verify addresses of one domain
  kOwnEmission,       // we bounce to others
  kBounceLoop,        // one target, the same report again and again
  kWidespread,        // many targets at once
};
inline constexpr std::size_t kFloodKinds = static_cast<std::size_t>(FloodKind::kWidespread) + 1;
std::string_view FloodKindName(FloodKind kind);

// Counts are of RCPT commands, as sums of weights where only a share of the sessions is looked at.
struct FloodThresholds {
  struct JoeJob {
    double recipients = 30;  // unsolicited, within ten minutes
    double networks = 10;
    double baseline = 5;  // times what is usual at this hour
    bool operator==(const JoeJob&) const = default;
  } joe_job;
  struct RandomRecipients {
    double recipients = 60;  // refused as unknown, within ten minutes
    double networks = 20;
    double distinct = 0.7;  // targets for each of them
    bool operator==(const RandomRecipients&) const = default;
  } random_recipients;
  struct Emitter {
    double recipients = 20;  // unsolicited, within an hour
    double targets = 5;
    bool operator==(const Emitter&) const = default;
  } emitter;
  struct CalloutStorm {
    double recipients = 300;  // call-outs, within ten minutes
    double networks = 20;
    double baseline = 5;
    bool operator==(const CalloutStorm&) const = default;
  } callout_storm;
  struct OwnEmission {
    double transactions = 5;  // within an hour
    bool operator==(const OwnEmission&) const = default;
  } own_emission;
  struct BounceLoop {
    double recipients = 3;  // of reports in a loop, within an hour
    bool operator==(const BounceLoop&) const = default;
  } bounce_loop;
  struct Widespread {
    double targets = 5;  // joe jobs at once
    bool operator==(const Widespread&) const = default;
  } widespread;

  bool operator==(const FloodThresholds&) const = default;
};

struct FloodSource {
  IpAddress address;
  std::uint64_t recipients = 0;  // at least
};

struct Flood {
  FloodKind kind = FloodKind::kJoeJob;
  std::string domain = {};   // empty: of no single domain
  std::string target = {};   // canonical; empty: of no single target
  std::string network = {};  // of an emitter, "192.0.2.0/24"; else empty
  Confidence confidence = Confidence::kMedium;
  PacketTime start = 0;                          // of the first RCPT that belongs to it
  PacketTime last = 0;                           // of the latest one
  std::optional<PacketTime> end = std::nullopt;  // nullopt: it is still on
  std::uint64_t recipients = 0;
  double estimated_recipients = 0;
  // False: it began before what is remembered, so its counts are the least that it had.
  bool beginning_seen = true;
  double sources = 0;   // different addresses; exact up to kMostExactThings, else kSketchErrorBound
  double networks = 0;  // the same
  // Of all RCPTs of the same target, domain or network; nullopt: the kind is about something else.
  std::optional<double> share_unsolicited = std::nullopt;
  double peak_per_minute = 0;
  std::vector<FloodSource> top_sources = {};          // the most frequent first
  std::vector<std::string> example_message_ids = {};  // of what was returned
};

// What happens to floods, in the order of time.
class FloodListener {
 public:
  virtual ~FloodListener() = default;
  // Also when a weak one turns out to be better.
  virtual void OnRaised(const Flood& flood) = 0;
  virtual void OnUpdated(const Flood& flood) = 0;  // once a minute while it is on
  virtual void OnCleared(const Flood& flood) = 0;
};

}  // namespace backscatter
