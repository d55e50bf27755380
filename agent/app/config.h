// The configuration: read once, validated once, then const.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/base/ip_address.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"
#include "agent/mail/canonical_target.h"

namespace backscatter {

inline constexpr std::string_view kDefaultConfigFile = "/etc/backscatterd/backscatterd.yaml";

// Bounds of the tables that have no key of their own. The defaults are those of a replay; `run`
// derives them from memory.max (memory_plan.h).
struct TableCaps {
  std::uint64_t connections = 1'000'000;
  std::uint64_t notes = 1U << 18;                    // handshakes of flows without state
  std::uint64_t held_bytes = 64U << 20;              // out of order
  std::uint64_t dialogue_bytes = ~std::uint64_t{0};  // what waits in open sessions
  std::uint64_t readers = 4096;                      // messages that are read at once
  std::uint64_t pairs = 4'000'000;                   // of each set behind the distinct counts
  std::uint64_t retries = 262'144;
  std::uint64_t accepted = 500'000;
  std::uint64_t loops = 65'536;
  std::uint64_t flood_keys = 8192;  // targets and networks in which floods are looked for
  std::uint64_t queue_batches = 32;

  friend bool operator==(const TableCaps&, const TableCaps&) = default;
};

// What this version uses. Keys of later versions are checked (config_keys.h) but have no field yet.
// The defaults are those of the registry: a Config comes from LoadConfig.
struct Config {
  std::vector<std::string> interfaces;  // empty: all of them
  std::string source;                   // auto, bpf, pcap
  double sampling_ratio = 1.0;
  std::string bpf_attach;  // auto, tcx, clsact
  std::uint64_t bpf_ring_bytes = 0;
  bool bpf_stats = false;
  std::uint64_t memory_max = 0;  // of `run`; a replay takes what its caps allow
  TableCaps tables;

  std::vector<std::uint16_t> ports;
  std::vector<std::string> local_domains;  // canonical; empty: to be learnt
  std::vector<IpNetwork> local_networks;
  std::vector<IpNetwork> trusted_proxies;
  std::vector<IpNetwork> ignore_networks;
  std::vector<std::string> ignore_targets;  // addresses, as written
  TargetOptions targets;
  std::uint64_t targets_capacity = 0;
  std::uint64_t sources_capacity = 0;
  std::uint64_t source_prefix_v4 = 24;  // bits of the network of a source
  std::uint64_t source_prefix_v6 = 48;

  FloodThresholds floods;
  std::string flood_file;  // of `run`; empty: none

  bool bounce_read_all = false;            // bodies of all mail; else of null and daemon senders
  std::uint64_t bounce_capture_bytes = 0;  // of a body; 0: envelopes only
  std::vector<std::string> bounce_daemon_senders;  // local parts
  std::vector<std::string> batv_keys;              // "NUMBER:FILE", for ReadBatvKeys
  std::vector<std::string> srs_domains;            // canonical
  std::vector<std::string> verp_patterns;
  std::vector<std::string> relays;

  PacketTime sent_window = 0;
  std::uint64_t sent_capacity = 0;  // mails within the window
  PacketTime sent_min_history = 0;
  double sent_min_coverage = 0;
  std::string sent_feed;  // empty: none
  std::string sent_file;  // of `run`; empty: none

  std::string labels_target;  // hash, domain, plain
  std::string labels_key_file;
  std::string labels_names_file;  // empty: none
  std::uint64_t labels_top_k = 0;
  std::string events_file;  // empty: none
  std::uint64_t events_max_bytes = 0;
  bool events_transactions = false;
  std::uint64_t api_transactions = 0;  // 0: none

  friend bool operator==(const Config&, const Config&) = default;
};

// Where values come from, the later over the earlier: defaults, the file, `sets`.
struct ConfigSources {
  // nullopt: kDefaultConfigFile, which need not exist.
  std::optional<std::string> file;
  std::vector<std::string> sets;  // "dotted.key=YAML value"; the last of a key holds
};

struct LoadedConfig {
  Config config;
  std::vector<std::string> without_effect;  // keys that were given but do nothing yet, in order
  // As written, by key: what was given, not what is default.
  std::map<std::string, std::vector<std::string>> given;
};

// The keys, in order, that `after` wants otherwise than `before` and that hold from a start on
// only.
std::vector<std::string> KeysThatNeedRestart(const LoadedConfig& before, const LoadedConfig& after);

// InvalidArgument, one problem a line, each with its place and what would be right:
//   site.yaml:12: unknown key "targets.fold_cas"; did you mean "targets.fold_case"?
// Either all of it holds or nothing.
absl::StatusOr<LoadedConfig> LoadConfig(const ConfigSources& sources);

}  // namespace backscatter
