#include "agent/detect/flood_state.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/packed_numbers.h"
#include "agent/detect/packed_values.h"

namespace backscatter {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::string_view kMagic = "FLD1";
constexpr std::size_t kFullBlock = std::size_t{64} << 10;
constexpr std::size_t kMostBlock = std::size_t{128} << 10;
constexpr std::uint64_t kMostBlocks = 4096;

enum class Block : std::uint32_t { kHead = 1, kUsual = 2, kFlood = 3, kRecent = 4, kSealed = 5 };

// ---- writing ------------------------------------------------------------------------------------

// Rows of one kind as blocks. What failed once writes no more.
class Blocks {
 public:
  explicit Blocks(const ByteWriter& write) : write_(write) {}

  std::string& row() { return row_; }
  void EndRow(Block kind) {
    if (row_.size() >= kFullBlock) EndBlock(kind);
  }
  void EndBlock(Block kind) {
    if (row_.empty()) return;
    ok_ = ok_ && write_(MakeBlock(kMagic, static_cast<std::uint32_t>(kind), row_));
    row_.clear();
    ++written_;
  }
  std::uint64_t written() const { return written_; }
  bool ok() const { return ok_; }

 private:
  const ByteWriter& write_;
  std::string row_;
  std::uint64_t written_ = 0;
  bool ok_ = true;
};

void PutHead(std::string& out, const FloodState& state) {
  PutU32(out, kVersion);
  PutU64(out, state.hash_key.a);
  PutU64(out, state.hash_key.b);
  PutI64(out, state.now);
  PutBool(out, state.baselines.hour().has_value());
  PutI64(out, state.baselines.hour().value_or(0));
}

void PutUsual(std::string& out, std::uint64_t key, const Baselines::Row& row) {
  PutU64(out, key);
  PutFloat(out, row.hour);
  PutBool(out, row.at_most.has_value());
  PutFloat(out, row.at_most.value_or(0));
  PutU64(out, row.known);
  for (std::size_t i = 0; i < Baselines::kSlots; ++i) {
    if ((row.known >> i & 1) == 0) continue;
    out += static_cast<char>(row.samples[i]);
    PutFloat(out, row.mean[i]);
  }
}

// Which octet has which of what an event is.
constexpr bool FloodEvent::*kFlags[] = {
    &FloodEvent::unsolicited,  &FloodEvent::uncertain, &FloodEvent::surely, &FloodEvent::callout,
    &FloodEvent::unknown_user, &FloodEvent::loop,      &FloodEvent::emitted};

void PutRecent(std::string& out, const RecentEvents::Entry& entry) {
  const FloodEvent& event = entry.event;
  PutI64(out, event.at);
  PutDouble(out, event.weight);
  unsigned flags = 0;
  for (std::size_t i = 0; i < std::size(kFlags); ++i) {
    if (event.*kFlags[i]) flags |= 1U << i;
  }
  out += static_cast<char>(flags);
  out += static_cast<char>(entry.spent);
  PutU64(out, event.target_key);
  PutU64(out, event.domain_key);
  PutAddress(out, event.source);
  out += static_cast<char>(entry.message_id_length);
  out += entry.MessageId();
}

// ---- reading ------------------------------------------------------------------------------------

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(std::string("damaged: ").append(what));
}

class Loader {
 public:
  Loader(const ByteReader& read, const FloodOptions& options)
      : blocks_(kMagic, kMostBlock, &read), options_(options), state_(options) {}

  absl::StatusOr<FloodState> Run() {
    using Next = BlockReader::Next;
    while (true) {
      const Next next = blocks_.ReadNext();
      if (next == Next::kEnd && sealed_) break;
      if (next != Next::kBlock) {
        if (read_ == 0) return Damaged("this is no file of floods");
        return Damaged(next == Next::kDamaged ? "a checksum is wrong" : "it ends too early");
      }
      const absl::Status status = Apply(static_cast<Block>(blocks_.kind()));
      if (!status.ok()) return status;
      if (++read_ > kMostBlocks) return Damaged("it is larger than it can be");
    }
    return std::move(state_);
  }

 private:
  absl::Status Apply(Block kind) {
    if (sealed_ || (kind == Block::kHead) != (read_ == 0)) {
      return Damaged("its parts are out of order");
    }
    PackedNumbers in{blocks_.payload()};
    bool fine = false;
    if (kind == Block::kHead) {
      if (in.U32() != kVersion && in.ok) {
        return absl::FailedPreconditionError("was written by another version of backscatterd");
      }
      fine = ReadHead(in);
    } else if (kind == Block::kUsual) {
      fine = ReadRows(in, [&] { return ReadUsual(in); });
    } else if (kind == Block::kFlood) {
      fine = ReadRows(in, [&] { return ReadFlood(in); });
    } else if (kind == Block::kRecent) {
      fine = ReadRows(in, [&] { return ReadRecent(in); });
    } else if (kind == Block::kSealed) {
      fine = in.U64() == read_;
      sealed_ = true;
    }
    return fine && in.done() ? absl::OkStatus() : Damaged("a part of it cannot be");
  }

  template <typename ReadRow>
  static bool ReadRows(PackedNumbers& in, ReadRow read_row) {
    while (in.ok && !in.rest.empty()) {
      if (!read_row()) return false;
    }
    return in.ok;
  }

  bool ReadHead(PackedNumbers& in) {
    state_.hash_key.a = in.U64();
    state_.hash_key.b = in.U64();
    state_.now = TakeTime(in);
    const bool has_hour = TakeBool(in);
    const std::int64_t hour = in.I64();
    if (hour < -kMostHours || hour > kMostHours) return false;
    if (has_hour) state_.baselines.RestoreHour(hour);
    return in.ok;
  }

  bool ReadUsual(PackedNumbers& in) {
    Baselines::Row row;
    const std::uint64_t key = in.U64();
    row.hour = TakeFloat(in);
    const bool limited = TakeBool(in);
    const float at_most = TakeFloat(in);
    if (limited) row.at_most = at_most;
    row.known = in.U64();
    if ((row.known >> Baselines::kSlots) != 0) return false;
    for (std::size_t i = 0; i < Baselines::kSlots; ++i) {
      if ((row.known >> i & 1) == 0) continue;
      row.samples[i] = std::min(in.U8(), Baselines::kMinSamples);
      row.mean[i] = TakeFloat(in);
    }
    if (in.ok) state_.baselines.Restore(key, row);
    return in.ok;
  }

  bool ReadFlood(PackedNumbers& in) {
    if (state_.open.size() >= options_.open_capacity + FloodState::kBesideOpen) return false;
    KeyedFlood keyed{.key = in.U64(), .flood = {}};
    const bool fine = keyed.flood.Read(in, state_.budget);
    return fine &&
           state_.open.try_emplace(state_.KeyOf(keyed.flood.kind(), keyed.key), std::move(keyed))
               .second;
  }

  bool ReadRecent(PackedNumbers& in) {
    RecentEvents::Entry entry;
    FloodEvent& event = entry.event;
    event.at = TakeTime(in);
    event.weight = TakeDouble(in);
    const std::uint8_t flags = in.U8();
    for (std::size_t i = 0; i < std::size(kFlags); ++i) event.*kFlags[i] = (flags >> i & 1) != 0;
    entry.spent = in.U8();
    event.target_key = in.U64();
    event.domain_key = in.U64();
    event.SetSource(TakeAddress(in), state_.hash_key, options_.prefix_v4, options_.prefix_v6);
    entry.message_id_length = in.U8();
    const std::string_view message_id = in.Take(entry.message_id_length);
    if (!in.ok || message_id.size() > entry.message_id.size()) return false;
    std::ranges::copy(message_id, entry.message_id.begin());
    state_.recent.Restore(entry);
    return true;
  }

  static constexpr std::int64_t kMostHours = std::int64_t{1} << 22;  // 64 bits of ns: 2.6 million

  BlockReader blocks_;
  const FloodOptions& options_;
  FloodState state_;
  std::uint64_t read_ = 0;
  bool sealed_ = false;
};

}  // namespace

bool WriteFloodState(const FloodState& state, const ByteWriter& write) {
  Blocks blocks(write);
  PutHead(blocks.row(), state);
  blocks.EndBlock(Block::kHead);
  state.baselines.ForEach([&](std::uint64_t key, const Baselines::Row& row) {
    PutUsual(blocks.row(), key, row);
    blocks.EndRow(Block::kUsual);
  });
  blocks.EndBlock(Block::kUsual);
  for (const auto& [key, keyed] : state.open) {
    PutU64(blocks.row(), keyed.key);
    keyed.flood.Write(blocks.row());
    blocks.EndRow(Block::kFlood);
  }
  blocks.EndBlock(Block::kFlood);
  state.recent.ForEach([&](const RecentEvents::Entry& entry) {
    PutRecent(blocks.row(), entry);
    blocks.EndRow(Block::kRecent);
  });
  blocks.EndBlock(Block::kRecent);
  PutU64(blocks.row(), blocks.written());
  blocks.EndBlock(Block::kSealed);
  return blocks.ok();
}

absl::StatusOr<FloodState> ReadFloodState(const ByteReader& read, const FloodOptions& options) {
  return Loader(read, options).Run();
}

}  // namespace backscatter
