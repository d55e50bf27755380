// SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only
// What the kernel programs and the agent agree on; the only header that both include. Plain C that
// is also C++. Integers are in host order, addresses in network order.
#pragma once

#include <linux/types.h>

// ---- the ring -----------------------------------------------------------------------------------

// One piece of a TCP segment. `captured` bytes of its payload follow; the sample of the ring that
// holds it may be longer, since room is taken in classes (BS_CLASS_*).
struct bs_record {
  __u64 at;         // CLOCK_MONOTONIC, ns
  __u8 source[16];  // IPv6, or IPv4 as ::ffff:a.b.c.d
  __u8 destination[16];
  __u16 source_port;
  __u16 destination_port;
  __u32 sequence;  // of the first byte of this piece
  __u32 acknowledgment;
  __u32 length;      // payload bytes this piece stands for, as they were on the wire
  __u32 captured;    // `length`, or 0 where the kernel could not read them
  __u32 cut_from;    // the client's bytes [cut_from, cut_from + cut_length) were left out
  __u32 cut_length;  // on purpose before this record; told again until the next cut
  __u32 interface;   // its index
  __u32 threshold;   // the session was chosen with probability (threshold + 1) / 2^32
  __u16 urgent_pointer;
  __u8 flags;  // TCP's; FIN and RST only with the last piece of a segment, URG only with its own
  __u8 from_client;  // 1: towards a live port
};

// Payload bytes for which the ring has room in a record; the smallest that fits is taken, and what
// does not fit into the largest becomes several records.
#define BS_CLASS_0 128
#define BS_CLASS_1 1536
#define BS_CLASS_2 8192
#define BS_MAX_CAPTURED BS_CLASS_2

// ---- settings: map bs_settings, one element, changed by plain stores while the programs run -----

#define BS_PORT_WORDS 1024
struct bs_settings {
  __u64 ports[BS_PORT_WORDS];  // bit p: a server port to watch
  __u64 wake_bytes;            // wake the reader only when so much waits in the ring
  __u32 threshold;             // sampling: choose flows whose hash is <= this
  __u32 highest;               // the highest threshold so far: flows chosen under it go on
  __u32 seed;                  // of that hash
  __u32 capture_bytes;         // of the bodies of null and daemon senders
  __u32 cut;                   // 0: every body passes (bounce.read: all)
  __u32 unused;
};

// ---- tables that the agent fills ----------------------------------------------------------------

// bs_local: longest prefix match over our networks; the presence is the answer.
#define BS_MAX_PREFIXES 4096
struct bs_prefix {
  __u32 bits;
  __u8 address[16];
};

// bs_daemons: local parts of daemon senders as byte prefixes, each byte | 0x20; value: their
// length.
#define BS_MAX_DAEMONS 64
#define BS_DAEMON_BYTES 64  // the longest local part (RFC 5321 section 4.5.3.1.1)
struct bs_daemon {
  __u32 bits;
  __u8 word[BS_DAEMON_BYTES];
};

// ---- counters: map bs_counters, per CPU, one element --------------------------------------------

enum bs_counter {
  BS_PACKETS,          // TCP to or from a live port
  BS_PACKET_BYTES,     // their length on the wire
  BS_RECORDS,          // written to the ring (TC programs)
  BS_KEPT,             // packets kept (socket filters)
  BS_RING_FULL,        // lost: records that found no room
  BS_RING_FULL_BYTES,  // lost: their payload
  BS_FRAGMENTS,        // lost: fragments of TCP; what they carry is not known here
  BS_TRUNCATED,        // lost: packets with a header or a length that reaches past their end
  BS_MALFORMED,        // lost: packets with header fields that cannot be
  BS_NO_FLOW,          // lost: packets of a flow that found no place in the table
  BS_UNORDERED_BYTES,  // lost: client bytes ahead of a hole, left out until the server speaks, or
                       // far outside of the stream
  BS_STATELESS_BYTES,  // lost: client bytes of which it is not known where in a dialogue they are
  BS_BEHIND_CUT,       // lost: bytes behind a cut in one packet (socket filters keep a prefix)
  BS_BOTH_PORTS,       // lost: packets between two live ports: who is the server cannot be told
  BS_NOT_SAMPLED,      // packets of sessions that were not chosen
  BS_CUT_BYTES,        // body and TLS bytes left out on purpose
  BS_FLOWS,            // flows that got state
  BS_COUNTERS
};

struct bs_counts {
  __u64 of[BS_COUNTERS];
};
