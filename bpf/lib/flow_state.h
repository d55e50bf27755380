// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// Where in its dialogue a flow is. Both directions see it in one word:
//   LOST      it is not known what the client's bytes are: they stay here until the server speaks
//   COMMANDS  the client's bytes are commands and pass
//   BODY      behind DATA, or a 354: they stay here, up to a lone dot or the server's next reply
//   CHUNK     octets of BDAT: they stay here, up to a sequence number
//   OPAQUE    TLS: everything stays here, of both sides; where the server did not agree to it,
//   until
//             it answers in the clear
// In doubt nothing passes. What is left out is told by ranges of sequence numbers.
#pragma once

#include "bpf/lib/emit.h"
#include "bpf/lib/lines.h"

enum bs_phase { BS_LOST, BS_COMMANDS, BS_BODY, BS_CHUNK, BS_OPAQUE };

// COMMANDS: what comes first has to be a verb, since nothing but a reply says that a body is over.
#define BS_EXPECT_VERB (1ULL << 40)
// BODY: no 354 was seen yet.
#define BS_ASKED (1ULL << 41)
// OPAQUE: for good. The server asked for TLS, or speaks it.
#define BS_AGREED (1ULL << 42)

// The sequence number: COMMANDS and BODY begin there, CHUNK ends there.
#define BS_STATE(phase, sequence) ((__u64)(phase) << 32 | (__u32)(sequence))
#define BS_PHASE_OF(word) ((__u32)((word) >> 32) & 0xff)

// Which body bytes pass.
enum bs_pass { BS_PASS_NONE, BS_PASS_ALL, BS_PASS_HEADERS };

#define BS_MAX_HEADERS 16384  // bytes of a header block of ours that pass

// How far ahead of what is known of a stream a segment may be: no SMTP peer has more in flight. One
// that is further off was forged, and must not blind a session.
#define BS_MAX_AHEAD (16 << 20)

BS_INLINE __u64 bs_state(struct bs_flow* flow) { return BS_WORD64(&flow->word); }

#define BS_TLS_HEAD 5  // of a record: type, version, length (RFC 8446 section 5.1)

BS_INLINE int bs_is_tls_head(__u8 type, __u8 version) {
  return type >= 0x14 && type <= 0x17 && version == 0x03;
}

// The payload begins with a record of TLS.
BS_INLINE int bs_is_tls(const struct bs_packet* packet) {
  __u8 head[2];
  if (packet->length < BS_TLS_HEAD) return 0;
  if (bs_load(packet->skb, packet->payload_at, head, sizeof head)) return 0;
  return bs_is_tls_head(head[0], head[1]);
}

// The client's side changes phase. The server's may have been faster: if it only moved on within
// the phase, this one goes before.
BS_INLINE void bs_enter(struct bs_flow* flow, __u64 from, __u64 to) {
  for (int i = 0; i < 4; i++) {
    const __u64 seen = __sync_val_compare_and_swap(&flow->word, from, to);
    if (seen == from || BS_PHASE_OF(seen) != BS_PHASE_OF(from)) return;
    from = seen;
  }
}

// The window: what came before, right behind it `length` <= BS_ROOM bytes of payload from `at`.
// 0: done.
BS_INLINE int bs_look_at(const struct bs_packet* packet, struct bs_window* window, __u32 at,
                         __u32 length) {
  const __u8* tail = packet->flow->tail;
  for (int i = 0; i < BS_TAIL; i += 8) BS_WORD64(window->bytes + i) = BS_WORD64(tail + i);
  return bs_load_some(packet->skb, packet->payload_at + at, window->bytes + BS_TAIL, length,
                      BS_ROOM);
}

// Remembers `length` bytes of the window before `end`.
BS_INLINE void bs_remember(struct bs_flow* flow, const struct bs_window* window, __u32 end,
                           __u8 length, int of_body) {
  const __u8* last = window->bytes + ((end - BS_TAIL) & (BS_WINDOW - 1));
  for (int i = 0; i < BS_TAIL; i += 8) BS_WORD64(flow->tail + i) = BS_WORD64(last + i);
  flow->tail_length = length;
  flow->tail_of_body = of_body;
}

BS_INLINE void bs_lose(struct bs_packet* packet, __u64 word, enum bs_counter why) {
  struct bs_flow* flow = packet->flow;
  bs_leave_out(packet, packet->at, packet->length, why);
  bs_enter(flow, word, BS_STATE(BS_LOST, 0));
  flow->client_next = packet->sequence + packet->length;
  flow->pass = BS_PASS_NONE;
  flow->starttls = 0;
  packet->at = packet->length;
}
