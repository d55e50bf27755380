// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// Watches SMTP on an interface: TC programs, which write records into a ring, and a packet socket's
// filter, which keeps a prefix of the frame. Neither changes or holds up a packet.
#include "bpf/lib/cut.h"
#include "bpf/lib/opening.h"
#include "bpf/lib/parse.h"
#include "bpf/lib/sample.h"
#include "bpf/lib/server.h"

// Its connection begins anew, or it has no payload: only its flags are told.
BS_INLINE void bs_on_control(struct bs_packet* packet) {
  if (packet->flags & BS_TCP_SYN) {
    if (packet->flow) bpf_map_delete_elem(&bs_flows, &packet->key);
    packet->flow = 0;
    const __u32 length = packet->length;
    packet->length = 0;
    bs_emit(packet, 0, 0);
    // Data on a SYN (RFC 7413): it has the number behind the SYN's.
    packet->length = length;
    packet->sequence++;
    packet->flags &= ~BS_TCP_SYN;
    return;
  }
  if (packet->length == 0) bs_emit(packet, 0, 0);
}

BS_INLINE void bs_on_payload(struct bs_packet* packet) {
  int is_first = 0;
  if (!packet->flow) {
    bs_open_flow(packet);
    if (!packet->flow) return;
    is_first = packet->from_client;
  }
  if (!packet->settings->cut) {
    bs_emit(packet, 0, packet->length);
  } else if (!packet->from_client) {
    bs_on_server(packet);
  } else {
    if (is_first) bs_on_first_words(packet);
    bs_on_client(packet);
  }
}

// The common part. The result: for the socket filter how many bytes of the frame to keep.
BS_INLINE __u32 bs_watch(struct __sk_buff* skb, const int how) {
  const __u32 zero = 0;
  struct bs_packet packet;
  __builtin_memset(&packet, 0, sizeof packet);
  packet.skb = skb;
  packet.how = how;
  packet.settings = bpf_map_lookup_elem(&bs_settings, &zero);
  if (!packet.settings) return 0;
  if (!bs_parse(skb, how, &packet)) return 0;
  const __u8 control = packet.flags & (BS_TCP_SYN | BS_TCP_FIN | BS_TCP_RST);
  if (packet.length == 0 && !control) return 0;
  const enum bs_choice choice = bs_choose(&packet);
  if (choice != BS_NOT_CHOSEN) packet.flow = bpf_map_lookup_elem(&bs_flows, &packet.key);
  if (choice == BS_NOT_CHOSEN || (choice == BS_CHOSEN_BEFORE && !packet.flow)) {
    BS_COUNT(&packet, BS_NOT_SAMPLED, 1);
    return 0;
  }
  if (control) bs_on_control(&packet);
  if (packet.length > 0) bs_on_payload(&packet);
  // The end of a stream whose last bytes stay here.
  if ((packet.flags & (BS_TCP_FIN | BS_TCP_RST)) && !packet.end_told) {
    bs_emit(&packet, packet.length, 0);
  }
  if (packet.keep > 0) BS_COUNT(&packet, BS_KEPT, 1);
  return packet.keep;
}

SEC("tc")
int bs_ethernet(struct __sk_buff* skb) {
  bs_watch(skb, BS_TC_ETHERNET);
  return BS_TC_ACT_UNSPEC;
}

SEC("tc")
int bs_ip(struct __sk_buff* skb) {
  bs_watch(skb, BS_TC_IP);
  return BS_TC_ACT_UNSPEC;
}

#define BS_LOOPBACK 1  // its index, in every network namespace
#define BS_OUTGOING 4  // PACKET_OUTGOING of linux/if_packet.h

// On the loopback interface a packet socket sees each packet twice, and libpcap drops the first: it
// must not be the one that counts.
SEC("socket")
int bs_socket(struct __sk_buff* skb) {
  if (skb->ifindex == BS_LOOPBACK && skb->pkt_type == BS_OUTGOING) return 0;
  return bs_watch(skb, BS_SOCKET_ETHERNET);
}

SEC("socket")
int bs_socket_ip(struct __sk_buff* skb) { return bs_watch(skb, BS_SOCKET_IP); }

// What a run costs at least: the reference of the benchmark.
SEC("tc")
int bs_nothing(struct __sk_buff* skb) { return BS_TC_ACT_UNSPEC; }

char bs_license[] SEC("license") = "Dual BSD/GPL";
