// A sent ledger's file. The first byte says how: 0 the bytes as they are; else they are cut into
// payloads (a byte of kind, two of length) whose heads and checksums are made right, so that what
// lies behind the checksums is reached. Whatever is accepted is bounded by what was given, and
// gives the same ledger when it is written and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "agent/base/record_blocks.h"
#include "agent/mail/sent_format.h"

namespace {

using backscatter::LoadedSent;
using backscatter::ReadSent;
using backscatter::SentLedgerOptions;

void Check(bool holds) {
  if (!holds) std::abort();
}

std::string WithHeads(std::string_view data) {
  std::string out;
  while (data.size() >= 3) {
    const auto kind = static_cast<std::uint32_t>(data[0] & 7);
    const std::size_t size =
        std::min<std::size_t>(data.size() - 3, static_cast<std::uint8_t>(data[1]) * 256U +
                                                   static_cast<std::uint8_t>(data[2]));
    const std::string_view payload = data.substr(3, size);
    out += backscatter::MakeBlock("SLB1", kind, payload);
    data.remove_prefix(3 + size);
  }
  return out;
}

absl::StatusOr<LoadedSent> Read(std::string_view bytes, const SentLedgerOptions& options) {
  return ReadSent(
      [&](char* to, std::size_t size) {
        size = std::min(size, bytes.size());
        if (size > 0) std::memcpy(to, bytes.data(), size);
        bytes.remove_prefix(size);
        return size;
      },
      options);
}

std::string Written(const backscatter::SentState& state) {
  std::string out;
  Check(backscatter::WriteSent(state, [&](std::string_view bytes) {
    out += bytes;
    return true;
  }));
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string bytes = data[0] == 0 ? std::string(rest) : WithHeads(rest);
  const SentLedgerOptions options{.capacity = 1000, .key = {}};
  const auto loaded = Read(bytes, options);
  if (!loaded.ok()) return 0;
  const backscatter::SentState& state = *loaded->state;
  Check(loaded->unfinished_bytes <= bytes.size());
  Check(state.ledger.entries() <= bytes.size());
  Check(state.coverage.clients() <= backscatter::SentCoverage::kMaxClients);
  const double coverage = state.coverage.Overall(0);
  Check(coverage >= 0 && coverage <= 1);
  const std::string once = Written(state);
  const auto again = Read(once, options);
  Check(again.ok() && again->unfinished_bytes == 0);
  Check(again->state->ledger.entries() == state.ledger.entries());
  Check(again->state->ledger.history_start() == state.ledger.history_start());
  Check(Written(*again->state).size() == once.size());
  return 0;
}
