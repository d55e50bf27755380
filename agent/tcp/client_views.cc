#include "agent/tcp/client_views.h"

#include <bit>

#include "agent/tcp/flow_hash.h"

namespace backscatter {

static_assert(sizeof(ClientViews::View) == 64);

ClientViews::ClientViews(std::size_t capacity, const HashKey& key, Ledger* ledger)
    : key_(key),
      set_mask_(std::bit_ceil(capacity < kWays ? kWays : capacity) / kWays - 1),
      views_((set_mask_ + 1) * kWays),
      ledger_(*ledger) {}

ClientViews::View* ClientViews::SetOf(const Endpoint& client, std::uint32_t client_start) {
  const std::uint64_t hash = MixWords(HashEndpoint(key_, client) ^ client_start, key_.b);
  return &views_[(hash & set_mask_) * kWays];
}

ClientViews::View* ClientViews::Find(const Endpoint& client, std::uint32_t client_start) {
  View* const set = SetOf(client, client_start);
  for (std::size_t way = 0; way < kWays; ++way) {
    View& view = set[way];
    if (view.in_use && view.client_start == client_start && view.client == client) return &view;
  }
  return nullptr;
}

void ClientViews::Put(const View& view) {
  View* place = Find(view.client, view.client_start);
  if (place == nullptr) {
    View* const set = SetOf(view.client, view.client_start);
    place = set;
    for (std::size_t way = 0; way < kWays && place->in_use; ++way) {
      if (!set[way].in_use || set[way].opened_at < place->opened_at) place = &set[way];
    }
    if (place->in_use && TimeBetween(place->opened_at, view.opened_at) < kFresh) {
      ledger_.Add(Loss::kTcpNotesEvicted);
    }
  }
  *place = view;
  place->in_use = true;
}

void ClientViews::End(const Endpoint& client, std::uint32_t client_start, PacketTime at) {
  if (View* const view = Find(client, client_start)) view->until = at;
}

}  // namespace backscatter
