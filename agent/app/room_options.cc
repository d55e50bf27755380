#include "agent/app/room_options.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace backscatter {

EngineOptions MakeEngineOptions(const Config& config, const HashKey& key) {
  EngineOptions options;
  options.tcp.ports = config.ports;
  options.tcp.hash_key = key;
  options.tcp.sampling_ratio = config.sampling_ratio;
  options.tcp.max_connections = config.tables.connections;
  options.tcp.max_notes = config.tables.notes;
  options.tcp.max_held = config.tables.held_bytes;
  options.dialogue_bytes = config.tables.dialogue_bytes;
  options.trusted_proxies = config.trusted_proxies;
  return options;
}

MessageReadersOptions MakeReadersOptions(const Config& config) {
  return {.read_all = config.bounce_read_all,
          .capture_bytes = config.bounce_capture_bytes,
          .daemon_senders = config.bounce_daemon_senders,
          .local = LocalNetworks(config.local_networks),
          .max_open = config.tables.readers};
}

SentLedgerOptions MakeSentOptions(const Config& config, const HashKey& key) {
  return {.window_ns = config.sent_window, .capacity = config.sent_capacity, .key = key};
}

JudgeOptions MakeJudgeOptions(const Config& config, BatvKeys batv_keys, const HashKey& key) {
  JudgeOptions options;
  options.evidence = {.local = LocalNetworks(config.local_networks),
                      .relays = config.relays,
                      .batv_keys = std::move(batv_keys),
                      .srs_domains = SrsDomains(config.srs_domains),
                      .verp_patterns = VerpPatterns(config.verp_patterns),
                      .min_history_ns = config.sent_min_history,
                      // Mail of sessions that were not looked at was not seen.
                      .min_coverage = config.sent_min_coverage / config.sampling_ratio,
                      .feed_tells_all = !config.sent_feed.empty(),
                      .loops_capacity = config.tables.loops,
                      .hash_key = key};
  options.retries.capacity = config.tables.retries;
  options.accepted.capacity = config.tables.accepted;
  options.retries.prefix_v4 = config.source_prefix_v4;
  options.retries.prefix_v6 = config.source_prefix_v6;
  options.retries.hash_key = key;
  options.accepted.hash_key = key;
  return options;
}

FloodOptions MakeFloodOptions(const Config& config, const HashKey& key) {
  return {.thresholds = config.floods,
          .target = config.targets,
          .prefix_v4 = config.source_prefix_v4,
          .prefix_v6 = config.source_prefix_v6,
          .targets_capacity = config.tables.flood_keys,
          .baselines_capacity = config.tables.flood_keys,
          .sketches = config.tables.flood_keys / 2,
          .hash_key = key};
}

IgnoredMail MakeIgnoredMail(const Config& config) {
  return {config.ignore_networks, config.ignore_targets, config.targets};
}

TallyOptions MakeTallyOptions(const Config& config, const HashKey& key) {
  TallyOptions options;
  options.targets_capacity = config.targets_capacity;
  options.sources_capacity = config.sources_capacity;
  options.pairs_capacity = config.tables.pairs;
  options.target = config.targets;
  options.hash_key = key;
  return options;
}

CaptureRules MakeCaptureRules(const Config& config, std::uint32_t seed) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return {.ports = config.ports,
          .sampling_ratio = config.sampling_ratio,
          .seed = seed,
          .local = config.local_networks,
          .capture_bytes = static_cast<std::uint32_t>(std::min(config.bounce_capture_bytes, kMost)),
          .read_all = config.bounce_read_all,
          .daemon_senders = config.bounce_daemon_senders};
}

}  // namespace backscatter
