#include "agent/tcp/client_views.h"

#include <bit>

namespace backscatter {

static_assert(sizeof(ClientViews::View) == 64);

ClientViews::ClientViews(std::size_t capacity, const HashKey& key, Ledger* ledger)
    : key_(key),
      set_mask_(std::bit_ceil(capacity < kWays ? kWays : capacity) / kWays - 1),
      views_((set_mask_ + 1) * kWays),
      ledger_(*ledger) {}

ClientViews::View* ClientViews::Find(std::size_t set, const Endpoint& client,
                                     std::uint32_t client_start) {
  for (std::size_t place = set; place < set + kWays; ++place) {
    View& view = views_[place];
    if (view.in_use && view.client_start == client_start && view.client == client) return &view;
  }
  return nullptr;
}

std::size_t ClientViews::Put(std::size_t set, const View& view) {
  View* place = Find(set, view.client, view.client_start);
  if (place == nullptr) {
    place = &views_[set];
    for (std::size_t at = set; at < set + kWays && place->in_use; ++at) {
      if (!views_[at].in_use || views_[at].opened_at < place->opened_at) place = &views_[at];
    }
    if (place->in_use && TimeBetween(place->opened_at, view.opened_at) < kFresh) {
      ledger_.Add(Loss::kTcpViewsEvicted);
    }
  }
  *place = view;
  place->in_use = true;
  return views_.IndexOf(place);
}

void ClientViews::End(std::size_t place, const Endpoint& client, std::uint32_t client_start,
                      PacketTime at) {
  View& view = views_[place];
  if (view.in_use && view.client_start == client_start && view.client == client) view.until = at;
}

}  // namespace backscatter
