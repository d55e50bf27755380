/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
 *
 * Maps, settings, counters, and how bytes of a packet are read. Every index is masked and every
 * length limited where it is used, so that the verifier sees the bound next to the access. */
#pragma once

#include "../include/kernel_types.h"
#include "../include/wire.h"

#include <bpf/bpf_helpers.h>

#define BS_INLINE static __always_inline

/* Who runs the shared code. */
#define BS_TC_ETHERNET 0 /* TC, frames begin with an Ethernet header */
#define BS_TC_IP 1       /* TC, frames begin with an IP header (tun, wireguard, ppp) */
#define BS_SOCKET 2      /* a packet socket's filter: it keeps a prefix of the frame, or nothing */

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct bs_settings);
} bs_settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct bs_counts);
} bs_counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 24); /* set by the agent: bpf.ring_bytes */
} bs_ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 4096);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct bs_prefix);
  __type(value, __u8);
} bs_local SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 64);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct bs_daemon);
  __type(value, __u32);
} bs_daemons SEC(".maps");

struct bs_flow_key {
  __u8 client[16];
  __u8 server[16];
  __u16 client_port;
  __u16 server_port;
};

#define BS_TAIL 64

/* `word` is shared by both directions, which may run on two CPUs at once, and changes by
 * compare-exchange only; each other member is written by one direction. */
struct bs_flow {
  __u64 word;         /* cut.h */
  __u64 cut;          /* client: the latest range left out: from, and its end << 32 */
  __u32 client_next;  /* client: behind the last byte that was looked at */
  __u32 budget;       /* client: body bytes that may still pass */
  __u32 threshold;    /* of the sampling, when the flow was chosen */
  __u32 server_next;  /* server: behind the last byte that was looked at */
  __u8 pass;          /* client: BS_PASS_* of this body */
  __u8 outbound;      /* 1: mail of ours to others: its header block passes */
  __u8 tail_length;   /* client: of the unfinished line (or the last bytes of a body) */
  __u8 reply_length;  /* server: of the unfinished line */
  __u8 reply[4];      /* server: its start */
  __u8 tail[BS_TAIL]; /* what was looked at last, right-aligned */
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1 << 16);
  __type(key, struct bs_flow_key);
  __type(value, struct bs_flow);
} bs_flows SEC(".maps");

/* Loads and stores that need not be aligned: clang would take a memcpy apart into bytes. */
#define BS_WORD32(p) (*(volatile __u32*)(p))
#define BS_WORD64(p) (*(volatile __u64*)(p))

#define BS_NOWHERE 0xffffffffU

/* A pass over lines (lines.h). It lies in a map, not on the stack: what the verifier does not know
 * of a number it need not follow through every turn of a loop. */
struct bs_scan {
  __u32 at;        /* next byte to look at */
  __u32 end;       /* of what is in the window */
  __u32 line;      /* where the latest line begins; BS_NOWHERE: none does in here */
  __u32 found;     /* where the scan stopped; BS_NOWHERE: it did not */
  __u32 bdat_size; /* of the BDAT line just read; BS_NOWHERE: it is none */
  __u8 mail;       /* BS_MAIL_* of the last MAIL line */
  __u8 auth;       /* an AUTH line was seen */
};

/* Where payload is looked at, one a CPU: [0, BS_TAIL) what came before, then the payload. */
#define BS_WINDOW 4096
struct bs_window {
  __u8 bytes[BS_WINDOW + 64]; /* the rest: reads of a few bytes at the end need no check */
  struct bs_scan scan;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct bs_window);
} bs_windows SEC(".maps");

/* All that one run of a program knows of its packet. */
struct bs_packet {
  struct __sk_buff* skb;
  struct bs_settings* settings;
  struct bs_counts* counts;
  struct bs_flow* flow; /* null: none, or not needed */
  struct bs_flow_key key;
  __u32 payload_at; /* in the frame */
  __u32 length;     /* of the payload */
  __u32 sequence;
  __u32 acknowledgment;
  __u32 at;   /* client: how far the payload was dealt with */
  __u32 keep; /* socket filter: bytes of the frame to keep */
  __u16 urgent_pointer;
  __u8 flags;
  __u8 from_client;
  __u8 how; /* BS_TC_ETHERNET, ... */
};

#define BS_COUNT(packet, what, n) ((packet)->counts->of[what] += (n))

/* Sequence numbers wrap. */
BS_INLINE int bs_before(__u32 a, __u32 b) { return (__s32)(a - b) < 0; }

/* BS_TAIL bytes. */
BS_INLINE void bs_copy_tail(__u8* to, const __u8* from) {
  for (int i = 0; i < BS_TAIL; i += 8) BS_WORD64(to + i) = BS_WORD64(from + i);
}

BS_INLINE __u32 bs_min(__u32 a, __u32 b) { return a < b ? a : b; }

/* `length` bytes of the frame from `at`; `length` is a constant. 0: there. */
BS_INLINE int bs_load(struct __sk_buff* skb, __u32 at, void* to, const __u32 length) {
  return bpf_skb_load_bytes(skb, at, to, length);
}

/* The same for a length that is not a constant; 1 <= length <= limit, a constant. */
BS_INLINE int bs_load_some(struct __sk_buff* skb, __u32 at, void* to, __u32 length,
                           const __u32 limit) {
  asm volatile("" : "+r"(length));
  if (length > limit) length = limit;
  if (length < 1) return -1;
  return bpf_skb_load_bytes(skb, at, to, length);
}
