// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// The first payload of a flow: its state is made, never at a SYN, so that half-open connections
// cost nothing.
#pragma once

#include "bpf/lib/flow_state.h"

#define BS_SUBMISSION 587   // RFC 6409
#define BS_SUBMISSIONS 465  // RFC 8314

BS_INLINE int bs_is_ours(const __u8* address) {
  struct bs_prefix key;
  key.bits = 128;
  for (int i = 0; i < 16; i += 4) BS_WORD32(key.address + i) = BS_WORD32(address + i);
  return bpf_map_lookup_elem(&bs_local, &key) != 0;
}

static __noinline int bs_open_flow(struct bs_packet* packet) {
  struct bs_flow flow;
  __builtin_memset(&flow, 0, sizeof flow);
  flow.threshold = packet->settings->threshold;
  flow.cut_closed = 1;
  if (packet->from_client) {
    flow.word = BS_STATE(BS_LOST, 0);
    flow.client_next = packet->sequence;
    flow.server_next = packet->acknowledgment;
    flow.acked = packet->sequence;
  } else {
    // A server that speaks TLS: its dialogue began before.
    flow.word = bs_is_tls(packet) ? BS_STATE(BS_OPAQUE, 0) | BS_AGREED
                                  : BS_STATE(BS_COMMANDS, packet->acknowledgment) | BS_EXPECT_VERB;
    flow.client_next = packet->acknowledgment;
    flow.server_next = packet->sequence;
    flow.acked = packet->acknowledgment;
  }
  flow.cut = (__u64)flow.client_next << 32 | flow.client_next;
  const __u16 port = packet->key.server_port;
  flow.outbound = port == BS_SUBMISSION || port == BS_SUBMISSIONS ||
                  (bs_is_ours(packet->key.client) && !bs_is_ours(packet->key.server));
  if (bpf_map_update_elem(&bs_flows, &packet->key, &flow, BPF_NOEXIST) == 0) {
    BS_COUNT(packet, BS_FLOWS, 1);
  }
  packet->flow = bpf_map_lookup_elem(&bs_flows, &packet->key);
  if (!packet->flow) BS_COUNT(packet, BS_NO_FLOW, 1);
  return 0;
}

#define BS_HEAD 16      // bytes that tell what a client says first, and all of a hello that passes
#define BS_PROXY_1 107  // the longest header of PROXY version 1
#define BS_PROXY_2 16   // the shortest of version 2
#define BS_PROXY_MAX 536  // and what of a longer one passes

// How many bytes of a PROXY header pass; 0: it is none.
static __noinline __u32 bs_proxy_length(struct bs_packet* packet) {
  __u8 head[BS_HEAD];
  struct bs_window* window = bs_window();
  if (!window || packet->length < sizeof head ||
      bs_load(packet->skb, packet->payload_at, head, sizeof head)) {
    return 0;
  }
  if (head[0] == 'P' && head[1] == 'R' && head[2] == 'O' && head[3] == 'X' && head[4] == 'Y' &&
      head[5] == ' ') {
    const __u32 length = bs_min(packet->length, BS_PROXY_1);
    if (bs_load_some(packet->skb, packet->payload_at, window->bytes + BS_TAIL, length,
                     BS_PROXY_1)) {
      return 0;
    }
    bs_scan_lines(window, BS_LOOK_LAST, BS_TAIL, BS_TAIL + length, 0);
    if (window->scan.line != BS_NOWHERE) return window->scan.line - BS_TAIL;
    return bs_byte(window, BS_TAIL + length - 1) == '\n' ? length : 0;
  }
  if (head[0] == '\r' && head[1] == '\n' && head[2] == '\r' && head[3] == '\n' && head[4] == 0 &&
      head[5] == '\r' && head[6] == '\n' && head[7] == 'Q' && head[8] == 'U' && head[9] == 'I' &&
      head[10] == 'T' && head[11] == '\n') {
    const __u32 length = BS_PROXY_2 + ((__u32)head[14] << 8 | head[15]);
    return bs_min(packet->length, bs_min(length, BS_PROXY_MAX));
  }
  return 0;
}

// What a client may say before the server: a TLS hello, or a PROXY header.
BS_INLINE void bs_on_first_words(struct bs_packet* packet) {
  __u32 passing;
  if (bs_is_tls(packet)) {
    passing = bs_min(packet->length, BS_HEAD);
    bs_enter(packet->flow, BS_STATE(BS_LOST, 0), BS_STATE(BS_OPAQUE, 0));
  } else {
    passing = bs_proxy_length(packet);
    if (passing == 0) return;
    bs_enter(packet->flow, BS_STATE(BS_LOST, 0),
             BS_STATE(BS_COMMANDS, packet->sequence + passing) | BS_EXPECT_VERB);
  }
  bs_emit(packet, 0, passing);
  packet->at = passing;
  packet->flow->client_next = packet->sequence + passing;
}
