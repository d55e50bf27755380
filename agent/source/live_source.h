// What the two live sources, libpcap and the kernel program, have in common.
#pragma once

#include <vector>

#include "absl/status/status.h"

#include "agent/source/capture_rules.h"
#include "agent/source/host_interface.h"
#include "agent/source/source.h"

namespace backscatter {

// A source that never ends by itself: an interface that goes away is let go of, and taken up again
// when SetInterfaces names it. Poll gives kIdle where nothing came within `max_wait`.
class LiveSource : public Source {
 public:
  // The interfaces to watch from now on: those that are new are taken up, those that are not named
  // or not up are let go; what was captured of them before comes with the next Polls. An error
  // names each one that could not be taken up and why; the others are watched all the same, and the
  // next call tries again.
  virtual absl::Status SetInterfaces(const std::vector<HostInterface>& interfaces) = 0;
  // Whether the interface of this index is taken up now.
  virtual bool IsWatched(int index) const = 0;
  // Holds from the next packet on; open sessions stay as they were chosen.
  virtual void Apply(const CaptureRules& rules) = 0;
  // What of the rules the kernel could not take: all else holds. OK: nothing.
  virtual absl::Status rules_status() const { return absl::OkStatus(); }
  // Whether only chosen sessions come out of it (Packet::weight, Segment::weight): false where the
  // kernel cannot choose, then whoever takes the packets does.
  virtual bool samples() const { return true; }
  // Readable (poll, epoll) when Poll has something to do. Owned by the source.
  virtual int fd() const = 0;
};

}  // namespace backscatter
