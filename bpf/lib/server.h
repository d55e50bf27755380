// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// The server's replies: all of them pass, and they say where the client's bytes are in the
// dialogue.
#pragma once

#include "bpf/lib/flow_state.h"

#define BS_REPLY_REACH 512  // how long the last line of a reply may be

#define BS_CODE(a, b, c) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16)

// The first three bytes of the last line of this reply; 0: it is not whole. A line may be split
// over segments.
static __noinline __u32 bs_last_code(struct bs_packet* packet) {
  struct bs_flow* flow = packet->flow;
  struct bs_window* window = bs_window();
  if (!flow || !window || packet->length == 0) return 0;
  const __u32 length = bs_min(packet->length, BS_REPLY_REACH);
  BS_WORD32(window->bytes + BS_TAIL - 4) = BS_WORD32(flow->reply);
  if (bs_load_some(packet->skb, packet->payload_at + packet->length - length,
                   window->bytes + BS_TAIL, length, BS_REPLY_REACH)) {
    return 0;
  }
  const __u32 end = BS_TAIL + length;
  const __u32 begun = length == packet->length ? bs_min(flow->reply_length, 4) : 0;
  bs_scan_lines(window, BS_LOOK_LAST, BS_TAIL - begun, end, length == packet->length);
  if (window->scan.line == BS_NOWHERE) return 0;
  const __u32 line = window->scan.line;
  flow->reply_length = 0;
  if (bs_byte(window, end - 1) != '\n') {
    // Only how it began matters; right-aligned, as the window wants it.
    const __u32 unfinished = bs_min(end - line, 4);
    for (__u32 i = 0; i < 4; i++) {
      flow->reply[i] = i + unfinished >= 4 ? bs_byte(window, line + i + unfinished - 4) : 0;
    }
    flow->reply_length = unfinished;
    return 0;
  }
  return BS_WORD32(window->bytes + (line & (BS_WINDOW - 1))) & 0xffffff;
}

#define BS_MAX_COMMANDS_AHEAD (1U << 20)  // of the server: more is no window of commands

// What the last line of a reply says.
enum bs_reply {
  BS_REPLY_OTHER,
  BS_REPLY_GREETING,  // 220, and nothing was heard before: no body is under way
  BS_REPLY_GO,        // 354
};

// What a new reply makes of the state `word`.
BS_INLINE __u64 bs_after_reply(struct bs_flow* flow, __u64 word, enum bs_reply reply,
                               __u32 acknowledged) {
  const int go = reply == BS_REPLY_GO;
  const __u32 client_next = BS_WORD32(&flow->client_next);
  const __u64 resumed = BS_STATE(BS_COMMANDS, acknowledged) | BS_EXPECT_VERB;
  const int is_ahead = bs_before(client_next, (__u32)word) && bs_before(acknowledged, (__u32)word);
  switch (BS_PHASE_OF(word)) {
    case BS_OPAQUE:
      if (word & BS_AGREED) return word;
      return go ? BS_STATE(BS_BODY, acknowledged) : resumed;
    case BS_LOST:
      return go ? BS_STATE(BS_BODY, acknowledged) : resumed;
    case BS_COMMANDS:
      // Put ahead of all that the client sent, by an acknowledgment that this one refutes.
      if (is_ahead) return go ? BS_STATE(BS_BODY, acknowledged) : resumed;
      if (go) return BS_STATE(BS_BODY, acknowledged);
      if (reply == BS_REPLY_GREETING) return word & ~BS_EXPECT_VERB;
      if ((word & BS_EXPECT_VERB) && bs_before((__u32)word, acknowledged)) return resumed;
      if (bs_before(acknowledged, client_next - BS_MAX_COMMANDS_AHEAD)) return resumed;
      return word;
    case BS_BODY:
      if (is_ahead) return go ? BS_STATE(BS_BODY, acknowledged) : resumed;
      // A reply to what came before the body.
      if (bs_before(acknowledged, (__u32)word)) return word;
      if (go) return word & ~BS_ASKED;
      // The client has nothing under way that the server did not have when it spoke.
      return bs_before(acknowledged, client_next) ? word : resumed;
    default:
      return word;
  }
}

// TLS was agreed on, or the server speaks it: only the head of its first record passes.
BS_INLINE void bs_agree(struct bs_packet* packet, __u64 word) {
  for (int i = 0; i < 4; i++) {
    const __u64 seen =
        __sync_val_compare_and_swap(&packet->flow->word, word, BS_STATE(BS_OPAQUE, 0) | BS_AGREED);
    if (seen == word) break;
    word = seen;
  }
  bs_emit(packet, 0, BS_TLS_HEAD);
  packet->at = BS_TLS_HEAD;
}

// Three digits.
BS_INLINE int bs_is_reply(const struct bs_packet* packet) {
  __u8 head[3];
  if (packet->length < 4 || bs_load(packet->skb, packet->payload_at, head, sizeof head)) return 0;
  for (int i = 0; i < 3; i++) {
    if (head[i] < '0' || head[i] > '9') return 0;
  }
  return 1;
}

// 1: the server's bytes are TLS, or so it seems. A record counts where one may begin, and where the
// client's bytes are not known to be plain.
static __noinline int bs_stays_opaque(struct bs_packet* packet, __u64 word) {
  struct bs_flow* flow = packet->flow;
  if (!flow) return 1;
  const __u32 phase = BS_PHASE_OF(word);
  if (phase == BS_OPAQUE) {
    if (word & BS_AGREED) return 1;
    if (!bs_is_tls(packet)) return !bs_is_reply(packet);
  } else if (!(phase == BS_LOST || (phase == BS_COMMANDS && flow->starttls)) ||
             flow->reply_length != 0 || !bs_is_tls(packet)) {
    return 0;
  }
  bs_agree(packet, word);
  return 1;
}

// Whether the segment that ends there says what was not said before. Until the server was heard,
// all that is known of its place is an acknowledgment of the client's, or not even that.
BS_INLINE int bs_is_new(const struct bs_flow* flow, __u32 end) {
  const __s32 ahead = (__s32)(end - flow->server_next);
  if (flow->heard == BS_HEARD_NOTHING) return ahead > 0 || ahead < -BS_MAX_AHEAD;
  return ahead > 0 && ahead <= BS_MAX_AHEAD;
}

BS_INLINE void bs_on_server(struct bs_packet* packet) {
  struct bs_flow* flow = packet->flow;
  __u64 word = bs_state(flow);
  const __u32 end = packet->sequence + packet->length;
  const int is_new = bs_is_new(flow, end);
  if (BS_PHASE_OF(word) == BS_OPAQUE && ((word & BS_AGREED) || !is_new)) {
    if (is_new) {
      BS_COUNT(packet, BS_CUT_BYTES, bs_min(end - flow->server_next, packet->length));
      flow->server_next = end;
      flow->acked = packet->acknowledgment;
    }
    return;
  }
  if (is_new && bs_stays_opaque(packet, word)) {
    BS_COUNT(packet, BS_CUT_BYTES, packet->length - packet->at);
    flow->server_next = end;
    flow->acked = packet->acknowledgment;
    return;
  }
  if (BS_PHASE_OF(word) == BS_OPAQUE && flow->cut_closed == BS_CUT_OPEN) {
    // It was no TLS: what was left out as such is a loss.
    const __u64 cut = BS_WORD64(&flow->cut);
    BS_COUNT(packet, BS_STATELESS_BYTES, (__u32)(cut >> 32) - (__u32)cut);
  }
  bs_emit(packet, 0, packet->length);
  if (!is_new) return;  // said before, or forged
  flow->server_next = end;
  flow->acked = packet->acknowledgment;
  const __u32 code = bs_last_code(packet);
  const int is_ready = code == BS_CODE('2', '2', '0');
  enum bs_reply reply = BS_REPLY_OTHER;
  if (code == BS_CODE('3', '5', '4')) reply = BS_REPLY_GO;
  if (is_ready && flow->heard == BS_HEARD_NOTHING) reply = BS_REPLY_GREETING;
  flow->heard = is_ready ? BS_HEARD_READY : BS_HEARD_REPLY;
  for (int i = 0; i < 4; i++) {
    const __u64 next = bs_after_reply(flow, word, reply, packet->acknowledgment);
    if (next == word) break;
    const __u64 seen = __sync_val_compare_and_swap(&flow->word, word, next);
    if (seen == word) break;
    word = seen;
  }
}
