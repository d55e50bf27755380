// The yardstick of the replay bench: libpcap with its default buffer, counting and nothing else.
#include <pcap/pcap.h>

#include <cstdint>
#include <cstdio>

namespace {

struct Counts {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

void Count(u_char* user, const pcap_pkthdr* header, const u_char* /*bytes*/) {
  auto* counts = reinterpret_cast<Counts*>(user);
  ++counts->packets;
  counts->bytes += header->caplen;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: bare_pcap_loop FILE\n", stderr);
    return 2;
  }
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* capture = pcap_open_offline(argv[1], error);
  if (capture == nullptr) {
    std::fprintf(stderr, "bare_pcap_loop: %s\n", error);
    return 1;
  }
  Counts counts;
  const int result = pcap_loop(capture, -1, Count, reinterpret_cast<u_char*>(&counts));
  if (result < 0) std::fprintf(stderr, "bare_pcap_loop: %s\n", pcap_geterr(capture));
  pcap_close(capture);
  std::printf("%llu %llu\n", static_cast<unsigned long long>(counts.packets),
              static_cast<unsigned long long>(counts.bytes));
  return result < 0 ? 1 : 0;
}
