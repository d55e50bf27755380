/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
 *
 * The cut: bodies of ordinary mail never leave the kernel.
 *
 * A flow is in one phase, which both directions see in one word:
 *   LOST      it is not known where in a dialogue the client's bytes are: they stay here until the
 *             server speaks
 *   COMMANDS  the client's bytes are commands and pass
 *   BODY      behind a 354: they stay here, up to a lone dot, or up to the server's next reply
 *   CHUNK     octets of BDAT: they stay here, up to a sequence number
 *   OPAQUE    TLS: everything stays here
 * In doubt nothing passes. What is left out is told by ranges of sequence numbers. */
#pragma once

#include "emit.h"
#include "lines.h"

enum bs_phase { BS_LOST, BS_COMMANDS, BS_BODY, BS_CHUNK, BS_OPAQUE };

/* COMMANDS: what comes first has to be a verb, since only a reply says that a body is over. */
#define BS_EXPECT_VERB (1ULL << 40)

/* The sequence number: COMMANDS and BODY begin there, CHUNK ends there. */
#define BS_STATE(phase, sequence) ((__u64)(phase) << 32 | (__u32)(sequence))
#define BS_PHASE_OF(word) ((__u32)((word) >> 32) & 0xff)

/* Which body bytes pass. */
enum bs_pass { BS_PASS_NONE, BS_PASS_ALL, BS_PASS_HEADERS };

#define BS_MAX_HEADERS 16384 /* bytes of a header block of ours that pass */
#define BS_TAIL_IN_LINE 0xff /* tail_length: within a line too long to matter */
#define BS_ROOM (BS_WINDOW - BS_TAIL)
#define BS_REACH 1024 /* how far before the end of a segment a lone dot is looked for */

BS_INLINE __u64 bs_state(const struct bs_flow* flow) { return *(volatile __u64*)&flow->word; }

/* The other direction may have been faster; then its word holds. */
BS_INLINE void bs_enter(struct bs_flow* flow, __u64 from, __u64 to) {
  __sync_val_compare_and_swap(&flow->word, from, to);
}

BS_INLINE struct bs_window* bs_window(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&bs_windows, &zero);
}

/* The window: what came before, right behind it `length` <= BS_ROOM bytes of payload from `at`.
 * 0: done. */
BS_INLINE int bs_look_at(const struct bs_packet* packet, struct bs_window* window, __u32 at,
                         __u32 length) {
  bs_copy_tail(window->bytes, packet->flow->tail);
  return bs_load_some(packet->skb, packet->payload_at + at, window->bytes + BS_TAIL, length,
                      BS_ROOM);
}

/* Remembers the last bytes of the window before `end`. */
BS_INLINE void bs_remember(struct bs_flow* flow, const struct bs_window* window, __u32 end,
                           __u8 length) {
  bs_copy_tail(flow->tail, window->bytes + ((end - BS_TAIL) & (BS_WINDOW - 1)));
  flow->tail_length = length;
}

BS_INLINE void bs_lose(struct bs_packet* packet, __u64 word, enum bs_counter why) {
  bs_leave_out(packet, packet->at, packet->length, why);
  bs_enter(packet->flow, word, BS_STATE(BS_LOST, 0));
  packet->flow->client_next = packet->sequence + packet->length;
  packet->at = packet->length;
}

BS_INLINE int bs_is_verb(__u32 word) {
  return word == BS_WORD('m', 'a', 'i', 'l') || word == BS_WORD('r', 'c', 'p', 't') ||
         word == BS_WORD('d', 'a', 't', 'a') || word == BS_WORD('b', 'd', 'a', 't') ||
         word == BS_WORD('r', 's', 'e', 't') || word == BS_WORD('q', 'u', 'i', 't') ||
         word == BS_WORD('n', 'o', 'o', 'p') || word == BS_WORD('e', 'h', 'l', 'o') ||
         word == BS_WORD('h', 'e', 'l', 'o') || word == BS_WORD('l', 'h', 'l', 'o') ||
         word == BS_WORD('v', 'r', 'f', 'y') || word == BS_WORD('e', 'x', 'p', 'n') ||
         word == BS_WORD('e', 't', 'r', 'n') || word == BS_WORD('h', 'e', 'l', 'p') ||
         word == BS_WORD('a', 'u', 't', 'h') || word == BS_WORD('s', 't', 'a', 'r') ||
         word == BS_WORD('x', 'c', 'l', 'i') || word == BS_WORD('x', 'f', 'o', 'r');
}

BS_INLINE void bs_on_mail(const struct bs_packet* packet, const struct bs_scan* scan) {
  struct bs_flow* flow = packet->flow;
  if (scan->auth) flow->outbound = 1; /* a submission */
  if (scan->mail == BS_MAIL_REPORT) {
    flow->pass = BS_PASS_ALL;
    flow->budget = packet->settings->capture_bytes;
  } else if (scan->mail == BS_MAIL_ORDINARY) {
    flow->pass = flow->outbound ? BS_PASS_HEADERS : BS_PASS_NONE;
    flow->budget = BS_MAX_HEADERS;
  }
}

/* One window of commands. */
static __noinline int bs_step_commands(struct bs_packet* packet, __u64 word) {
  struct bs_flow* flow = packet->flow;
  struct bs_window* window = bs_window();
  if (!flow || !window) return 1;
  __u32 next = flow->client_next;
  if (bs_before(next, (__u32)word)) {
    next = (__u32)word;
    flow->tail_length = 0;
  }
  const __u32 begin = packet->sequence + packet->at;
  if (bs_before(begin, next)) { /* old bytes again, whatever they are */
    packet->at += bs_min(next - begin, packet->length - packet->at);
    return 0;
  }
  if (begin != next) {
    bs_lose(packet, word, BS_UNORDERED);
    return 1;
  }
  const __u32 length = bs_min(packet->length - packet->at, BS_ROOM);
  if (bs_look_at(packet, window, packet->at, length)) return 1;
  const __u8 tail = flow->tail_length;
  if (tail == 0 && window->bytes[BS_TAIL] == 0x16 && window->bytes[BS_TAIL + 1] == 0x03) {
    const __u32 hello = bs_min(length, 16);
    bs_emit(packet, packet->at, hello, packet->flags);
    bs_leave_out(packet, packet->at + hello, packet->length, BS_CUT_BYTES);
    bs_enter(flow, word, BS_STATE(BS_OPAQUE, 0));
    packet->at = packet->length;
    return 1;
  }
  if ((word & BS_EXPECT_VERB) && tail == 0 && !bs_is_verb(bs_word(window, BS_TAIL))) {
    bs_lose(packet, word, BS_STATELESS_BYTES);
    return 1;
  }
  const __u32 end = BS_TAIL + length;
  bs_scan_lines(window, BS_LOOK_COMMANDS,
                tail < BS_TAIL ? BS_TAIL - tail : BS_TAIL, end, tail < BS_TAIL);
  bs_on_mail(packet, &window->scan);
  __u32 taken = length;
  if (window->scan.found != BS_NOWHERE && window->scan.found > BS_TAIL) {
    taken = window->scan.found - BS_TAIL;
    flow->tail_length = 4;
    bs_remember(flow, window, window->scan.found, 4);
    bs_enter(flow, word, BS_STATE(BS_CHUNK, begin + taken + window->scan.bdat_size));
  } else {
    __u8 unfinished = BS_TAIL_IN_LINE;
    if (window->scan.line != BS_NOWHERE && end - window->scan.line < BS_TAIL) unfinished = end - window->scan.line;
    bs_remember(flow, window, end, unfinished);
    if (word & BS_EXPECT_VERB) bs_enter(flow, word, word & ~BS_EXPECT_VERB);
  }
  bs_emit(packet, packet->at, taken, packet->flags);
  packet->at += taken;
  flow->client_next = begin + taken;
  return 0;
}

/* Body bytes [at, to) of the payload: what of them passes. */
static __noinline int bs_pass_body(struct bs_packet* packet, __u32 to) {
  struct bs_flow* flow = packet->flow;
  struct bs_window* window = bs_window();
  if (!flow || !window) return 1;
  if (packet->at >= to) return 0;
  __u32 passing = 0;
  if (flow->pass == BS_PASS_ALL) {
    passing = bs_min(to - packet->at, flow->budget);
  } else if (flow->pass == BS_PASS_HEADERS) {
    if (packet->sequence + packet->at == flow->client_next) {
      passing = bs_min(bs_min(to - packet->at, flow->budget), BS_ROOM);
      if (passing > 0 && !bs_look_at(packet, window, packet->at, passing)) {
        bs_scan_lines(window, BS_LOOK_BLANK, BS_TAIL - bs_min(flow->tail_length, 4),
                      BS_TAIL + passing, 0);
        bs_remember(flow, window, BS_TAIL + passing, 4);
        if (window->scan.found != BS_NOWHERE && window->scan.found > BS_TAIL) {
          passing = window->scan.found - BS_TAIL;
          flow->pass = BS_PASS_NONE;
        }
      } else {
        passing = 0;
        flow->pass = BS_PASS_NONE;
      }
    } else {
      flow->pass = BS_PASS_NONE; /* out of order: its end could not be told */
    }
  }
  if (passing > 0) {
    flow->budget -= passing;
    bs_emit(packet, packet->at, passing, packet->flags);
    packet->at += passing;
    flow->client_next = packet->sequence + packet->at;
    /* More of a long header block is looked at in the next step. */
    if (flow->pass == BS_PASS_HEADERS && flow->budget > 0) return 0;
  }
  bs_leave_out(packet, packet->at, to, BS_CUT_BYTES);
  packet->at = to;
  return 0;
}

/* Where in the payload the line of the lone dot begins; BS_NOWHERE: not in this segment. */
static __noinline __u32 bs_find_dot(struct bs_packet* packet, __u32 body_begin) {
  struct bs_flow* flow = packet->flow;
  struct bs_window* window = bs_window();
  __u8 last;
  if (!flow || !window || packet->length == 0) return BS_NOWHERE;
  if (bs_load(packet->skb, packet->payload_at + packet->length - 1, &last, 1)) return BS_NOWHERE;
  if (last != '\n') return BS_NOWHERE;
  const __u32 rest = packet->length - packet->at;
  const __u32 length = bs_min(rest, BS_REACH);
  if (bs_look_at(packet, window, packet->length - length, length)) return BS_NOWHERE;
  const __u32 begin = packet->sequence + packet->at;
  __u32 from = BS_TAIL;
  if (length == rest && begin == body_begin) {
    from = BS_TAIL - 1; /* an empty body: the dot is its first line */
    window->bytes[BS_TAIL - 1] = '\n';
  } else if (length == rest && begin == flow->client_next) {
    from = BS_TAIL - bs_min(flow->tail_length, 4);
  }
  bs_scan_lines(window, BS_LOOK_DOT, from, BS_TAIL + length, 0);
  if (window->scan.found == BS_NOWHERE || window->scan.found < BS_TAIL) return BS_NOWHERE;
  return packet->length - length + (window->scan.found - BS_TAIL);
}

/* The last bytes of a body segment, so that a line end split over two is seen. */
BS_INLINE void bs_remember_end(struct bs_packet* packet) {
  struct bs_flow* flow = packet->flow;
  __u8 last[4];
  if (packet->length >= 4) {
    if (bs_load(packet->skb, packet->payload_at + packet->length - 4, last, 4)) return;
    __builtin_memcpy(flow->tail + BS_TAIL - 4, last, 4);
  } else {
    for (__u32 i = 0; i < 3; i++) {
      if (i >= packet->length) break;
      __builtin_memcpy(last, flow->tail + BS_TAIL - 3, 3);
      if (bs_load(packet->skb, packet->payload_at + i, last + 3, 1)) return;
      __builtin_memcpy(flow->tail + BS_TAIL - 4, last, 4);
    }
  }
  flow->tail_length = 4;
}

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
    flow->tail[BS_TAIL - 1] = '\n'; /* the reply ended a line, so to speak */
    flow->tail_length = 1;
    flow->client_next = body;
  }
  const __u32 dot = bs_find_dot(packet, body);
  const __u32 to = dot == BS_NOWHERE ? packet->length : dot;
  bs_pass_body(packet, to);
  if (packet->at < to) return 0;
  const __u32 end = packet->sequence + packet->at;
  if (bs_before(flow->client_next, end)) flow->client_next = end;
  if (dot == BS_NOWHERE) {
    bs_remember_end(packet);
    return 1;
  }
  flow->pass = BS_PASS_NONE;
  flow->tail_length = 0;
  flow->client_next = end;
  bs_enter(flow, word, BS_STATE(BS_COMMANDS, end));
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
    bs_remember_end(packet);
    return 1;
  }
  flow->tail_length = 0;
  bs_enter(flow, word, BS_STATE(BS_COMMANDS, end));
  return 0;
}

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
    case BS_OPAQUE:
      bs_leave_out(packet, packet->at, packet->length, BS_CUT_BYTES);
      break;
    default:
      bs_leave_out(packet, packet->at, packet->length, BS_STATELESS_BYTES);
      packet->flow->client_next = packet->sequence + packet->length;
  }
  packet->at = packet->length;
  return 1;
}

#define BS_MAX_STEPS 64

BS_INLINE void bs_on_client(struct bs_packet* packet) {
  packet->at = 0;
  bpf_loop(BS_MAX_STEPS, bs_client_step, packet, 0);
  if (packet->at < packet->length) bs_lose(packet, bs_state(packet->flow), BS_STATELESS_BYTES);
}

/* Whether the last line of this reply is a 354. A line may be split over segments. */
static __noinline int bs_ends_with_354(struct bs_packet* packet) {
  struct bs_flow* flow = packet->flow;
  struct bs_window* window = bs_window();
  if (!flow || !window || packet->length == 0) return 0;
  const __u32 length = bs_min(packet->length, 512);
  BS_WORD32(window->bytes + BS_TAIL - 4) = BS_WORD32(flow->reply);
  if (bs_load_some(packet->skb, packet->payload_at + packet->length - length,
                   window->bytes + BS_TAIL, length, BS_ROOM)) {
    return 0;
  }
  const __u32 end = BS_TAIL + length;
  const __u32 begun = length == packet->length ? bs_min(flow->reply_length, 4) : 0;
  bs_scan_lines(window, BS_LOOK_LAST, BS_TAIL - begun, end, length == packet->length);
  if (window->scan.line == BS_NOWHERE) return 0;
  const __u32 line = window->scan.line;
  flow->reply_length = 0;
  if (bs_byte(window, end - 1) != '\n') {
    const __u32 unfinished = bs_min(end - line, 4);
    /* Right-aligned, as the window wants it. */
    for (__u32 i = 0; i < 4; i++) {
      flow->reply[i] = i + unfinished >= 4 ? bs_byte(window, line + i + unfinished - 4) : 0;
    }
    flow->reply_length = unfinished;
    return 0;
  }
  return bs_byte(window, line) == '3' && bs_byte(window, line + 1) == '5' &&
         bs_byte(window, line + 2) == '4';
}

BS_INLINE void bs_on_server(struct bs_packet* packet) {
  struct bs_flow* flow = packet->flow;
  __u64 word = bs_state(flow);
  if (BS_PHASE_OF(word) == BS_OPAQUE) {
    BS_COUNT(packet, BS_CUT_BYTES, packet->length);
    return;
  }
  bs_emit(packet, 0, packet->length, packet->flags);
  const __u32 end = packet->sequence + packet->length;
  if (!bs_before(flow->server_next, end)) return; /* said before */
  flow->server_next = end;
  const int go = bs_ends_with_354(packet);
  const __u32 acknowledged = packet->acknowledgment;
  for (int i = 0; i < 4; i++) {
    const __u32 phase = BS_PHASE_OF(word);
    __u64 next = word;
    if (go && (phase == BS_COMMANDS || phase == BS_LOST)) {
      next = BS_STATE(BS_BODY, acknowledged);
    } else if (phase == BS_LOST) {
      next = BS_STATE(BS_COMMANDS, acknowledged) | BS_EXPECT_VERB;
    } else if (phase == BS_BODY && bs_before((__u32)word, acknowledged) &&
               !bs_before(acknowledged, *(volatile __u32*)&flow->client_next)) {
      /* The client has nothing under way that the server did not have when it spoke. */
      next = BS_STATE(BS_COMMANDS, acknowledged) | BS_EXPECT_VERB;
    }
    if (next == word) break;
    const __u64 seen = __sync_val_compare_and_swap(&flow->word, word, next);
    if (seen == word) break;
    word = seen;
  }
}
