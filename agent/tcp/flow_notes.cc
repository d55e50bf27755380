#include "agent/tcp/flow_notes.h"

#include <bit>
#include <new>

namespace backscatter {
namespace {

// Zeroed memory whose pages cost nothing until they are touched.
void* AllocateZeroed(std::size_t count, std::size_t size) {
  void* const memory = std::calloc(count, size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

bool SameFlow(const FlowNote& note, const Endpoint& a, const Endpoint& b) {
  return (note.client == a && note.server == b) || (note.client == b && note.server == a);
}

}  // namespace

FlowNotes::FlowNotes(std::size_t capacity, Ledger* ledger)
    : set_mask_(std::bit_ceil(capacity < kWays ? kWays : capacity) / kWays - 1),
      sets_(static_cast<Set*>(AllocateZeroed(set_mask_ + 1, sizeof(Set)))),
      notes_(static_cast<FlowNote*>(AllocateZeroed((set_mask_ + 1) * kWays, sizeof(FlowNote)))),
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

FlowNote& FlowNotes::Put(std::uint64_t hash, const Endpoint& a, const Endpoint& b, PacketTime now) {
  const auto second = static_cast<std::uint32_t>(now / kSecond);
  if (FlowNote* const note = Find(hash, a, b)) {
    note->at_second = second;
    return *note;
  }
  const std::size_t set = SetIndex(hash);
  std::size_t victim = 0;
  for (std::size_t way = 0; way < kWays; ++way) {
    if (sets_[set].tags[way] == 0) {
      victim = way;
      break;
    }
    if (notes_[set * kWays + way].at_second < notes_[set * kWays + victim].at_second) victim = way;
  }
  FlowNote& note = notes_[set * kWays + victim];
  // A closed or refused flow that is pushed out costs nothing; a handshake costs its start.
  if (sets_[set].tags[victim] != 0 &&
      (note.state == FlowNote::State::kSyn || note.state == FlowNote::State::kSynAck)) {
    ledger_.Add(Loss::kTcpNotesEvicted);
  }
  sets_[set].tags[victim] = Tag(hash);
  note = FlowNote{};
  note.at_second = second;
  return note;
}

void FlowNotes::Erase(std::uint64_t hash, const Endpoint& a, const Endpoint& b) {
  FlowNote* const note = Find(hash, a, b);
  if (note == nullptr) return;
  const auto index = static_cast<std::size_t>(note - notes_.get());
  sets_[index / kWays].tags[index % kWays] = 0;
  note->state = FlowNote::State::kFree;
}

}  // namespace backscatter
