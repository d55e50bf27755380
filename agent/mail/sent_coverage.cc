#include "agent/mail/sent_coverage.h"

#include <string_view>
#include <utility>

namespace backscatter {
namespace {

std::size_t IndexOf(std::int64_t slice) { return static_cast<std::size_t>(slice) & 7; }

double Share(const SentCoverage::Counts& counts) {
  if (counts.all == 0) return 0;
  return static_cast<double>(counts.readable) / static_cast<double>(counts.all);
}

}  // namespace

SentCoverage::SentCoverage(std::int64_t window_ns, const HashKey& key)
    : clock_(window_ns), clients_(0, AddressHash{key}) {}

std::size_t SentCoverage::AddressHash::operator()(const IpAddress& address) const {
  const auto& bytes = address.bytes();
  return HashBytes(key, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void SentCoverage::OnSession(const IpAddress& local_client, bool readable, PacketTime at) {
  const std::int64_t before = clock_.started() ? clock_.current() : clock_.SliceOf(at);
  const std::optional<std::int64_t> slice = clock_.Place(at);
  TurnTo(before);
  if (!slice) {
    ++too_old_;
    return;
  }
  const auto count = [&](Slices& slices) {
    Counts& counts = slices[IndexOf(*slice)];
    ++counts.all;
    if (readable) ++counts.readable;
  };
  count(overall_);
  if (Slices* const slices = SlicesOf(local_client)) {
    count(*slices);
  } else {
    ++sessions_without_client_;
  }
}

void SentCoverage::AdvanceTo(PacketTime now) {
  const std::int64_t before = clock_.started() ? clock_.current() : clock_.SliceOf(now);
  clock_.AdvanceTo(now);
  TurnTo(before);
}

// Null where there are too many. Valid until the next call.
SentCoverage::Slices* SentCoverage::SlicesOf(const IpAddress& client) {
  const auto found = clients_.find(client);
  if (found != clients_.end()) return &found->second;
  if (clients_.size() >= kMaxClients) return nullptr;
  return &clients_[client];
}

// Clears the slices that the clock has left since `before`; all of them where it went back.
void SentCoverage::TurnTo(std::int64_t before) {
  const std::int64_t current = clock_.current();
  if (current == before) return;
  const bool all = current < before || current - before >= kSentSlices;
  const std::int64_t first = all ? current - (kSentSlices - 1) : before + 1;
  const auto clear = [&](Slices& slices) {
    for (std::int64_t slice = first; slice <= current; ++slice) slices[IndexOf(slice)] = {};
  };
  clear(overall_);
  absl::erase_if(clients_, [&](auto& client) {
    clear(client.second);
    std::uint64_t sessions = 0;
    for (const Counts& counts : client.second) sessions += counts.all;
    return sessions == 0;
  });
}

SentCoverage::Counts SentCoverage::Sum(const Slices& slices, PacketTime now) const {
  Counts sum;
  if (!clock_.started()) return sum;
  const std::int64_t oldest = clock_.SliceOf(now) - (kSentSlices - 1);
  for (std::int64_t slice = clock_.oldest(); slice <= clock_.current(); ++slice) {
    if (slice < oldest) continue;
    sum.readable += slices[IndexOf(slice)].readable;
    sum.all += slices[IndexOf(slice)].all;
  }
  return sum;
}

SentCoverage::Counts SentCoverage::OverallCounts(PacketTime now) const {
  return Sum(overall_, now);
}

double SentCoverage::Overall(PacketTime now) const { return Share(Sum(overall_, now)); }

double SentCoverage::Of(const IpAddress& local_client, PacketTime now) const {
  const auto found = clients_.find(local_client);
  return found == clients_.end() ? 0 : Share(Sum(found->second, now));
}

std::size_t SentCoverage::MemoryBytes() const {
  return sizeof *this + clients_.capacity() * (sizeof(std::pair<IpAddress, Slices>) + 1);
}

// ---- for the file -------------------------------------------------------------------------------

std::optional<PacketTime> SentCoverage::newest_slice_start() const {
  if (!clock_.started()) return std::nullopt;
  return clock_.StartOf(clock_.current());
}

std::vector<SentCoverage::Row> SentCoverage::Rows() const {
  std::vector<Row> rows;
  if (!clock_.started()) return rows;
  const auto list = [&](const std::optional<IpAddress>& client, const Slices& slices) {
    for (std::int64_t slice = clock_.oldest(); slice <= clock_.current(); ++slice) {
      const Counts& counts = slices[IndexOf(slice)];
      if (counts.all > 0) rows.push_back({client, clock_.StartOf(slice), counts});
    }
  };
  list(std::nullopt, overall_);
  for (const auto& [client, slices] : clients_) list(client, slices);
  return rows;
}

bool SentCoverage::Restore(const Row& row) {
  const std::int64_t slice = clock_.SliceOf(row.slice_start);
  constexpr std::uint64_t kMost = std::uint64_t{1} << 48;
  if (!clock_.started() || slice < clock_.oldest() || slice > clock_.current()) return false;
  if (row.counts.readable > row.counts.all || row.counts.all > kMost) return false;
  Slices* const slices = row.client ? SlicesOf(*row.client) : &overall_;
  if (slices == nullptr) return false;
  Counts& counts = (*slices)[IndexOf(slice)];
  counts.readable += row.counts.readable;
  counts.all += row.counts.all;
  return counts.all <= kMost * 1024;
}

}  // namespace backscatter
