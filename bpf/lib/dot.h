// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// Where a body ends: the line that is a lone dot.
#pragma once

#include "bpf/lib/verbs.h"

#define BS_REACH 1024     // how far before the end of a segment a lone dot is looked for
#define BS_LAST_LINE 128  // how long the last command behind one may be

// The last bytes of the segment as a word, the last one highest; what is missing is of what came
// before it.
BS_INLINE __u64 bs_last_bytes(struct bs_packet* packet) {
  __u64 last = 0;
  if (packet->length >= 8) {
    bs_load(packet->skb, packet->payload_at + packet->length - 8, &last, 8);
    return last;
  }
  last = (__u64)BS_WORD32(packet->flow->tail + BS_TAIL - 4) << 32;
  for (__u32 i = 0; i < 7; i++) {
    __u8 next;
    if (i >= packet->length || bs_load(packet->skb, packet->payload_at + i, &next, 1)) break;
    last = last >> 8 | (__u64)next << 56;
  }
  return last;
}

BS_INLINE int bs_ends_line(__u64 last) { return last >> 56 == '\n'; }

// So that a line end split over two segments is seen.
BS_INLINE void bs_remember_end(struct bs_flow* flow, __u64 last) {
  BS_WORD32(flow->tail + BS_TAIL - 4) = (__u32)(last >> 32);
  flow->tail_length = 4;
  flow->tail_of_body = 1;
}

// Bit 7 of each byte that is a LF.
BS_INLINE __u64 bs_line_feeds(__u64 word) {
  const __u64 low = 0x7f7f7f7f7f7f7f7fULL;
  const __u64 differs = word ^ 0x0a0a0a0a0a0a0a0aULL;
  return ~(((differs & low) + low) | differs | low);
}

// Whether the last line of the window's BS_LAST_LINE bytes, which end a line, begins with a verb.
BS_INLINE int bs_ends_with_command(struct bs_window* window) {
  __u64 latest = 0;
  __u32 at = 0;
  for (int i = 0; i < BS_LAST_LINE; i += 8) {
    __u64 word = BS_WORD64(window->bytes + BS_TAIL + i);
    if (i == BS_LAST_LINE - 8) word &= ~0ULL >> 8;  // its own end
    const __u64 feeds = bs_line_feeds(word);
    if (feeds) {
      latest = feeds;
      at = i;
    }
  }
  if (!latest) return 0;
  for (int i = 7; i >= 0; i--) {
    if (latest >> (8 * i + 7)) {
      at += i + 1;
      break;
    }
  }
  return bs_is_verb(bs_word(window, BS_TAIL + at));
}

// Where in the payload, which ends a line, the line of the lone dot begins; BS_NOWHERE: not in
// here. Behind it there are commands, or nothing.
static __noinline __u32 bs_find_dot(struct bs_packet* packet, __u64 last) {
  struct bs_flow* flow = packet->flow;
  struct bs_window* window = bs_window();
  if (!flow || !window) return BS_NOWHERE;
  const __u32 rest = packet->length - packet->at;
  if (rest > 3 && last >> 32 == BS_WORD('\n', '.', '\r', '\n')) return packet->length - 3;
  if (rest > BS_LAST_LINE) {
    if (bs_load(packet->skb, packet->payload_at + packet->length - BS_LAST_LINE,
                window->bytes + BS_TAIL, BS_LAST_LINE) ||
        !bs_ends_with_command(window)) {
      return BS_NOWHERE;
    }
  }
  const __u32 length = bs_min(rest, BS_REACH);
  if (bs_look_at(packet, window, packet->length - length, length)) return BS_NOWHERE;
  // Where a line begins is known of the tail, also for an empty body (bs_step_body).
  const int has_tail =
      length == rest && flow->tail_of_body && packet->sequence + packet->at == flow->client_next;
  const __u32 from = has_tail ? BS_TAIL - bs_min(flow->tail_length, 4) : BS_TAIL;
  bs_scan_lines(window, BS_LOOK_DOT, from, BS_TAIL + length, 0);
  if (window->scan.found == BS_NOWHERE || window->scan.found < BS_TAIL) return BS_NOWHERE;
  return packet->length - length + (window->scan.found - BS_TAIL);
}
