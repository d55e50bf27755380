#include "agent/app/run_config.h"

namespace backscatter {

std::vector<std::string> RunConfig::Take(const LoadedConfig& loaded) {
  const Config& start = at_start_.config;
  now_ = loaded.config;
  // The keys that are at_start_only, and what was planned from them.
  now_.interfaces = start.interfaces;
  now_.source = start.source;
  now_.bpf_attach = start.bpf_attach;
  now_.bpf_ring_bytes = start.bpf_ring_bytes;
  now_.bpf_stats = start.bpf_stats;
  now_.memory_max = start.memory_max;
  now_.tables = start.tables;
  now_.targets_capacity = start.targets_capacity;
  now_.sources_capacity = start.sources_capacity;
  now_.source_prefix_v4 = start.source_prefix_v4;
  now_.source_prefix_v6 = start.source_prefix_v6;
  now_.sent_window = start.sent_window;
  now_.sent_capacity = start.sent_capacity;
  now_.sent_feed = start.sent_feed;
  now_.sent_file = start.sent_file;
  now_.flood_file = start.flood_file;
  now_.labels_names_file = start.labels_names_file;
  now_.labels_top_k = start.labels_top_k;
  now_.events_file = start.events_file;
  return KeysThatNeedRestart(at_start_, loaded);
}

}  // namespace backscatter
