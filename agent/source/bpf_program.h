// One program of the kernel side (bpf/packet.bpf.c) with its tables: loaded, set up, read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/source/bpf_counters.h"
#include "agent/source/bpf_ring.h"
#include "agent/source/capture_rules.h"

namespace backscatter {

enum class BpfKind : std::uint8_t {
  kEthernet,  // TC, frames with an Ethernet header
  kIp,        // TC, frames that begin with IP
  kSocket,    // the filter of a packet socket on an interface with Ethernet headers
  kSocketIp,  // the same where frames begin with IP
  kNothing,   // TC, only returns: what the others' costs are measured by
};

struct BpfOptions {
  std::size_t ring_bytes = std::size_t{16} << 20;  // made a power of two, at least a page
  std::uint32_t flow_capacity = 65536;             // sessions with state, about 250 bytes each
};

// Gone with the object: descriptors are all that holds it in the kernel, unless it was attached
// elsewhere. Not thread-safe.
class BpfProgram {
 public:
  // Nothing is watched before Apply. Takes about half a second: the kernel proves the program safe.
  // Errors: kUnimplemented: built without, or the kernel is older than 5.17; kPermissionDenied: a
  // capability is missing, and which; kUnavailable: refused for another reason.
  static absl::StatusOr<std::unique_ptr<BpfProgram>> Open(BpfKind kind,
                                                          const BpfOptions& options = {});
  ~BpfProgram();
  BpfProgram(const BpfProgram&) = delete;
  BpfProgram& operator=(const BpfProgram&) = delete;

  // A program of another kind over the same tables and the same ring, which stay this one's to
  // read: sessions go over both.
  absl::StatusOr<std::unique_ptr<BpfProgram>> OpenBeside(BpfKind kind) const;

  // Holds from the next packet on, also while attached; sessions chosen before go on, with the
  // weight that they had. An error names what the tables could not take: all else holds.
  absl::Status Apply(const CaptureRules& rules);

  int fd() const;
  BpfKind kind() const;
  BpfCounters Counters() const;

  // The ring. Of kinds that write none it stays empty.
  int ring_fd() const;  // wakes once a share of the ring is filled, not with each record
  BpfRing& ring();

 private:
  struct Object;
  explicit BpfProgram(std::unique_ptr<Object> object);
  static absl::StatusOr<std::unique_ptr<BpfProgram>> Load(BpfKind kind, const BpfOptions& options,
                                                          const Object* shared);

  std::unique_ptr<Object> object_;
};

}  // namespace backscatter
