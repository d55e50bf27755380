// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// The cut: bodies of ordinary mail never leave the kernel. The client's side, step by step; one
// step deals with bytes of one phase (flow_state.h).
#pragma once

#include "bpf/lib/body.h"
#include "bpf/lib/commands.h"

static long bs_client_step(__u32 i, void* context) {
  struct bs_packet* packet = context;
  if (!packet->flow || packet->at >= packet->length) return 1;
  const __u64 word = bs_state(packet->flow);
  switch (BS_PHASE_OF(word)) {
    case BS_COMMANDS:
      return bs_step_commands(packet, word);
    case BS_BODY:
      return bs_step_body(packet, word);
    case BS_CHUNK:
      return bs_step_chunk(packet, word);
    case BS_OPAQUE: {
      const __u32 keep = packet->keep;  // a socket filter does not even want its headers
      bs_leave_out(packet, packet->at, packet->length, BS_CUT_BYTES);
      packet->keep = keep;
      const __u32 end = packet->sequence + packet->length;
      if (bs_before(packet->flow->client_next, end)) packet->flow->client_next = end;
      break;
    }
    default:
      bs_leave_out(packet, packet->at, packet->length, BS_STATELESS_BYTES);
      packet->flow->client_next = packet->sequence + packet->length;
      packet->flow->pass = BS_PASS_NONE;
  }
  packet->at = packet->length;
  return 1;
}

#define BS_MAX_STEPS 200  // windows: 800 KiB, no packet is longer
#define BS_MAX_BEHIND (1 << 30)

BS_INLINE void bs_on_client(struct bs_packet* packet) {
  const struct bs_flow* flow = packet->flow;
  const __u32 known = bs_before(flow->client_next, flow->acked) ? flow->acked : flow->client_next;
  if ((__s32)(packet->sequence - known) > BS_MAX_AHEAD ||
      (__s32)(packet->sequence - flow->client_next) < -BS_MAX_BEHIND) {
    BS_COUNT(packet, BS_UNORDERED_BYTES, packet->length);
    return;
  }
  bpf_loop(BS_MAX_STEPS, bs_client_step, packet, 0);
  if (packet->at < packet->length) bs_lose(packet, bs_state(packet->flow), BS_STATELESS_BYTES);
}
