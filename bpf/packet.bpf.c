// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// Watches SMTP on an interface: TC programs, which write records into a ring, and a packet socket's
// filter, which keeps a prefix of the frame. Neither changes or holds up a packet.
#include "lib/bounds.h"
#include "lib/cut.h"
#include "lib/emit.h"
#include "lib/parse.h"
#include "lib/sample.h"

BS_INLINE int bs_is_ours(const __u8* address) {
  struct bs_prefix key;
  key.bits = 128;
  __builtin_memcpy(key.address, address, 16);
  return bpf_map_lookup_elem(&bs_local, &key) != 0;
}

#define BS_SUBMISSION 587  /* RFC 6409 */
#define BS_SUBMISSIONS 465 /* RFC 8314 */

/* State is made at the first payload, never at a SYN: half-open connections cost nothing. */
static __noinline int bs_open_flow(struct bs_packet* packet) {
  struct bs_flow flow;
  __builtin_memset(&flow, 0, sizeof flow);
  flow.threshold = packet->settings->threshold;
  if (packet->from_client) {
    flow.word = BS_STATE(BS_LOST, 0);
    flow.client_next = packet->sequence;
    flow.server_next = packet->acknowledgment;
  } else {
    flow.word = BS_STATE(BS_COMMANDS, packet->acknowledgment);
    flow.client_next = packet->acknowledgment;
    flow.server_next = packet->sequence;
  }
  const __u16 port = packet->key.server_port;
  flow.outbound = port == BS_SUBMISSION || port == BS_SUBMISSIONS ||
                  (bs_is_ours(packet->key.client) && !bs_is_ours(packet->key.server));
  if (bpf_map_update_elem(&bs_flows, &packet->key, &flow, BPF_NOEXIST) == 0) {
    BS_COUNT(packet, BS_FLOWS, 1);
  }
  packet->flow = bpf_map_lookup_elem(&bs_flows, &packet->key);
  if (!packet->flow) BS_COUNT(packet, BS_NO_FLOW, 1);
  return 0;
}

/* What a client may say before the server: a TLS hello, or a PROXY header. How many bytes of it
 * pass; 0: it is none. */
static __noinline __u32 bs_first_words(struct bs_packet* packet) {
  __u8 head[16];
  if (packet->length < sizeof head ||
      bs_load(packet->skb, packet->payload_at, head, sizeof head)) {
    return 0;
  }
  if (head[0] == 0x16 && head[1] == 0x03) return sizeof head;
  if (head[0] == 'P' && head[1] == 'R' && head[2] == 'O' && head[3] == 'X' && head[4] == 'Y' &&
      head[5] == ' ') {
    struct bs_window* window = bs_window();
      const __u32 length = bs_min(packet->length, 107); /* the longest of version 1 */
    if (!window || bs_load_some(packet->skb, packet->payload_at, window->bytes + BS_TAIL, length,
                                BS_ROOM)) {
      return 0;
    }
    bs_scan_lines(window, BS_LOOK_LAST, BS_TAIL, BS_TAIL + length, 0);
    if (window->scan.line != BS_NOWHERE) return window->scan.line - BS_TAIL;
    return bs_byte(window, BS_TAIL + length - 1) == '\n' ? length : 0;
  }
  if (head[0] == '\r' && head[1] == '\n' && head[2] == '\r' && head[3] == '\n' && head[4] == 0 &&
      head[5] == '\r' && head[6] == '\n' && head[7] == 'Q' && head[8] == 'U' && head[9] == 'I' &&
      head[10] == 'T' && head[11] == '\n') {
    return bs_min(packet->length, 16 + ((__u32)head[14] << 8 | head[15]));
  }
  return 0;
}

BS_INLINE void bs_on_first_client(struct bs_packet* packet) {
  const __u32 passing = bs_first_words(packet);
  if (passing == 0) return;
  __u8 first;
  if (bs_load(packet->skb, packet->payload_at, &first, 1)) return;
  bs_emit(packet, 0, passing, packet->flags);
  if (first == 0x16) {
    bs_enter(packet->flow, BS_STATE(BS_LOST, 0), BS_STATE(BS_OPAQUE, 0));
  } else {
    bs_enter(packet->flow, BS_STATE(BS_LOST, 0),
             BS_STATE(BS_COMMANDS, packet->sequence + passing) | BS_EXPECT_VERB);
  }
  packet->flow->client_next = packet->sequence + passing;
}

/* The common part. The result: for the socket filter how many bytes of the frame to keep. */
BS_INLINE __u32 bs_watch(struct __sk_buff* skb, const int how) {
  const __u32 zero = 0;
  struct bs_packet packet;
  __builtin_memset(&packet, 0, sizeof packet);
  packet.skb = skb;
  packet.how = how;
  packet.settings = bpf_map_lookup_elem(&bs_settings, &zero);
  packet.counts = bpf_map_lookup_elem(&bs_counters, &zero);
  if (!packet.settings || !packet.counts) return 0;
  if (!bs_parse(skb, how, &packet)) return 0;
  const __u8 control = packet.flags & (BS_TCP_SYN | BS_TCP_FIN | BS_TCP_RST);
  if (packet.length == 0 && !control) return 0;
  if (!bs_is_chosen(&packet)) {
    BS_COUNT(&packet, BS_NOT_SAMPLED, 1);
    return 0;
  }
  packet.flow = bpf_map_lookup_elem(&bs_flows, &packet.key);
  if (packet.length == 0) {
    /* A connection that begins anew on the same ports is another. */
    if (packet.flow && (packet.flags & BS_TCP_SYN)) {
      bpf_map_delete_elem(&bs_flows, &packet.key);
      packet.flow = 0;
    }
    bs_emit(&packet, 0, 0, packet.flags);
    return packet.keep;
  }
  int is_first = 0;
  if (!packet.flow) {
    bs_open_flow(&packet);
    if (!packet.flow) return 0;
    is_first = packet.from_client;
  }
  if (!packet.settings->cut) {
    bs_emit(&packet, 0, packet.length, packet.flags);
    return packet.keep;
  }
  if (!packet.from_client) {
    bs_on_server(&packet);
  } else {
    if (is_first) bs_on_first_client(&packet);
    bs_on_client(&packet);
  }
  /* The end of a stream whose last bytes stay here. */
  if (control && packet.keep == 0 && how != BS_SOCKET && packet.at != 0) {
    bs_emit(&packet, packet.length, 0, packet.flags);
  }
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

SEC("socket")
int bs_socket(struct __sk_buff* skb) { return bs_watch(skb, BS_SOCKET); }

/* What a run costs at least: the reference of the benchmark. */
SEC("tc")
int bs_nothing(struct __sk_buff* skb) { return BS_TC_ACT_UNSPEC; }

char bs_license[] SEC("license") = "Dual BSD/GPL";
