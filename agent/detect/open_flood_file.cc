// A flood that is on, in a file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "agent/detect/open_flood.h"
#include "agent/detect/packed_values.h"
#include "agent/mail/canonical_target.h"

namespace backscatter {
namespace {

constexpr std::size_t kMostNetworkName = 64;
constexpr std::uint8_t kWorstConfidence = static_cast<std::uint8_t>(Confidence::kWeak);

}  // namespace

// Number by number, in the order of the members.
void OpenFlood::Write(std::string& out) const {
  out += static_cast<char>(flood_.kind);
  out += static_cast<char>(flood_.confidence);
  PutText(out, flood_.domain);
  PutText(out, flood_.target);
  PutText(out, flood_.network);
  PutI64(out, flood_.start);
  PutI64(out, flood_.last);
  PutU64(out, flood_.recipients);
  PutDouble(out, flood_.estimated_recipients);
  PutBool(out, flood_.beginning_seen);
  PutStep(out, flood_.example_message_ids.size());
  for (const std::string& id : flood_.example_message_ids) PutText(out, id);
  PutI64(out, watched_since_);
  PutI64(out, updated_);
  PutDouble(out, threshold_);
  PutDouble(out, all_);
  PutDouble(out, unsolicited_);
  PutDouble(out, peak_);
  std::size_t minutes = 0;
  minutes_.ForEach(flood_.last, [&](PacketTime, float count) { minutes += count > 0 ? 1 : 0; });
  PutStep(out, minutes);
  minutes_.ForEach(flood_.last, [&](PacketTime minute, float count) {
    if (count == 0) return;
    PutI64(out, minute);
    PutFloat(out, count);
  });
  sources_.Write(out);
  networks_.Write(out);
  PutStep(out, top_sources_.size());
  for (const FloodSource& source : top_sources_) {
    PutAddress(out, source.address);
    PutU64(out, source.recipients);
  }
}

bool OpenFlood::Read(PackedNumbers& in, SketchBudget& budget) {
  const std::uint8_t kind = in.U8();
  const std::uint8_t confidence = in.U8();
  if (kind >= kFloodKinds || confidence > kWorstConfidence) return false;
  flood_.kind = static_cast<FloodKind>(kind);
  flood_.confidence = static_cast<Confidence>(confidence);
  flood_.domain = TakeText(in, kMaxDomainLength);
  flood_.target = TakeText(in, kMaxTargetLength);
  flood_.network = TakeText(in, kMostNetworkName);
  flood_.start = TakeTime(in);
  flood_.last = TakeTime(in);
  flood_.recipients = in.U64();
  flood_.estimated_recipients = TakeDouble(in);
  flood_.beginning_seen = TakeBool(in);
  const std::uint64_t ids = in.Step();
  if (ids > kMessageIdsTold) return false;
  for (std::uint64_t i = 0; i < ids; ++i) {
    flood_.example_message_ids.push_back(TakeText(in, RecentEvents::kMostMessageId));
  }
  watched_since_ = TakeTime(in);
  updated_ = TakeTime(in);
  threshold_ = TakeDouble(in);
  all_ = TakeDouble(in);
  unsolicited_ = TakeDouble(in);
  peak_ = TakeDouble(in);
  const std::uint64_t minutes = in.Step();
  if (minutes > kMinutes) return false;
  for (std::uint64_t i = 0; i < minutes; ++i) {
    const PacketTime minute = TakeTime(in);
    minutes_.At(minute, [](float& part) { part = 0; }) = TakeFloat(in);
  }
  if (!in.ok || !sources_.Read(in, budget) || !networks_.Read(in, budget)) return false;
  const std::uint64_t sources = in.Step();
  if (sources > kSourcesKept) return false;
  for (std::uint64_t i = 0; i < sources; ++i) {
    const IpAddress address = TakeAddress(in);
    top_sources_.push_back({address, in.U64()});
  }
  return in.ok;
}

}  // namespace backscatter
