// What this process may do beyond an ordinary one (capabilities(7)), and giving it up.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace backscatter {

// Numbers of linux/capability.h.
enum class Capability : std::uint8_t {
  kNetAdmin = 12,
  kNetRaw = 13,
  kSysAdmin = 21,
  kPerfmon = 38,
  kBpf = 39,
};

std::string_view CapabilityName(Capability capability);  // "CAP_NET_RAW"

class CapabilitySet {
 public:
  constexpr CapabilitySet() = default;
  explicit constexpr CapabilitySet(std::uint64_t bits) : bits_(bits) {}
  static constexpr CapabilitySet Of(std::initializer_list<Capability> list) {
    std::uint64_t bits = 0;
    for (const Capability capability : list) bits |= Bit(capability);
    return CapabilitySet(bits);
  }

  constexpr bool Has(Capability capability) const { return (bits_ & Bit(capability)) != 0; }
  constexpr bool HasAll(CapabilitySet other) const { return (~bits_ & other.bits_) == 0; }
  constexpr std::uint64_t bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  // Those of ours by name, others by number: "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"; "none".
  std::string Names() const;

  friend constexpr CapabilitySet operator|(CapabilitySet a, CapabilitySet b) {
    return CapabilitySet(a.bits_ | b.bits_);
  }
  friend constexpr CapabilitySet operator&(CapabilitySet a, CapabilitySet b) {
    return CapabilitySet(a.bits_ & b.bits_);
  }
  friend constexpr CapabilitySet operator-(CapabilitySet a, CapabilitySet b) {
    return CapabilitySet(a.bits_ & ~b.bits_);
  }
  friend constexpr bool operator==(CapabilitySet, CapabilitySet) = default;

 private:
  static constexpr std::uint64_t Bit(Capability capability) {
    return std::uint64_t{1} << static_cast<unsigned>(capability);
  }
  std::uint64_t bits_ = 0;
};

// The kernel program on interfaces needs these (PERFMON: its verifier refuses else), libpcap that.
inline constexpr CapabilitySet kForKernelProbes =
    CapabilitySet::Of({Capability::kBpf, Capability::kNetAdmin, Capability::kPerfmon});
inline constexpr CapabilitySet kForPacketCapture = CapabilitySet::Of({Capability::kNetRaw});

// Of the calling thread.
absl::StatusOr<CapabilitySet> EffectiveCapabilities();

// The calling thread, and the threads it starts from now on, keep of their capabilities at most
// these: permitted and effective. Ambient and inheritable ones go, the bounding set too where that
// is allowed, and no program that is started can gain any (no_new_privs). Call it while no other
// thread runs: capabilities belong to threads.
absl::Status KeepOnlyCapabilities(CapabilitySet kept);

}  // namespace backscatter
