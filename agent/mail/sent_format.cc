#include "agent/mail/sent_format.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/base/packed_numbers.h"

namespace backscatter {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::string_view kMagic = "SLB1";
// Beyond all starts of slices that a SentClock can have.
constexpr PacketTime kFarthest = (PacketTime{1} << 62) + (PacketTime{1} << 61);

// Eight of them can be added up.
constexpr std::uint64_t kMostDrops = std::uint64_t{1} << 60;

enum class Block : std::uint32_t { kHead = 1, kState = 2, kNames = 3, kSealed = 4 };

// ---- writing ------------------------------------------------------------------------------------

std::string Blocked(Block kind, std::string_view payload) {
  return MakeBlock(kMagic, static_cast<std::uint32_t>(kind), payload);
}

std::string HeadBlock(const SentLedgerOptions& options) {
  std::string out;
  PutU32(out, kVersion);
  PutU32(out, 0);
  PutU64(out, options.capacity);
  PutI64(out, options.window_ns);
  PutU64(out, options.key.a);
  PutU64(out, options.key.b);
  return Blocked(Block::kHead, out);
}

std::string StateBlock(const SentState& state) {
  std::string out;
  const SentLedger& ledger = state.ledger;
  const auto first = ledger.history_start();
  PutI64(out, ledger.newest_slice_start().value_or(0));
  PutI64(out, first.value_or(0));
  PutU64(out, (ledger.newest_slice_start() ? 1U : 0U) | (first ? 2U : 0U));
  PutU64(out, ledger.mails());
  PutU64(out, ledger.dropped());
  for (const std::uint64_t dropped : ledger.drops()) PutU64(out, dropped);
  const auto covered = state.coverage.newest_slice_start();
  PutU64(out, covered ? 1 : 0);
  PutI64(out, covered.value_or(0));
  const std::vector<SentCoverage::Row> rows = state.coverage.Rows();
  PutU64(out, rows.size());
  for (const SentCoverage::Row& row : rows) {
    PutU64(out, row.client ? 1 : 0);
    const auto bytes = row.client.value_or(IpAddress()).bytes();
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    PutI64(out, row.slice_start);
    PutU64(out, row.counts.readable);
    PutU64(out, row.counts.all);
  }
  return Blocked(Block::kState, out);
}

// One slice's names, rising, as blocks of at most kMaxSentBlock.
class NamesBlock {
 public:
  explicit NamesBlock(PacketTime slice_start) : slice_start_(slice_start) {}

  void Add(std::uint64_t name) {
    PutStep(names_, name - last_);
    last_ = name;
    ++count_;
  }
  bool full() const { return names_.size() + 16 + kMostStepBytes > kMaxSentBlock; }
  // The block, or nothing where there is no name; empty again afterwards.
  std::string Take() {
    if (count_ == 0) return {};
    std::string out;
    PutI64(out, slice_start_);
    PutU64(out, count_);
    out += names_;
    names_.clear();
    last_ = count_ = 0;
    return Blocked(Block::kNames, out);
  }

 private:
  PacketTime slice_start_;
  std::uint64_t last_ = 0;
  std::uint64_t count_ = 0;
  std::string names_;
};

bool WriteSlice(const SentLedger& ledger, std::int64_t slice, const ByteWriter& write) {
  NamesBlock block(slice * ledger.slice_ns());
  for (const std::uint64_t name : ledger.set().NamesOf(slice)) {
    block.Add(name);
    if (block.full() && !write(block.Take())) return false;
  }
  const std::string last = block.Take();
  return last.empty() || write(last);
}

// ---- reading ------------------------------------------------------------------------------------

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(std::string("damaged: ").append(what));
}

struct Payload : PackedNumbers {
  PacketTime Time() {
    const PacketTime time = I64();
    if (time < -kFarthest || time > kFarthest) ok = false;
    return ok ? time : 0;
  }
};

class Loader {
 public:
  Loader(const ByteReader& read, const SentLedgerOptions& wanted)
      : blocks_(kMagic, kMaxSentBlock, &read), wanted_(wanted) {}

  absl::StatusOr<LoadedSent> Run() {
    using Next = BlockReader::Next;
    for (bool first = true;; first = false) {
      const Next next = blocks_.ReadNext();
      loaded_.unfinished_bytes = blocks_.unfinished_bytes();
      if (next == Next::kEnd && sealed_) break;
      if (next == Next::kDamaged || next == Next::kEnd || next == Next::kCutOff) {
        if (first) return Damaged("this is no sent ledger");
        if (next == Next::kCutOff && sealed_) break;
        return Damaged(next == Next::kDamaged ? "a checksum is wrong" : "it ends too early");
      }
      const absl::Status status = Apply(static_cast<Block>(blocks_.kind()));
      if (!status.ok()) return status;
    }
    return std::move(loaded_);
  }

 private:
  absl::Status Apply(Block kind) {
    if ((kind == Block::kHead) != (loaded_.state == nullptr)) {
      return Damaged("its parts are out of order");
    }
    Payload payload{{blocks_.payload()}};
    if (kind == Block::kHead) return ApplyHead(payload);
    bool fine = false;
    if (kind == Block::kState) {
      fine = ApplyState(payload);
    } else if (kind == Block::kNames) {
      fine = has_state_ && ApplyNames(payload);
    } else if (kind == Block::kSealed) {
      fine = has_state_ && !std::exchange(sealed_, true);
    }
    if (!fine || !payload.done()) return Damaged("a part of it cannot be");
    return absl::OkStatus();
  }

  absl::Status ApplyHead(Payload& payload) {
    const std::uint32_t version = payload.U32();
    if (payload.ok && version != kVersion) {
      return absl::FailedPreconditionError("was written by another version of backscatterd");
    }
    payload.U32();
    SentLedgerOptions options;
    options.capacity = payload.U64();
    payload.I64();  // the window then; names carry times
    options.key.a = payload.U64();
    options.key.b = payload.U64();
    if (!payload.done()) return Damaged("its head cannot be");
    options.window_ns = wanted_.window_ns;
    if (options.capacity != wanted_.capacity) {
      loaded_.note = "was made for a sent.capacity of " + std::to_string(options.capacity) +
                     ", which stays until the file is removed";
    }
    loaded_.state = std::make_unique<SentState>(options);
    return absl::OkStatus();
  }

  bool ApplyState(Payload& payload) {
    const PacketTime newest = payload.Time();
    const PacketTime first = payload.Time();
    const std::uint64_t learnt = payload.U64();
    const std::uint64_t mails = payload.U64();
    const std::uint64_t refused = payload.U64();
    SentLedger::Drops drops;
    for (std::uint64_t& dropped : drops) dropped = std::min(payload.U64(), kMostDrops);
    const bool covered = payload.U64() != 0;
    const PacketTime coverage_newest = payload.Time();
    const std::uint64_t rows = payload.U64();
    if (!payload.ok) return false;
    has_state_ = true;
    if ((learnt & 1) != 0) {
      const std::optional<PacketTime> start =
          (learnt & 2) != 0 ? std::optional(first) : std::nullopt;
      loaded_.state->ledger.RestoreHistory(newest, start, mails, refused, drops);
    }
    SentCoverage& coverage = loaded_.state->coverage;
    coverage = SentCoverage(wanted_.window_ns, loaded_.state->ledger.options().key);
    if (covered) coverage.RestoreClock(coverage_newest);
    for (std::uint64_t i = 0; i < rows && payload.ok; ++i) {
      const bool has_client = payload.U64() != 0;
      const std::string_view bytes = payload.Take(16);
      SentCoverage::Row row{std::nullopt, payload.Time(), {payload.U64(), payload.U64()}};
      if (!payload.ok || row.counts.readable > row.counts.all) return false;
      if (has_client) {
        std::array<std::uint8_t, 16> address;
        std::memcpy(address.data(), bytes.data(), address.size());
        row.client = IpAddress::V6(address);
      }
      coverage.Restore(row);  // or it is too old by now
    }
    return true;
  }

  bool ApplyNames(Payload& payload) {
    const PacketTime start = payload.Time();
    const std::uint64_t count = payload.U64();
    SentLedger& ledger = loaded_.state->ledger;
    std::uint64_t name = 0;
    for (std::uint64_t i = 0; i < count && payload.ok; ++i) {
      const std::uint64_t step = payload.Step();
      if (!payload.ok || step == 0 || name + step < name) return false;
      name += step;
      if (!ledger.set().IsName(name)) return false;
      ledger.RestoreName(name, start);  // or it is too old by now
    }
    return true;
  }

  BlockReader blocks_;
  const SentLedgerOptions& wanted_;
  LoadedSent loaded_;
  bool has_state_ = false;
  bool sealed_ = false;
};

}  // namespace

bool WriteSent(const SentState& state, const ByteWriter& write) {
  if (!write(HeadBlock(state.ledger.options())) || !write(StateBlock(state))) return false;
  const std::int64_t current = state.ledger.set().current_slice();
  for (std::int64_t slice = current - (kSentSlices - 1); slice <= current; ++slice) {
    if (!WriteSlice(state.ledger, slice, write)) return false;
  }
  return write(Blocked(Block::kSealed, {}));
}

std::string SentAddition(const SentState& state, std::vector<SentLedger::Change>& changes) {
  std::string out = StateBlock(state);
  std::ranges::sort(changes, [](const SentLedger::Change& a, const SentLedger::Change& b) {
    return a.slice != b.slice ? a.slice < b.slice : a.name < b.name;
  });
  for (std::size_t i = 0; i < changes.size();) {
    const std::int64_t slice = changes[i].slice;
    NamesBlock block(slice * state.ledger.slice_ns());
    std::uint64_t last = 0;
    for (; i < changes.size() && changes[i].slice == slice && !block.full(); ++i) {
      if (changes[i].name != last) block.Add(changes[i].name);
      last = changes[i].name;
    }
    out += block.Take();
  }
  return out;
}

absl::StatusOr<LoadedSent> ReadSent(const ByteReader& read, const SentLedgerOptions& wanted) {
  return Loader(read, wanted).Run();
}

}  // namespace backscatter
