// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// The tables: settings, counters, the ring, prefixes, flows, and where payload is looked at.
#pragma once

#include "bpf/lib/bounds.h"

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

// Those of this processor.
BS_INLINE struct bs_counts* bs_counts_here(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&bs_counters, &zero);
}

BS_INLINE void bs_count(enum bs_counter what) {
  struct bs_counts* counts = bs_counts_here();
  if (counts) counts->of[what]++;
}

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 24);  // set by the agent: bpf.ring_bytes
} bs_ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, BS_MAX_PREFIXES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct bs_prefix);
  __type(value, __u8);
} bs_local SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, BS_MAX_DAEMONS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct bs_daemon);
  __type(value, __u32);
} bs_daemons SEC(".maps");

#define BS_TAIL 64

// Whether the range that was left out last may grow.
enum bs_cut {
  BS_CUT_OPEN,    // what is left out next belongs to it
  BS_CUT_CLOSED,  // bytes passed behind it; what is left out next is another range
  BS_CUT_UNTOLD,  // so they did, but their records found no room
};

// What the server said, as far as it was seen.
enum bs_heard {
  BS_HEARD_NOTHING,
  BS_HEARD_REPLY,  // its last line is no 220, or not whole
  BS_HEARD_READY,  // 220
};

// `word` is shared by both directions, which may run on two CPUs at once, and changes by
// compare-exchange only; each other member is written by one direction.
struct bs_flow {
  __u64 word;          // flow_state.h
  __u64 cut;           // client: the latest range left out: from, and its end << 32
  __u32 client_next;   // client: behind the last byte that was looked at
  __u32 budget;        // client: body bytes that may still pass
  __u32 threshold;     // of the sampling, when the flow was chosen
  __u32 server_next;   // server: behind the last byte that was looked at
  __u32 acked;         // server: what it had of the client
  __u8 cut_closed;     // client: enum bs_cut, of `cut`
  __u8 pass;           // client: enum bs_pass, of this body
  __u8 outbound;       // client: 1: mail of ours to others: its header block passes
  __u8 tail_length;    // client: of the unfinished line (or the last bytes of a body)
  __u8 tail_of_body;   // client: which of the two
  __u8 reply_length;   // server: of the unfinished line
  __u8 heard;          // server: enum bs_heard
  __u8 starttls;       // client: its last command was STARTTLS
  __u8 reply[4];       // server: its start
  __u8 tail[BS_TAIL];  // client: what was looked at last, right-aligned
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1 << 16);  // set by the agent
  __type(key, struct bs_flow_key);
  __type(value, struct bs_flow);
} bs_flows SEC(".maps");

#define BS_NOWHERE 0xffffffffU

// What a loop (lines.h, emit.h) goes by. It lies in a map, not on the stack: what the verifier does
// not know of a number it need not follow through every turn.
struct bs_scan {
  __u32 at;          // next byte to look at
  __u32 end;         // of what is in the window
  __u32 line;        // where the latest line begins; BS_NOWHERE: none does in here
  __u32 found;       // where the scan stopped; BS_NOWHERE: it did not
  __u32 chunk;       // octets that the BDAT line just read announces
  __u8 asks;         // enum bs_asks: what the line just read leads to
  __u8 mail;         // enum bs_mail: of the last MAIL line
  __u8 auth;         // an AUTH line was seen
  __u8 starttls;     // the last line is STARTTLS
  __u32 piece;       // emit.h: where the next record begins in the payload
  __u32 pieces_end;  // where the last one ends
  __u32 put;         // and how many found room
};

// Where payload is looked at, one a CPU: [0, BS_TAIL) what came before, then the payload.
#define BS_WINDOW 4096
#define BS_ROOM (BS_WINDOW - BS_TAIL)
struct bs_window {
  __u8 bytes[BS_WINDOW + 64];  // the rest: reads of a few bytes at the end need no check
  struct bs_scan scan;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct bs_window);
} bs_windows SEC(".maps");

BS_INLINE struct bs_window* bs_window(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&bs_windows, &zero);
}
