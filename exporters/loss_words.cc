#include "exporters/loss_words.h"

#include <algorithm>
#include <array>

namespace backscatter {
namespace {

struct Words {
  std::string_view name;
  std::string_view words;
};

constexpr auto kWords = std::to_array<Words>({
    {"source.truncated_packets", "packets cut short by the capture (snap length)"},
    {"source.ring_full", "packets that came faster than they were read (bpf.ring_bytes)"},
    {"source.interface_drops", "packets of any kind that a network card lost"},
    {"kernel.ring_full", "records that found no room in the kernel's ring (bpf.ring_bytes)"},
    {"kernel.ring_full_bytes", "bytes of those records"},
    {"kernel.fragments", "fragments of TCP packets, which the kernel program does not join"},
    {"kernel.truncated", "packets cut off before the end that their headers name"},
    {"kernel.malformed", "packets with impossible headers, seen by the kernel program"},
    {"kernel.no_flow", "packets of sessions without a place in the kernel's table"},
    {"kernel.unordered_bytes", "bytes of clients ahead of a packet that was not seen"},
    {"kernel.stateless_bytes", "bytes of clients whose place in a dialogue was not known"},
    {"kernel.behind_cut_bytes", "bytes behind the end of a body in the same packet"},
    {"kernel.both_ports", "packets between two watched ports"},
    {"queue.full_packets", "packets that came faster than they could be read"},
    {"decode.unknown_link_type", "packets of a link type that is not decoded"},
    {"decode.truncated", "packets whose headers were cut off"},
    {"decode.malformed", "packets with impossible headers"},
    {"decode.too_deep", "packets with too many headers in each other"},
    {"decode.unknown_protocol", "packets in an encapsulation that is not decoded"},
    {"fragment.expired", "IP datagrams of which a fragment is missing"},
    {"fragment.evicted", "IP datagrams given up for want of memory"},
    {"fragment.too_large", "IP fragments beyond any datagram's end"},
    {"tcp.gap_bytes", "bytes of TCP streams that were not captured"},
    {"tcp.gaps", "gaps in TCP streams"},
    {"tcp.before_start_bytes", "bytes sent before a stream was picked up"},
    {"tcp.stray_bytes", "bytes far outside of their TCP stream"},
    {"tcp.connections_evicted", "connections given up for want of memory"},
    {"tcp.notes_evicted", "notes of TCP handshakes given up for want of memory"},
    {"tcp.views_evicted", "sessions that may count twice where they are seen twice"},
    {"smtp.unsynced_bytes", "bytes that fit nowhere in their dialogue"},
    {"smtp.line_bytes_dropped", "bytes of over-long lines"},
    {"smtp.replies_dropped", "replies beyond the commands that are remembered"},
    {"smtp.recipients_dropped", "recipients counted in totals, but under no target"},
    {"smtp.held_bytes_dropped", "bytes held for a reply that never came"},
    {"smtp.sessions_given_up", "sessions ended early for want of memory (memory.max)"},
    {"tally.targets_evicted", "light targets pushed out by targets.capacity"},
    {"tally.sources_evicted", "light sources pushed out by sources.capacity"},
    {"tally.domains_evicted", "light domains pushed out by targets.capacity"},
    {"tally.pairs_dropped", "pairs of target and source beyond what is remembered"},
    {"sent.feed_lines", "lines of sent.feed that could not be read"},
    {"sent.feed_clients", "connections to sent.feed beyond what is allowed"},
    {"sent.keys_dropped", "facts of mail we sent that found no place (sent.capacity)"},
    {"mail.messages_not_read", "messages not read: too many were under way"},
    {"detect.forgotten", "deferred or accepted mails forgotten before their time"},
    {"detect.late", "recipients told too late to be counted in a flood"},
    {"detect.windows_given_up",
     "targets and networks whose counts made room: a flood is told later"},
    {"detect.sketches_refused", "times that a source or target in a window was not told apart"},
    {"detect.floods_not_raised", "times that a flood was found and not told: too many are on"},
    {"detect.floods_forgotten", "floods that ended, beyond those that are told"},
    {"output.transactions_dropped", "transactions that could not be written (a full disk)"},
    {"output.events_dropped", "events that could not be written (a full disk)"},
    {"live.sketches_refused", "times that a source in a list of metrics was not told apart"},
});

}  // namespace

std::string_view LossWords(Loss loss) {
  const std::string_view name = LossName(loss);
  const auto* const found = std::find_if(kWords.begin(), kWords.end(),
                                         [&](const Words& words) { return words.name == name; });
  return found == kWords.end() ? name : found->words;
}

}  // namespace backscatter
