#include "agent/tcp/flow_notes.h"

#include <bit>
#include <utility>

namespace backscatter {
namespace {

// What would be lost with a note: nothing much with an ended flow, its start with a handshake.
std::uint8_t Worth(FlowNote::State state) {
  switch (state) {
    case FlowNote::State::kFree:
      return 0;
    case FlowNote::State::kClosed:
    case FlowNote::State::kRefused:
    case FlowNote::State::kPassed:
      return 1;
    case FlowNote::State::kSyn:
      return 2;
    case FlowNote::State::kSynAck:
      return 3;
  }
  return 0;
}

bool SameFlow(const FlowNote& note, const Endpoint& a, const Endpoint& b) {
  return (note.client == a && note.server == b) || (note.client == b && note.server == a);
}

}  // namespace

FlowNotes::FlowNotes(std::size_t capacity, Ledger* ledger)
    : set_mask_(std::bit_ceil(capacity < kWays ? kWays : capacity) / kWays - 1),
      sets_(set_mask_ + 1),
      notes_((set_mask_ + 1) * kWays),
      ledger_(*ledger) {}

FlowNote* FlowNotes::Find(std::uint64_t hash, const Endpoint& a, const Endpoint& b) {
  const std::size_t set = SetIndex(hash);
  const std::uint32_t tag = Tag(hash);
  for (std::size_t way = 0; way < kWays; ++way) {
    if (sets_[set].tags[way] != tag) continue;
    FlowNote& note = notes_[set * kWays + way];
    if (SameFlow(note, a, b)) return &note;
  }
  return nullptr;
}

std::size_t FlowNotes::Victim(std::size_t set) const {
  for (std::size_t way = 0; way < kWays; ++way) {
    if (sets_[set].tags[way] == 0) return way;
  }
  const auto rank = [&](std::size_t way) {
    return std::pair(sets_[set].worth[way], sets_[set].seconds[way]);
  };
  std::size_t victim = 0;
  for (std::size_t way = 1; way < kWays; ++way) {
    if (rank(way) < rank(victim)) victim = way;
  }
  return victim;
}

FlowNote& FlowNotes::Put(std::uint64_t hash, const Endpoint& a, const Endpoint& b, PacketTime now) {
  const std::size_t set = SetIndex(hash);
  const auto second = static_cast<std::uint32_t>(now / kSecond);
  if (FlowNote* const note = Find(hash, a, b)) {
    sets_[set].seconds[notes_.IndexOf(note) % kWays] = second;
    return *note;
  }
  const std::size_t victim = Victim(set);
  // A closed or refused flow that is pushed out costs nothing; a handshake costs its start.
  if (sets_[set].tags[victim] != 0 && sets_[set].worth[victim] >= Worth(FlowNote::State::kSyn)) {
    ledger_.Add(Loss::kTcpNotesEvicted);
  }
  sets_[set].tags[victim] = Tag(hash);
  sets_[set].seconds[victim] = second;
  sets_[set].worth[victim] = Worth(FlowNote::State::kFree);
  FlowNote& note = notes_[set * kWays + victim];
  note = FlowNote{};
  return note;
}

void FlowNotes::SetState(FlowNote& note, FlowNote::State state) {
  const std::size_t index = notes_.IndexOf(&note);
  note.state = state;
  sets_[index / kWays].worth[index % kWays] = Worth(state);
}

void FlowNotes::Erase(FlowNote& note) {
  const std::size_t index = notes_.IndexOf(&note);
  sets_[index / kWays].tags[index % kWays] = 0;
  note.state = FlowNote::State::kFree;
}

void FlowNotes::PrefetchNote(std::uint64_t hash) const {
  const std::size_t set = SetIndex(hash);
  std::size_t way = 0;
  while (way < kWays && sets_[set].tags[way] != Tag(hash)) ++way;
  if (way == kWays) way = Victim(set);  // a SYN will take this one
  __builtin_prefetch(&notes_[set * kWays + way], 1);
}

}  // namespace backscatter
