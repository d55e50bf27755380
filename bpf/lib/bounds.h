// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// What one run of a program knows of its packet, and how bytes are read. Every index is masked and
// every length limited where it is used, so that the verifier sees the bound next to the access.
#pragma once

#include "bpf/include/kernel_types.h"
#include "bpf/include/wire.h"

#define BS_INLINE static __always_inline

// Who runs the shared code.
#define BS_TC_ETHERNET 0      // TC, frames begin with an Ethernet header
#define BS_TC_IP 1            // TC, frames begin with an IP header (tun, wireguard, ppp)
#define BS_SOCKET_ETHERNET 2  // a packet socket's filter: it keeps a prefix of the frame
#define BS_SOCKET_IP 3
#define BS_IS_SOCKET(how) ((how) >= BS_SOCKET_ETHERNET)
#define BS_IS_ETHERNET(how) ((how) == BS_TC_ETHERNET || (how) == BS_SOCKET_ETHERNET)

struct bs_flow;

struct bs_flow_key {
  __u8 client[16];
  __u8 server[16];
  __u16 client_port;
  __u16 server_port;
};

struct bs_packet {
  struct __sk_buff* skb;
  struct bs_settings* settings;
  struct bs_counts* counts;
  struct bs_flow* flow;  // null: none, or not needed
  struct bs_flow_key key;
  __u32 payload_at;  // in the frame
  __u32 length;      // of the payload
  __u32 sequence;    // of its first byte
  __u32 acknowledgment;
  __u32 at;    // client: how far the payload was dealt with
  __u32 keep;  // socket filter: bytes of the frame to keep
  __u16 urgent_pointer;
  __u8 flags;
  __u8 from_client;
  __u8 how;       // BS_TC_ETHERNET, ...
  __u8 end_told;  // the end of the payload, and so its FIN, is on its way
};

#define BS_COUNT(packet, what, n) ((packet)->counts->of[what] += (n))

// Sequence numbers wrap.
BS_INLINE int bs_before(__u32 a, __u32 b) { return (__s32)(a - b) < 0; }

BS_INLINE __u32 bs_min(__u32 a, __u32 b) { return a < b ? a : b; }

// Loads and stores that need not be aligned: clang would take a memcpy apart into bytes.
#define BS_WORD32(p) (*(volatile __u32*)(p))
#define BS_WORD64(p) (*(volatile __u64*)(p))

// An address.
BS_INLINE void bs_copy16(__u8* to, const __u8* from) {
  for (int i = 0; i < 16; i += 8) BS_WORD64(to + i) = BS_WORD64(from + i);
}

// `length` bytes of the frame from `at`; `length` is a constant. 0: there.
BS_INLINE int bs_load(struct __sk_buff* skb, __u32 at, void* to, const __u32 length) {
  return bpf_skb_load_bytes(skb, at, to, length);
}

// The same for a length that is not a constant; 1 <= length <= limit, a constant.
BS_INLINE int bs_load_some(struct __sk_buff* skb, __u32 at, void* to, __u32 length,
                           const __u32 limit) {
  asm volatile("" : "+r"(length));
  if (length > limit) length = limit;
  if (length < 1) return -1;
  return bpf_skb_load_bytes(skb, at, to, length);
}

// Bytes of the headers, `length` a constant: straight from the packet where that is allowed and
// they are there, which costs half.
BS_INLINE int bs_load_head(struct __sk_buff* skb, const int how, __u32 at, void* to,
                           const __u32 length) {
  const __u8* from = (const __u8*)(long)skb->data + at;
  if (BS_IS_SOCKET(how) || from + length > (const __u8*)(long)skb->data_end) {
    return bpf_skb_load_bytes(skb, at, to, length);
  }
  __u8* target = to;
  __u32 i = 0;
  for (; i + 8 <= length; i += 8) BS_WORD64(target + i) = BS_WORD64(from + i);
  for (; i + 4 <= length; i += 4) BS_WORD32(target + i) = BS_WORD32(from + i);
  for (; i < length; i++) target[i] = from[i];
  return 0;
}
