// Live capture from one interface by libpcap.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "agent/net/packet.h"
#include "agent/source/host_interface.h"

struct pcap;

namespace backscatter {

struct PcapLaneOptions {
  std::size_t ring_bytes = 16U << 20;
  std::span<const std::uint16_t> ports;         // of the classic filter
  int program = -1;                             // an eBPF socket filter instead, or -1: none;
  LinkType program_link = LinkType::kEthernet;  // on frames of this type only
};

// A packet socket with a ring (TPACKET_V3) that the kernel hands over in blocks: when one is full,
// or kBlockMs after its first packet. Never waits. Not thread-safe.
class PcapLane {
 public:
  static constexpr int kBlockMs = 25;
  // The largest that libpcap takes: packets that the card will cut up, or that it put together, are
  // far longer than a frame.
  static constexpr int kSnapLength = 262'144;

  // Errors name the interface, and what to do.
  static absl::StatusOr<std::unique_ptr<PcapLane>> Open(const HostInterface& interface,
                                                        const PcapLaneOptions& options);
  ~PcapLane();
  PcapLane(const PcapLane&) = delete;
  PcapLane& operator=(const PcapLane&) = delete;

  int index() const { return index_; }
  std::size_t ring_bytes() const { return ring_bytes_; }
  const std::string& name() const { return name_; }
  int fd() const { return fd_; }
  LinkType link_type() const { return link_type_; }

  // Captures nothing more; what is in the ring may still be taken, and within kBlockMs the kernel
  // hands over the last of it.
  void Leave();
  bool leaving() const { return leaving_; }

  // Looks for a packet where none is at hand. False: there is none for now, or gone().
  bool Peek();
  bool has_packet() const { return has_packet_; }
  // Needs has_packet; its bytes live until the next Peek behind Take.
  const Packet& packet() const { return packet_; }
  void Take() { has_packet_ = false; }
  // The interface was removed or went down, or the socket failed: no new packet will come.
  bool gone() const { return gone_; }
  bool has_program() const { return has_program_; }

  // Another classic filter; not for a lane with a program.
  absl::Status SetPorts(std::span<const std::uint16_t> ports);

  struct Drops {
    std::uint64_t ring = 0;       // packets that found no room in the ring
    std::uint64_t interface = 0;  // of any kind, that the card or its driver lost
  };
  // Since the last call. Costs system calls.
  Drops NewDrops();

 private:
  PcapLane(const HostInterface& interface, const PcapLaneOptions& options, pcap* handle)
      : index_(interface.index),
        ring_bytes_(options.ring_bytes),
        name_(interface.name),
        handle_(handle) {}
  absl::Status Configure(const PcapLaneOptions& options);
  absl::Status AttachProgram(int program);
  absl::Status Failed(std::string_view what) const;

  const int index_;
  const std::size_t ring_bytes_;
  const std::string name_;
  pcap* handle_;
  int fd_ = -1;
  LinkType link_type_ = LinkType::kEthernet;
  bool has_program_ = false;
  bool has_packet_ = false;
  bool gone_ = false;
  bool leaving_ = false;
  Packet packet_;
  std::uint32_t ring_drops_ = 0;  // as told last
  std::uint32_t interface_drops_ = 0;
};

}  // namespace backscatter
