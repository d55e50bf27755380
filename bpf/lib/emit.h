// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// How pieces of a segment reach the agent, and how it learns what was left out.
#pragma once

#include "bpf/lib/maps.h"

BS_INLINE void bs_fill(const struct bs_packet* packet, struct bs_record* record, __u32 from,
                       __u32 length, __u32 captured) {
  record->at = bpf_ktime_get_ns();
  if (packet->from_client) {
    bs_copy16(record->source, packet->key.client);
    bs_copy16(record->destination, packet->key.server);
    record->source_port = packet->key.client_port;
    record->destination_port = packet->key.server_port;
  } else {
    bs_copy16(record->source, packet->key.server);
    bs_copy16(record->destination, packet->key.client);
    record->source_port = packet->key.server_port;
    record->destination_port = packet->key.client_port;
  }
  record->sequence = packet->sequence + from;
  record->acknowledgment = packet->acknowledgment;
  record->length = length;
  record->captured = captured;
  const __u64 cut = packet->flow ? BS_WORD64(&packet->flow->cut) : 0;
  record->cut_from = (__u32)cut;
  record->cut_length = (__u32)(cut >> 32) - (__u32)cut;
  record->interface = packet->skb->ifindex;
  record->threshold = packet->flow ? packet->flow->threshold : packet->settings->threshold;
  record->flags = from + length == packet->length
                      ? packet->flags
                      : packet->flags & ~(BS_TCP_SYN | BS_TCP_FIN | BS_TCP_RST);
  // The urgent byte is the one before the pointer, which counts from the segment's first.
  const __u32 urgent = packet->urgent_pointer;
  const int has_urgent = urgent > from && urgent <= from + length;
  record->urgent_pointer = has_urgent ? urgent - from : 0;
  if (!has_urgent) record->flags &= ~BS_TCP_URG;
  record->from_client = packet->from_client;
}

// One wake-up a record would cost more than all the copying.
BS_INLINE __u64 bs_wake(const struct bs_packet* packet) {
  return bpf_ringbuf_query(&bs_ring, BPF_RB_AVAIL_DATA) >= packet->settings->wake_bytes
             ? BPF_RB_FORCE_WAKEUP
             : BPF_RB_NO_WAKEUP;
}

// `room`: a constant, >= length. 1: it found room in the ring.
BS_INLINE int bs_write(const struct bs_packet* packet, __u32 from, __u32 length, const __u32 room) {
  struct bs_record* record = bpf_ringbuf_reserve(&bs_ring, sizeof *record + room, 0);
  if (!record) {
    BS_COUNT(packet, BS_RING_FULL, 1);
    BS_COUNT(packet, BS_RING_FULL_BYTES, length);
    return 0;
  }
  __u32 captured = length;
  if (length > 0 &&
      bs_load_some(packet->skb, packet->payload_at + from, record + 1, length, room)) {
    BS_COUNT(packet, BS_TRUNCATED, 1);
    captured = 0;
  }
  bs_fill(packet, record, from, length, captured);
  bpf_ringbuf_submit(record, bs_wake(packet));
  BS_COUNT(packet, BS_RECORDS, 1);
  return 1;
}

// Payload bytes [from, from + length), length <= BS_CLASS_2; none: a record that says only flags
// and what was left out. 1: it found room.
static __noinline int bs_write_piece(struct bs_packet* packet, __u32 from, __u32 length) {
  if (length <= BS_CLASS_0) return bs_write(packet, from, length, BS_CLASS_0);
  if (length <= BS_CLASS_1) return bs_write(packet, from, length, BS_CLASS_1);
  return bs_write(packet, from, length, BS_CLASS_2);
}

static long bs_write_next(__u32 i, void* context) {
  struct bs_packet* packet = context;
  struct bs_window* window = bs_window();
  if (!window) return 1;
  const __u32 from = window->scan.piece;
  const __u32 end = window->scan.pieces_end;
  if (from >= end) return 1;
  const __u32 length = bs_min(end - from, BS_CLASS_2);
  window->scan.put += bs_write_piece(packet, from, length);
  window->scan.piece = from + length;
  return 0;
}

#define BS_MAX_PIECES 128  // 1 MiB; no packet is longer

static __noinline int bs_write_long(struct bs_packet* packet, __u32 from, __u32 length) {
  struct bs_window* window = bs_window();
  if (!window) return 0;
  window->scan.piece = from;
  window->scan.pieces_end = from + length;
  window->scan.put = 0;
  bpf_loop(BS_MAX_PIECES, bs_write_next, packet, 0);
  return window->scan.put > 0;
}

// Payload bytes [from, from + length) pass. The socket filter can only keep a prefix: nothing
// behind bytes that were left out.
BS_INLINE void bs_emit(struct bs_packet* packet, __u32 from, __u32 length) {
  if (from + length == packet->length) packet->end_told = 1;
  int told = 1;
  if (BS_IS_SOCKET(packet->how)) {
    const __u32 begin = packet->payload_at + from;
    if (packet->keep == 0) packet->keep = packet->payload_at;
    if (packet->keep == begin) {
      packet->keep = begin + length;
    } else if (length > 0) {
      BS_COUNT(packet, BS_BEHIND_CUT, length);
    }
  } else if (length > BS_CLASS_2) {
    told = bs_write_long(packet, from, length);
  } else {
    told = bs_write_piece(packet, from, length);
  }
  struct bs_flow* flow = packet->flow;
  if (!packet->from_client || !flow) return;
  if (told) {
    flow->cut_closed = BS_CUT_CLOSED;
  } else if (flow->cut_closed == BS_CUT_OPEN) {
    flow->cut_closed = BS_CUT_UNTOLD;
  }
}

// Before another range takes its place: a range that no record told yet.
BS_INLINE void bs_tell_cut(struct bs_packet* packet, __u32 at) {
  if (packet->flow->cut_closed == BS_CUT_UNTOLD) bs_write_piece(packet, at, 0);
}

// The next range begins at this sequence number, unless one is under way.
BS_INLINE void bs_begin_cut(struct bs_packet* packet, __u32 at) {
  struct bs_flow* flow = packet->flow;
  if (flow->cut_closed == BS_CUT_OPEN) return;
  bs_tell_cut(packet, packet->at);
  BS_WORD64(&flow->cut) = (__u64)at << 32 | at;
  flow->cut_closed = BS_CUT_OPEN;
}

#define BS_MAX_CUT (1U << 28)

// The client's payload bytes [from, to) stay here. Within one range a hole does not matter, since
// what is missing would have stayed here too. Counted is by how much the range grew: a segment that
// comes again, or is seen again on another interface, counts once.
BS_INLINE void bs_leave_out(struct bs_packet* packet, __u32 from, __u32 to, enum bs_counter why) {
  struct bs_flow* flow = packet->flow;
  if (from >= to || !flow) return;
  if (BS_IS_SOCKET(packet->how) && packet->keep == 0) packet->keep = packet->payload_at;
  const __u32 first = packet->sequence + from;
  __u32 end = packet->sequence + to;
  __u32 begin = (__u32)flow->cut;
  const __u32 old_end = (__u32)(flow->cut >> 32);
  __u32 before = old_end - begin;
  if (flow->cut_closed != BS_CUT_OPEN) {
    if (!bs_before(old_end, end)) return;  // told already
    bs_tell_cut(packet, from);
    begin = bs_before(first, old_end) ? old_end : first;
    before = 0;
    flow->cut_closed = BS_CUT_OPEN;
  } else {
    if (bs_before(first, begin)) begin = first;
    if (bs_before(end, old_end)) end = old_end;
  }
  BS_COUNT(packet, why, end - begin - before);
  if (end - begin > BS_MAX_CUT) {
    // Sequence numbers are 32 bits: a longer range would look like a step back.
    if (!BS_IS_SOCKET(packet->how)) bs_write_piece(packet, from, 0);
    begin = old_end;
  }
  BS_WORD64(&flow->cut) = (__u64)end << 32 | begin;
}
