// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// The client's commands: they pass, and what of them begins a body is seen.
#pragma once

#include "bpf/lib/verbs.h"

#define BS_TAIL_IN_LINE 0xff  // tail_length: within a line too long to matter

BS_INLINE void bs_on_mail(const struct bs_packet* packet, const struct bs_scan* scan) {
  struct bs_flow* flow = packet->flow;
  if (scan->auth) flow->outbound = 1;  // a submission
  if (scan->mail == BS_MAIL_REPORT) {
    flow->pass = BS_PASS_ALL;
    flow->budget = packet->settings->capture_bytes;
  } else if (scan->mail == BS_MAIL_ORDINARY) {
    flow->pass = flow->outbound ? BS_PASS_HEADERS : BS_PASS_NONE;
    flow->budget = BS_MAX_HEADERS;
  }
}

// Whether what looks like TLS is: behind STARTTLS and a 220, or before the server said anything.
// Else it is a line of rubbish: two bytes of a client must not hide its session.
BS_INLINE int bs_may_be_tls(const struct bs_flow* flow) {
  return flow->heard == BS_HEARD_NOTHING || (flow->starttls && flow->heard == BS_HEARD_READY);
}

BS_INLINE void bs_begin_tls(struct bs_packet* packet, __u64 word, __u32 length) {
  struct bs_flow* flow = packet->flow;
  const __u32 hello = bs_min(length, 16);
  bs_emit(packet, packet->at, hello);
  bs_leave_out(packet, packet->at + hello, packet->length, BS_CUT_BYTES);
  bs_enter(flow, word, BS_STATE(BS_OPAQUE, 0) | (flow->heard == BS_HEARD_NOTHING ? 0 : BS_AGREED));
  flow->client_next = packet->sequence + packet->length;
  packet->at = packet->length;
}

// Where the bytes to look at next begin. Behind a resynchronisation they may begin at the server's
// acknowledgment, whatever was seen ahead of it.
BS_INLINE __u32 bs_next_command(const struct bs_flow* flow, __u64 word, __u32 begin) {
  const __u32 known = (__u32)word;
  if (bs_before(flow->client_next, known)) return known;
  return (word & BS_EXPECT_VERB) && begin == known ? known : flow->client_next;
}

// The commands in the window, `length` bytes of payload; how many of them pass.
BS_INLINE __u32 bs_scan_commands(struct bs_packet* packet, struct bs_window* window, __u64 word,
                                 __u8 tail, __u32 length) {
  struct bs_flow* flow = packet->flow;
  const struct bs_scan* scan = &window->scan;
  const __u32 begin = packet->sequence + packet->at;
  const __u32 end = BS_TAIL + length;
  const int is_line_start = tail < BS_TAIL;
  window->scan.starttls = flow->starttls;
  bs_scan_lines(window, BS_LOOK_COMMANDS, is_line_start ? BS_TAIL - tail : BS_TAIL, end,
                is_line_start);
  bs_on_mail(packet, scan);
  flow->starttls = scan->starttls;
  if (scan->found != BS_NOWHERE && scan->found > BS_TAIL) {
    const __u32 taken = scan->found - BS_TAIL;
    bs_remember(flow, window, scan->found, 4, 1);
    if (scan->asks == BS_ASKS_CHUNK) {
      bs_enter(flow, word, BS_STATE(BS_CHUNK, begin + taken + scan->chunk));
    } else {
      bs_enter(flow, word, BS_STATE(BS_BODY, begin + taken) | BS_ASKED);
    }
    return taken;
  }
  __u8 unfinished = BS_TAIL_IN_LINE;
  if (scan->line != BS_NOWHERE && end - scan->line < BS_TAIL) unfinished = end - scan->line;
  bs_remember(flow, window, end, unfinished, 0);
  const int verb_seen = tail + length >= 4;
  if ((word & BS_EXPECT_VERB) && verb_seen) bs_enter(flow, word, word & ~BS_EXPECT_VERB);
  return length;
}

// One window of commands. 1: nothing more to do with this packet.
static __noinline int bs_step_commands(struct bs_packet* packet, __u64 word) {
  struct bs_flow* flow = packet->flow;
  struct bs_window* window = bs_window();
  if (!flow || !window) return 1;
  const __u32 begin = packet->sequence + packet->at;
  const __u32 next = bs_next_command(flow, word, begin);
  if (bs_before(begin, next)) {  // old bytes again, whatever they are
    packet->at += bs_min(next - begin, packet->length - packet->at);
    return 0;
  }
  if (begin != next) {
    bs_lose(packet, word, BS_UNORDERED_BYTES);
    return 1;
  }
  const __u8 tail = next == flow->client_next && !flow->tail_of_body ? flow->tail_length : 0;
  const __u32 length = bs_min(packet->length - packet->at, BS_ROOM);
  if (bs_look_at(packet, window, packet->at, length)) return 1;
  if (tail < BS_TAIL) {
    const __u32 line = BS_TAIL - tail;
    // Handshake, or what else there is where its beginning was not seen.
    if (bs_is_tls_head(bs_byte(window, line), bs_byte(window, line + 1)) && tail + length > 1 &&
        bs_may_be_tls(flow)) {
      bs_begin_tls(packet, word, length);
      return 1;
    }
    if (word & BS_EXPECT_VERB) {
      if (!bs_may_be_verb(window, line, tail + length)) {
        bs_lose(packet, word, BS_STATELESS_BYTES);
        return 1;
      }
      if (tail == 0) flow->pass = BS_PASS_NONE;
    }
  }
  const __u32 taken = bs_scan_commands(packet, window, word, tail, length);
  bs_emit(packet, packet->at, taken);
  packet->at += taken;
  flow->client_next = begin + taken;
  return 0;
}
