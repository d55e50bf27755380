// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// From a frame to its TCP segment: VLAN tags in the data (those in metadata are no part of it),
// IPv4, IPv6 with extension headers. Ports are looked at as early as can be, so that packets that
// are not of SMTP cost least.
#pragma once

#include "bpf/lib/maps.h"

#define BS_MAX_TAGS 2
#define BS_MAX_EXTENSIONS 6

BS_INLINE int bs_is_live(const struct bs_settings* settings, __u16 port) {
  return (settings->ports[(port >> 6) & (BS_PORT_WORDS - 1)] >> (port & 63)) & 1;
}

struct bs_tcp_header {
  __u16 source, destination;
  __u32 sequence, acknowledgment;
  __u8 offset, flags;
  __u16 window, sum, urgent;
};

struct bs_ip {
  struct bs_flow_key* key;  // here the addresses go: the source's as the client's
  __u32 tcp_at;
  __u32 end;  // of the datagram in the frame
  int has_tcp;
  struct bs_tcp_header tcp;  // read with the IP header, if nothing is between them
};

// In whole words: one that is read back soon must not have been stored in pieces.
BS_INLINE void bs_map_ipv4(__u8* to, __u32 address) {
  BS_WORD64(to) = 0;
  BS_WORD64(to + 8) = (__u64)address << 32 | 0xffff0000U;
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
BS_INLINE int bs_parse_ipv4(struct __sk_buff* skb, const int how, __u32 at, struct bs_ip* ip) {
  struct {
    struct bs_ipv4_header ip;
    struct bs_tcp_header tcp;
  } both __attribute__((aligned(8)));  // as the stack wants it for words
  const int is_short = at + sizeof both > skb->len;
  if (is_short ? bs_load_head(skb, how, at, &both.ip, sizeof both.ip)
               : bs_load_head(skb, how, at, &both, sizeof both)) {
    bs_count(BS_TRUNCATED);
    return 0;
  }
  const struct bs_ipv4_header* header = &both.ip;
  if (header->protocol != BS_PROTO_TCP) return 0;
  if (header->fragment & bpf_htons(0x3fff)) {  // more to come, or not the first
    bs_count(BS_FRAGMENTS);
    return 0;
  }
  const __u32 length = (header->version_length & 15) * 4;
  const __u32 total = bpf_ntohs(header->total);
  if (length < sizeof *header || (total != 0 && total < length)) {
    bs_count(BS_MALFORMED);
    return 0;
  }
  ip->tcp_at = at + length;
  if (length == sizeof *header && !is_short) {
    ip->tcp = both.tcp;
    ip->has_tcp = 1;
  }
  // Total length 0: more than 64 KiB by segmentation offload.
  ip->end = total == 0 ? skb->len : at + total;
  bs_map_ipv4(ip->key->client, header->source);
  bs_map_ipv4(ip->key->server, header->destination);
  return 1;
}

BS_INLINE int bs_parse_ipv6(struct __sk_buff* skb, const int how, __u32 at, struct bs_ip* ip) {
  struct {
    struct bs_ipv6_header ip;
    struct bs_tcp_header tcp;
  } both __attribute__((aligned(8)));  // as the stack wants it for words
  const int is_short = at + sizeof both > skb->len;
  if (is_short ? bs_load_head(skb, how, at, &both.ip, sizeof both.ip)
               : bs_load_head(skb, how, at, &both, sizeof both)) {
    bs_count(BS_TRUNCATED);
    return 0;
  }
  const struct bs_ipv6_header* header = &both.ip;
  const __u32 length = bpf_ntohs(header->length);
  __u32 next = header->next;
  at += sizeof *header;
  ip->end = length == 0 ? skb->len : at + length;  // 0: a jumbogram, or BIG TCP
  bs_copy16(ip->key->client, header->source);
  bs_copy16(ip->key->server, header->destination);
  if (next == BS_PROTO_TCP && !is_short) {
    ip->tcp_at = at;
    ip->tcp = both.tcp;
    ip->has_tcp = 1;
    return 1;
  }
  for (int i = 0; i < BS_MAX_EXTENSIONS; i++) {
    __u8 head[4];
    if (next == BS_PROTO_TCP) break;
    if (next != BS_PROTO_HOP && next != BS_PROTO_ROUTING && next != BS_PROTO_DESTINATION &&
        next != BS_PROTO_FRAGMENT && next != BS_PROTO_AH) {
      return 0;
    }
    if (bs_load(skb, at, head, sizeof head)) {
      bs_count(BS_TRUNCATED);
      return 0;
    }
    if (next == BS_PROTO_FRAGMENT) {
      // An atomic fragment (RFC 6946) is whole.
      if (head[2] != 0 || (head[3] & 0xf9) != 0) {
        if (head[0] == BS_PROTO_TCP) bs_count(BS_FRAGMENTS);
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
    bs_count(BS_MALFORMED);
    return 0;
  }
  ip->tcp_at = at;
  return 1;
}

// Where the IP header is, and its EtherType (host order). 0: neither kind of IP.
BS_INLINE __u32 bs_find_ip(struct __sk_buff* skb, const int how, __u32* at) {
  __u32 type = bpf_ntohs((__u16)skb->protocol);
  *at = 0;
  if (!BS_IS_ETHERNET(how)) return type;
  __u16 in_frame;
  *at = 14;
  if (bs_load_head(skb, how, 12, &in_frame, sizeof in_frame)) return 0;
  type = bpf_ntohs(in_frame);
  for (int i = 0; i < BS_MAX_TAGS; i++) {
    if (type != BS_ETH_VLAN && type != BS_ETH_QINQ) break;
    if (bs_load(skb, *at + 2, &in_frame, sizeof in_frame)) return 0;
    type = bpf_ntohs(in_frame);
    *at += 4;
  }
  return type;
}

BS_INLINE void bs_swap(struct bs_flow_key* key) {
  for (int i = 0; i < 16; i += 8) {
    const __u64 word = BS_WORD64(key->client + i);
    BS_WORD64(key->client + i) = BS_WORD64(key->server + i);
    BS_WORD64(key->server + i) = word;
  }
}

// 1: `packet` holds a TCP segment to or from a live port; its client and server are told apart.
BS_INLINE int bs_parse(struct __sk_buff* skb, const int how, struct bs_packet* packet) {
  struct bs_ip ip = {.key = &packet->key, .has_tcp = 0};
  __u32 at;
  const __u32 type = bs_find_ip(skb, how, &at);
  if (type == BS_ETH_IPV4) {
    if (!bs_parse_ipv4(skb, how, at, &ip)) return 0;
  } else if (type == BS_ETH_IPV6) {
    if (!bs_parse_ipv6(skb, how, at, &ip)) return 0;
  } else {
    return 0;
  }
  if (!ip.has_tcp && bs_load(skb, ip.tcp_at, &ip.tcp, sizeof ip.tcp)) {
    bs_count(BS_TRUNCATED);
    return 0;
  }
  const struct bs_tcp_header* tcp = &ip.tcp;
  const __u16 from = bpf_ntohs(tcp->source);
  const __u16 to = bpf_ntohs(tcp->destination);
  const int from_live = bs_is_live(packet->settings, from);
  const int to_live = bs_is_live(packet->settings, to);
  if (!from_live && !to_live) return 0;
  packet->counts = bs_counts_here();
  if (!packet->counts) return 0;
  BS_COUNT(packet, BS_PACKETS, 1);
  BS_COUNT(packet, BS_PACKET_BYTES, skb->len);
  if (from_live && to_live) {
    BS_COUNT(packet, BS_BOTH_PORTS, 1);
    return 0;
  }
  packet->from_client = to_live;
  packet->key.client_port = to_live ? from : to;
  packet->key.server_port = to_live ? to : from;
  if (from_live) bs_swap(&packet->key);
  const __u32 header = (tcp->offset >> 4) * 4;
  if (header < sizeof *tcp) {
    BS_COUNT(packet, BS_MALFORMED, 1);
    return 0;
  }
  packet->sequence = bpf_ntohl(tcp->sequence);
  packet->acknowledgment = bpf_ntohl(tcp->acknowledgment);
  packet->flags = tcp->flags;
  packet->urgent_pointer = bpf_ntohs(tcp->urgent);
  packet->payload_at = ip.tcp_at + header;
  if (ip.end > skb->len) {
    BS_COUNT(packet, BS_TRUNCATED, 1);
    ip.end = skb->len;
  }
  // Behind ip.end there may be padding.
  packet->length = ip.end > packet->payload_at ? ip.end - packet->payload_at : 0;
  return 1;
}
