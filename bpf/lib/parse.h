// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// From a frame to its TCP segment: VLAN tags in the data (those in metadata are no part of it),
// IPv4, IPv6 with extension headers. Ports are looked at as early as can be, so that packets that
// are not of SMTP cost least.
#pragma once

#include "bpf/lib/bounds.h"

#define BS_MAX_TAGS 2
#define BS_MAX_EXTENSIONS 6

BS_INLINE int bs_is_live(const struct bs_settings* settings, __u16 port) {
  return (settings->ports[(port >> 6) & (BS_PORT_WORDS - 1)] >> (port & 63)) & 1;
}

struct bs_ip {
  __u8 source[16];
  __u8 destination[16];
  __u32 tcp_at;
  __u32 end;  // of the datagram in the frame
};

BS_INLINE void bs_map_ipv4(__u8* to, __u32 address) {
  __builtin_memset(to, 0, 10);
  to[10] = to[11] = 0xff;
  __builtin_memcpy(to + 12, &address, 4);
}

struct bs_ipv4_header {
  __u8 version_length, service;
  __u16 total, id, fragment;
  __u8 ttl, protocol;
  __u16 sum;
  __u32 source, destination;
};

struct bs_ipv6_header {
  __u32 version_flow;
  __u16 length;
  __u8 next, hops;
  __u8 source[16], destination[16];
};

// 1: `ip` holds TCP at ip->tcp_at. 0: not TCP, or counted as lost.
BS_INLINE int bs_parse_ipv4(struct __sk_buff* skb, struct bs_counts* counts, __u32 at,
                            struct bs_ip* ip) {
  struct bs_ipv4_header header;
  if (bs_load(skb, at, &header, sizeof header)) {
    counts->of[BS_TRUNCATED]++;
    return 0;
  }
  if (header.protocol != BS_PROTO_TCP) return 0;
  if (header.fragment & bpf_htons(0x3fff)) {  // more to come, or not the first
    counts->of[BS_FRAGMENTS]++;
    return 0;
  }
  const __u32 length = (header.version_length & 15) * 4;
  const __u32 total = bpf_ntohs(header.total);
  if (length < sizeof header || (total != 0 && total < length)) {
    counts->of[BS_MALFORMED]++;
    return 0;
  }
  ip->tcp_at = at + length;
  // Total length 0: more than 64 KiB by segmentation offload.
  ip->end = total == 0 ? skb->len : at + total;
  bs_map_ipv4(ip->source, header.source);
  bs_map_ipv4(ip->destination, header.destination);
  return 1;
}

BS_INLINE int bs_parse_ipv6(struct __sk_buff* skb, struct bs_counts* counts, __u32 at,
                            struct bs_ip* ip) {
  struct bs_ipv6_header header;
  if (bs_load(skb, at, &header, sizeof header)) {
    counts->of[BS_TRUNCATED]++;
    return 0;
  }
  const __u32 length = bpf_ntohs(header.length);
  __u32 next = header.next;
  at += sizeof header;
  ip->end = length == 0 ? skb->len : at + length;  // 0: a jumbogram, or BIG TCP
  __builtin_memcpy(ip->source, header.source, 16);
  __builtin_memcpy(ip->destination, header.destination, 16);
  for (int i = 0; i < BS_MAX_EXTENSIONS; i++) {
    __u8 head[4];
    if (next == BS_PROTO_TCP) break;
    if (next != BS_PROTO_HOP && next != BS_PROTO_ROUTING && next != BS_PROTO_DESTINATION &&
        next != BS_PROTO_FRAGMENT && next != BS_PROTO_AH) {
      return 0;
    }
    if (bs_load(skb, at, head, sizeof head)) {
      counts->of[BS_TRUNCATED]++;
      return 0;
    }
    if (next == BS_PROTO_FRAGMENT) {
      // An atomic fragment (RFC 6946) is whole.
      if (head[2] != 0 || (head[3] & 0xf9) != 0) {
        if (head[0] == BS_PROTO_TCP) counts->of[BS_FRAGMENTS]++;
        return 0;
      }
      at += 8;
    } else if (next == BS_PROTO_AH) {
      at += (head[1] + 2) * 4;
    } else {
      at += (head[1] + 1) * 8;
    }
    next = head[0];
  }
  if (next != BS_PROTO_TCP) {
    counts->of[BS_MALFORMED]++;
    return 0;
  }
  ip->tcp_at = at;
  return 1;
}

struct bs_tcp_header {
  __u16 source, destination;
  __u32 sequence, acknowledgment;
  __u8 offset, flags;
  __u16 window, sum, urgent;
};

// Where the IP header is, and its EtherType (host order). 0: neither kind of IP.
BS_INLINE __u32 bs_find_ip(struct __sk_buff* skb, const int how, __u32* at) {
  __u32 type = bpf_ntohs((__u16)skb->protocol);
  *at = 0;
  if (!BS_IS_ETHERNET(how)) return type;
  __u16 in_frame;
  *at = 14;
  if (bs_load(skb, 12, &in_frame, sizeof in_frame)) return 0;
  type = bpf_ntohs(in_frame);
  for (int i = 0; i < BS_MAX_TAGS; i++) {
    if (type != BS_ETH_VLAN && type != BS_ETH_QINQ) break;
    if (bs_load(skb, *at + 2, &in_frame, sizeof in_frame)) return 0;
    type = bpf_ntohs(in_frame);
    *at += 4;
  }
  return type;
}

// 1: `packet` holds a TCP segment to or from a live port; its client and server are told apart.
BS_INLINE int bs_parse(struct __sk_buff* skb, const int how, struct bs_packet* packet) {
  struct bs_ip ip;
  struct bs_tcp_header tcp;
  __u32 at;
  const __u32 type = bs_find_ip(skb, how, &at);
  if (type == BS_ETH_IPV4) {
    if (!bs_parse_ipv4(skb, packet->counts, at, &ip)) return 0;
  } else if (type == BS_ETH_IPV6) {
    if (!bs_parse_ipv6(skb, packet->counts, at, &ip)) return 0;
  } else {
    return 0;
  }
  if (bs_load(skb, ip.tcp_at, &tcp, sizeof tcp)) {
    BS_COUNT(packet, BS_TRUNCATED, 1);
    return 0;
  }
  const __u16 from = bpf_ntohs(tcp.source);
  const __u16 to = bpf_ntohs(tcp.destination);
  const int from_live = bs_is_live(packet->settings, from);
  const int to_live = bs_is_live(packet->settings, to);
  if (!from_live && !to_live) return 0;
  BS_COUNT(packet, BS_PACKETS, 1);
  BS_COUNT(packet, BS_PACKET_BYTES, skb->len);
  if (from_live && to_live) {
    BS_COUNT(packet, BS_BOTH_PORTS, 1);
    return 0;
  }
  packet->from_client = to_live;
  if (to_live) {
    __builtin_memcpy(packet->key.client, ip.source, 16);
    __builtin_memcpy(packet->key.server, ip.destination, 16);
    packet->key.client_port = from;
    packet->key.server_port = to;
  } else {
    __builtin_memcpy(packet->key.client, ip.destination, 16);
    __builtin_memcpy(packet->key.server, ip.source, 16);
    packet->key.client_port = to;
    packet->key.server_port = from;
  }
  const __u32 header = (tcp.offset >> 4) * 4;
  if (header < sizeof tcp) {
    BS_COUNT(packet, BS_MALFORMED, 1);
    return 0;
  }
  packet->sequence = bpf_ntohl(tcp.sequence);
  packet->acknowledgment = bpf_ntohl(tcp.acknowledgment);
  packet->flags = tcp.flags;
  packet->urgent_pointer = bpf_ntohs(tcp.urgent);
  packet->payload_at = ip.tcp_at + header;
  if (ip.end > skb->len) {
    BS_COUNT(packet, BS_TRUNCATED, 1);
    ip.end = skb->len;
  }
  // Behind ip.end there may be padding.
  packet->length = ip.end > packet->payload_at ? ip.end - packet->payload_at : 0;
  return 1;
}
