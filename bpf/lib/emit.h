/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
 *
 * How a piece of a segment reaches the agent. */
#pragma once

#include "bounds.h"

BS_INLINE void bs_fill(const struct bs_packet* packet, struct bs_record* record, __u32 from,
                       __u32 length, __u32 captured, __u8 flags) {
  record->at = bpf_ktime_get_ns();
  if (packet->from_client) {
    __builtin_memcpy(record->source, packet->key.client, 16);
    __builtin_memcpy(record->destination, packet->key.server, 16);
    record->source_port = packet->key.client_port;
    record->destination_port = packet->key.server_port;
  } else {
    __builtin_memcpy(record->source, packet->key.server, 16);
    __builtin_memcpy(record->destination, packet->key.client, 16);
    record->source_port = packet->key.server_port;
    record->destination_port = packet->key.client_port;
  }
  record->sequence = packet->sequence + from;
  record->acknowledgment = packet->acknowledgment;
  record->length = length;
  record->captured = captured;
  const __u64 cut = packet->flow ? *(volatile __u64*)&packet->flow->cut : 0;
  record->cut_from = (__u32)cut;
  record->cut_length = (__u32)(cut >> 32) - (__u32)cut;
  record->interface = packet->skb->ifindex;
  record->threshold = packet->flow ? packet->flow->threshold : packet->settings->threshold;
  record->urgent_pointer = packet->urgent_pointer;
  record->flags = flags;
  record->from_client = packet->from_client;
}

/* One wake-up a record would cost more than all the copying. */
BS_INLINE __u64 bs_wake(const struct bs_packet* packet) {
  return bpf_ringbuf_query(&bs_ring, BPF_RB_AVAIL_DATA) >= packet->settings->wake_bytes
             ? BPF_RB_FORCE_WAKEUP
             : BPF_RB_NO_WAKEUP;
}

#define BS_EMIT_CLASS(packet, from, length, flags, room)                                  \
  do {                                                                                    \
    struct bs_record* record = bpf_ringbuf_reserve(&bs_ring, sizeof(struct bs_record) + (room), 0); \
    if (!record) goto full;                                                               \
    __u32 captured = (length);                                                            \
    if ((length) > 0 && bs_load_some((packet)->skb, (packet)->payload_at + (from), record + 1, \
                                     captured, (room))) {                                 \
      BS_COUNT(packet, BS_TRUNCATED, 1);                                                  \
      captured = 0;                                                                       \
    }                                                                                     \
    bs_fill(packet, record, from, length, captured > (room) ? (room) : captured, flags);  \
    bpf_ringbuf_submit(record, bs_wake(packet));                                          \
  } while (0)

/* Payload bytes [from, from + length) of the packet; none: a header that says only its flags. */
static __noinline int bs_emit_ring(struct bs_packet* packet, __u32 from, __u32 length, __u8 flags) {
  if (length <= BS_CLASS_0) {
    BS_EMIT_CLASS(packet, from, length, flags, BS_CLASS_0);
  } else if (length <= BS_CLASS_1) {
    BS_EMIT_CLASS(packet, from, length, flags, BS_CLASS_1);
  } else if (length <= BS_CLASS_2) {
    BS_EMIT_CLASS(packet, from, length, flags, BS_CLASS_2);
  } else {
    if (length > BS_CLASS_3) BS_COUNT(packet, BS_TOO_LONG, length - BS_CLASS_3);
    BS_EMIT_CLASS(packet, from, length, flags, BS_CLASS_3);
  }
  BS_COUNT(packet, BS_RECORDS, 1);
  return 0;
full:
  BS_COUNT(packet, BS_RING_FULL, 1);
  BS_COUNT(packet, BS_RING_FULL_BYTES, length);
  return 0;
}

/* The socket filter can only keep a prefix: of the pieces of a segment the first, if nothing was
 * left out before it. What is left out behind it the agent sees as cut. */
BS_INLINE void bs_emit(struct bs_packet* packet, __u32 from, __u32 length, __u8 flags) {
  if (packet->how != BS_SOCKET) {
    bs_emit_ring(packet, from, length, flags);
    return;
  }
  const __u32 begin = packet->payload_at + from;
  if (packet->keep == 0) packet->keep = packet->payload_at;
  if (packet->keep == begin) packet->keep = begin + length;
}

#define BS_MAX_CUT (1U << 28)

/* The client's payload bytes [from, to) stay here. */
BS_INLINE void bs_leave_out(struct bs_packet* packet, __u32 from, __u32 to, enum bs_counter why) {
  if (from >= to || !packet->flow) return;
  BS_COUNT(packet, why, to - from);
  if (packet->how == BS_SOCKET) {
    if (packet->keep == 0) packet->keep = packet->payload_at;
    return;
  }
  const __u32 first = packet->sequence + from;
  const __u32 end = packet->sequence + to;
  const __u64 cut = packet->flow->cut;
  __u32 begin = (__u32)cut;
  const __u32 old_end = (__u32)(cut >> 32);
  if (old_end == begin || bs_before(old_end, first)) {
    begin = first;
  } else if (!bs_before(old_end, end)) {
    return; /* told already */
  } else if (end - begin > BS_MAX_CUT) {
    /* Sequence numbers are 32 bits: a longer range would look like a step back. */
    bs_emit_ring(packet, from, 0, BS_TCP_ACK);
    begin = old_end;
  }
  *(volatile __u64*)&packet->flow->cut = (__u64)end << 32 | begin;
}
