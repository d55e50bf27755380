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

// By the client alone, so that two views of a session fall together. In steps of 8 bytes: this runs
// for every packet of a session that is not chosen.
BS_INLINE __u32 bs_client_hash(const struct bs_flow_key* key, __u32 seed) {
  const __u64 odd = 0x9e3779b97f4a7c15ULL;
  __u64 h = (__u64)seed << 32 | key->client_port;
  for (int i = 0; i < 16; i += 8) h = (h ^ BS_WORD64(key->client + i)) * odd;
  return bs_mix((__u32)(h >> 32) ^ (__u32)h);
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
