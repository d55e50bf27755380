// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// Bodies: which of their bytes pass, and where they end.
#pragma once

#include "bpf/lib/dot.h"

// How many of `most` bytes of a header block pass, from packet->at; what it ends with is seen.
BS_INLINE __u32 bs_header_bytes(struct bs_packet* packet, struct bs_window* window, __u32 most) {
  struct bs_flow* flow = packet->flow;
  const __u32 passing = bs_min(bs_min(most, flow->budget), BS_ROOM);
  if (packet->sequence + packet->at != flow->client_next || passing == 0 ||
      bs_look_at(packet, window, packet->at, passing)) {
    flow->pass = BS_PASS_NONE;  // out of order: its end could not be told
    return 0;
  }
  bs_scan_lines(window, BS_LOOK_BLANK, BS_TAIL - bs_min(flow->tail_length, 4), BS_TAIL + passing,
                0);
  bs_remember(flow, window, BS_TAIL + passing, 4, 1);
  const __u32 found = window->scan.found;
  if (found == BS_NOWHERE || found <= BS_TAIL) return passing;
  flow->pass = BS_PASS_NONE;
  return found - BS_TAIL;
}

// Body bytes [at, to) of the payload: what of them passes.
static __noinline int bs_pass_body(struct bs_packet* packet, __u32 to) {
  struct bs_flow* flow = packet->flow;
  struct bs_window* window = bs_window();
  if (!flow || !window) return 1;
  if (packet->at >= to) return 0;
  __u32 passing = 0;
  if (flow->pass == BS_PASS_ALL) {
    passing = bs_min(to - packet->at, flow->budget);
  } else if (flow->pass == BS_PASS_HEADERS) {
    passing = bs_header_bytes(packet, window, to - packet->at);
  }
  if (passing > 0) {
    flow->budget -= passing;
    bs_emit(packet, packet->at, passing);
    packet->at += passing;
    flow->client_next = packet->sequence + packet->at;
    // More of a long header block is looked at in the next step.
    if (flow->pass == BS_PASS_HEADERS && flow->budget > 0) return 0;
  }
  // A hole before it is of the same body.
  if (bs_before(flow->client_next, packet->sequence + packet->at)) {
    bs_begin_cut(packet, flow->client_next);
  }
  bs_leave_out(packet, packet->at, to, BS_CUT_BYTES);
  packet->at = to;
  return 0;
}

#define BS_DOT_LINE 3  // .\r\n

static __noinline int bs_step_body(struct bs_packet* packet, __u64 word) {
  struct bs_flow* flow = packet->flow;
  if (!flow) return 1;
  const __u32 body = (__u32)word;
  const __u32 begin = packet->sequence + packet->at;
  if (bs_before(begin, body)) {
    packet->at += bs_min(body - begin, packet->length - packet->at);
    return 0;
  }
  if (begin == body) {
    flow->tail[BS_TAIL - 1] = '\n';  // the line before ended, so to speak
    flow->tail_length = 1;
    flow->tail_of_body = 1;
  }
  if (begin == body || bs_before(flow->client_next, body)) flow->client_next = body;
  const __u64 last = bs_last_bytes(packet);
  const __u32 dot = bs_ends_line(last) ? bs_find_dot(packet, last) : BS_NOWHERE;
  const __u32 to = dot == BS_NOWHERE ? packet->length : dot;
  bs_pass_body(packet, to);
  if (packet->at < to) return 0;
  const __u32 end = packet->sequence + packet->at;
  if (bs_before(flow->client_next, end)) flow->client_next = end;
  if (dot == BS_NOWHERE) {
    bs_remember_end(flow, last);
    return 1;
  }
  bs_emit(packet, packet->at, BS_DOT_LINE);
  packet->at += BS_DOT_LINE;
  flow->pass = BS_PASS_NONE;
  flow->tail_length = 0;
  flow->tail_of_body = 0;
  flow->client_next = end + BS_DOT_LINE;
  bs_enter(flow, word, BS_STATE(BS_COMMANDS, flow->client_next) | BS_EXPECT_VERB);
  return 0;
}

static __noinline int bs_step_chunk(struct bs_packet* packet, __u64 word) {
  struct bs_flow* flow = packet->flow;
  if (!flow) return 1;
  const __u32 end = (__u32)word;
  const __u32 begin = packet->sequence + packet->at;
  __u32 to = packet->at;
  if (bs_before(begin, end)) to += bs_min(end - begin, packet->length - packet->at);
  const int whole = !bs_before(packet->sequence + to, end);
  bs_pass_body(packet, to);
  if (packet->at < to) return 0;
  if (bs_before(flow->client_next, packet->sequence + to)) {
    flow->client_next = packet->sequence + to;
  }
  if (!whole) {
    bs_remember_end(flow, bs_last_bytes(packet));
    return 1;
  }
  flow->tail_length = 0;
  flow->tail_of_body = 0;
  bs_enter(flow, word, BS_STATE(BS_COMMANDS, end));
  return 0;
}
