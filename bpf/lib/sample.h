// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// Which sessions are looked at: a seeded hash of the client's end alone. It is the same for both
// directions, since the ends are told apart by the live port, and for all views of a session whose
// server's address is translated (DNAT): the agent counts one of them, so they must fall together.
#pragma once

#include "bpf/lib/bounds.h"

// The finalizer of MurmurHash3, by Austin Appleby, in the public domain.
BS_INLINE __u32 bs_mix(__u32 h) {
  h ^= h >> 16;
  h *= 0x85ebca6bU;
  h ^= h >> 13;
  h *= 0xc2b2ae35U;
  return h ^ (h >> 16);
}

BS_INLINE __u32 bs_client_hash(const struct bs_flow_key* key, __u32 seed) {
  const __u32* words = (const __u32*)key->client;
  __u32 h = seed;
  for (int i = 0; i < (int)(sizeof key->client / 4); i++) {
    h = (h ^ words[i]) * 0x01000193U + (h >> 15);
  }
  return bs_mix((h ^ key->client_port) * 0x01000193U + (h >> 15));
}

enum bs_choice { BS_NOT_CHOSEN, BS_CHOSEN, BS_CHOSEN_BEFORE };

// CHOSEN_BEFORE: only if the flow has state, made when the threshold was higher.
BS_INLINE enum bs_choice bs_choose(const struct bs_packet* packet) {
  const struct bs_settings* settings = packet->settings;
  if (settings->threshold == 0xffffffffU) return BS_CHOSEN;
  const __u32 hash = bs_client_hash(&packet->key, settings->seed);
  if (hash <= settings->threshold) return BS_CHOSEN;
  return hash <= settings->highest ? BS_CHOSEN_BEFORE : BS_NOT_CHOSEN;
}
