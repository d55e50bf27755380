// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
// The few kernel definitions that the programs need, so that no header is made from a running
// kernel at build time. Layouts are those of the user-space API, which never change.
#pragma once

// The helpers need the types.
// clang-format off
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
// clang-format on

#define BS_ETH_IPV4 0x0800
#define BS_ETH_IPV6 0x86dd
#define BS_ETH_VLAN 0x8100
#define BS_ETH_QINQ 0x88a8

#define BS_PROTO_HOP 0
#define BS_PROTO_TCP 6
#define BS_PROTO_ROUTING 43
#define BS_PROTO_FRAGMENT 44
#define BS_PROTO_AH 51
#define BS_PROTO_DESTINATION 60

#define BS_TC_ACT_UNSPEC (-1)  // whoever comes next decides

#define BS_TCP_FIN 0x01
#define BS_TCP_SYN 0x02
#define BS_TCP_RST 0x04
#define BS_TCP_ACK 0x10
#define BS_TCP_URG 0x20
