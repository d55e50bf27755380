#include "agent/source/link_type_name.h"

#include <string_view>

namespace backscatter {
namespace {

struct Named {
  std::uint32_t value;
  std::string_view name;
};

// https://www.tcpdump.org/linktypes.html, those that a mail host or a tap is likely to meet.
constexpr Named kNames[] = {
    {0, "NULL"},
    {1, "ETHERNET"},
    {6, "IEEE802_5"},
    {8, "SLIP"},
    {9, "PPP"},
    {10, "FDDI"},
    {50, "PPP_HDLC"},
    {51, "PPP_ETHER"},
    {100, "ATM_RFC1483"},
    {101, "RAW"},
    {104, "C_HDLC"},
    {105, "IEEE802_11"},
    {107, "FRELAY"},
    {108, "LOOP"},
    {113, "LINUX_SLL"},
    {117, "PFLOG"},
    {119, "IEEE802_11_PRISM"},
    {122, "IP_OVER_FC"},
    {123, "SUNATM"},
    {127, "IEEE802_11_RADIOTAP"},
    {143, "DOCSIS"},
    {166, "PPP_PPPD"},
    {192, "PPI"},
    {204, "PPP_WITH_DIR"},
    {209, "IPMB_LINUX"},
    {220, "USB_LINUX_MMAPPED"},
    {226, "IPNET"},
    {228, "IPV4"},
    {229, "IPV6"},
    {239, "NFLOG"},
    {240, "NETANALYZER"},
    {242, "IPOIB"},
    {253, "NETLINK"},
    {256, "PKTAP"},
    {271, "VSOCK"},
    {274, "ETHERNET_MPACKET"},
    {276, "LINUX_SLL2"},
};

constexpr std::uint16_t kOldRaw = 12;
constexpr std::uint16_t kOpenBsdRaw = 14;

}  // namespace

std::string LinkTypeName(std::uint32_t link_type) {
  for (const Named& entry : kNames) {
    if (entry.value == link_type) return std::string(entry.name);
  }
  return std::to_string(link_type);
}

LinkType LinkTypeFromFile(std::uint16_t value) {
  if (value == kOldRaw || value == kOpenBsdRaw) return LinkType::kRaw;
  return static_cast<LinkType>(value);
}

}  // namespace backscatter
