// A script of fragments, against a byte-by-byte reference.
// Input: a mode, then steps of 6 bytes: key, offset (2), length, missing from the capture, flags.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "agent/net/fragments.h"

namespace backscatter {
namespace {

void Check(bool right) {
  if (!right) std::abort();
}

// First data wins, one entry a byte.
class Reference {
 public:
  // What Fragments::Add must give; the bytes are the captured prefix.
  std::optional<std::vector<std::uint8_t>> Add(const Fragment& fragment, bool is_v6) {
    std::size_t length = fragment.wire_length;
    if (fragment.more && length % 8 != 0) length = is_v6 ? 0 : length / 8 * 8;
    const std::size_t end = fragment.offset + length;
    if (length == 0 || end > 65535) return std::nullopt;
    if (complete_) {
      if (Agrees(fragment, end)) return std::nullopt;
      *this = Reference();
    }
    if (total_ && (end > *total_ || (!fragment.more && end != *total_))) return std::nullopt;
    if (!fragment.more && end < bytes_.size()) return std::nullopt;
    if (end > bytes_.size()) bytes_.resize(end, kMissing);
    for (std::size_t i = 0; i < length; ++i) {
      int& byte = bytes_[fragment.offset + i];
      if (byte == kMissing) byte = i < fragment.bytes.size() ? fragment.bytes[i] : kNotCaptured;
    }
    if (!fragment.more) total_ = end;
    complete_ = total_ && std::find(bytes_.begin(), bytes_.end(), kMissing) == bytes_.end();
    if (!complete_) return std::nullopt;
    return Prefix();
  }
  std::size_t length() const { return *total_; }

 private:
  static constexpr int kMissing = -1;
  static constexpr int kNotCaptured = -2;  // it was on the wire

  std::vector<std::uint8_t> Prefix() const {
    return {bytes_.begin(), std::find(bytes_.begin(), bytes_.end(), kNotCaptured)};
  }
  bool Agrees(const Fragment& fragment, std::size_t end) const {
    if (end > *total_ || (!fragment.more && end != *total_)) return false;
    const std::vector<std::uint8_t> prefix = Prefix();
    for (std::size_t i = 0; i < fragment.bytes.size(); ++i) {
      const std::size_t at = fragment.offset + i;
      if (at < end && at < prefix.size() && prefix[at] != fragment.bytes[i]) return false;
    }
    return true;
  }

  std::vector<int> bytes_;
  std::optional<std::size_t> total_;
  bool complete_ = false;
};

// Few keys, one moment: nothing is evicted or expires, so the reference holds to the byte.
// Many keys, time that moves: only the caps hold.
void Run(std::span<const std::uint8_t> input) {
  if (input.empty()) return;
  const bool compare = (input[0] & 1) == 0;
  const bool wide_offsets = (input[0] & 2) != 0;
  input = input.subspan(1);
  // One for all runs: to build its slots anew costs more than a run. GiveUpAll() leaves it empty.
  static Ledger ledger;
  static Fragments fragments(&ledger);
  std::map<std::uint32_t, Reference> references;
  PacketTime now = kSecond;
  std::uint8_t filler = 1;
  for (; input.size() >= 6; input = input.subspan(6)) {
    const std::uint8_t flags = input[5];
    DatagramKey key;
    key.id = compare ? input[0] % 4u : input[0] + 256u * (flags >> 4);
    key.is_v6 = (key.id & 1) != 0;
    const std::size_t wire_length = input[3];
    const std::size_t missing = std::min<std::size_t>(input[4] % 16u, wire_length);
    const std::vector<std::uint8_t> bytes(wire_length - missing,
                                          (flags & 2) != 0 ? filler++ : std::uint8_t{0});
    Fragment fragment;
    const std::uint32_t units = (input[1] + input[2] * 256u) & 0x1fffu;
    fragment.offset = (wide_offsets ? units : units % 64) * 8;
    fragment.more = (flags & 1) != 0;
    fragment.bytes = bytes;
    fragment.wire_length = wire_length;
    fragments.Release();
    Datagram whole;
    const bool done = fragments.Add(key, fragment, now, whole);
    Check(fragments.datagrams() <= Fragments::kMaxDatagrams);
    Check(fragments.bytes() <= Fragments::kMaxBytes);
    if (done) Check(whole.bytes.size() <= whole.wire_length && whole.wire_length <= 65535);
    if (!compare) {
      now += (flags & 4) != 0 ? 7 * kSecond : 0;
      continue;
    }
    Reference& reference = references[key.id];
    const auto expected = reference.Add(fragment, key.is_v6);
    Check(done == expected.has_value());
    if (!done) continue;
    Check(whole.wire_length == reference.length());
    Check(std::equal(whole.bytes.begin(), whole.bytes.end(), expected->begin(), expected->end()));
  }
  fragments.GiveUpAll();
  Check(fragments.datagrams() == 0 && fragments.bytes() == 0);
}

}  // namespace
}  // namespace backscatter

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  backscatter::Run({data, size});
  return 0;
}
