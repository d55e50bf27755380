#include "agent/app/config_keys.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <vector>

#include "agent/app/nearest_name.h"

namespace backscatter {
namespace {

template <auto Config::*kField>
void Store(Config& config, const ConfigValue& value) {
  using Field = std::remove_reference_t<decltype(config.*kField)>;
  config.*kField = std::get<Field>(value);
}
template <PacketTime Config::*kField>
void StoreDuration(Config& config, const ConfigValue& value) {
  config.*kField = static_cast<PacketTime>(std::get<std::uint64_t>(value));
}
void StoreReadAll(Config& config, const ConfigValue& value) {
  config.bounce_read_all = std::get<std::string>(value) == "all";
}
void StoreFoldCase(Config& config, const ConfigValue& value) {
  config.targets.fold_case = std::get<bool>(value);
}
void StoreFoldDetail(Config& config, const ConfigValue& value) {
  config.targets.fold_detail = std::get<bool>(value);
}

// detection.<kind>.<threshold>
template <auto FloodThresholds::*kKind, auto kThreshold>
void StoreThreshold(Config& config, const ConfigValue& value) {
  double& threshold = config.floods.*kKind.*kThreshold;
  const auto* const count = std::get_if<std::uint64_t>(&value);
  threshold = count != nullptr ? static_cast<double>(*count) : std::get<double>(value);
}

constexpr double kKiB = 1024;
constexpr double kGiB = kKiB * kKiB * kKiB;

constexpr ConfigKey kKeys[] = {
    {.name = "interfaces",
     .type = KeyType::kTextList,
     .default_value = "[]",
     .help = "Interfaces to watch; empty: all of them",
     .store = Store<&Config::interfaces>,
     .at_start_only = true},
    {.name = "source",
     .type = KeyType::kChoice,
     .default_value = "auto",
     .help = "How packets are taken: kernel probes, libpcap, or what the host offers",
     .store = Store<&Config::source>,
     .choices = "auto|bpf|pcap",
     .at_start_only = true},
    {.name = "ports",
     .type = KeyType::kPortList,
     .default_value = "[25, 465, 587, 2525]",
     .help = "Server ports that carry SMTP; a replay finds SMTP on other ports by its content",
     .store = Store<&Config::ports>},
    {.name = "sampling.ratio",
     .type = KeyType::kRatio,
     .default_value = "1.0",
     .help = "Share of the sessions to look at",
     .store = Store<&Config::sampling_ratio>,
     .min = 0.000001,
     .max = 1},
    {.name = "bpf.attach",
     .type = KeyType::kChoice,
     .default_value = "auto",
     .help = "Where the kernel probes are attached",
     .store = Store<&Config::bpf_attach>,
     .choices = "auto|tcx|clsact",
     .at_start_only = true},
    {.name = "bpf.ring_bytes",
     .type = KeyType::kSize,
     .default_value = "16MiB",
     .help = "Ring buffer between kernel and agent",
     .store = Store<&Config::bpf_ring_bytes>,
     .min = 64 * kKiB,
     .max = kGiB,
     .at_start_only = true},
    {.name = "bpf.stats",
     .type = KeyType::kBool,
     .default_value = "false",
     .help = "Measure the run time of the probes (for all programs of the kernel; CAP_SYS_ADMIN)",
     .store = Store<&Config::bpf_stats>,
     .at_start_only = true},
    {.name = "local.domains",
     .type = KeyType::kDomainList,
     .default_value = "[]",
     .help = "Domains that are ours; empty: learnt from accepted recipients",
     .store = Store<&Config::local_domains>},
    {.name = "local.networks",
     .type = KeyType::kNetworkList,
     .default_value = "[]",
     .help = "Networks of our mail servers; they decide what is inbound and outbound",
     .store = Store<&Config::local_networks>},
    {.name = "trusted_proxies",
     .type = KeyType::kNetworkList,
     .default_value = "[]",
     .help = "Proxies whose PROXY and XCLIENT headers name the source",
     .store = Store<&Config::trusted_proxies>},
    {.name = "ignore.networks",
     .type = KeyType::kNetworkList,
     .default_value = "[]",
     .help = "Sources that never count, such as our own probes",
     .store = Store<&Config::ignore_networks>},
    {.name = "ignore.targets",
     .type = KeyType::kAddressList,
     .default_value = "[]",
     .help = "Target addresses that never count, such as those of our own probes",
     .store = Store<&Config::ignore_targets>},
    {.name = "targets.fold_case",
     .type = KeyType::kBool,
     .default_value = "false",
     .help = "Count Joe@example.org and joe@example.org as one target",
     .store = StoreFoldCase},
    {.name = "targets.fold_detail",
     .type = KeyType::kBool,
     .default_value = "false",
     .help = "Count joe+detail@example.org and joe@example.org as one target",
     .store = StoreFoldDetail},
    {.name = "targets.capacity",
     .type = KeyType::kCount,
     .default_value = "1000000",
     .help = "Targets counted exactly; beyond it small ones may be lost, and the report says so",
     .store = Store<&Config::targets_capacity>,
     .min = 16,
     .max = 100'000'000,
     .at_start_only = true},
    {.name = "sources.capacity",
     .type = KeyType::kCount,
     .default_value = "1000000",
     .help = "Sources counted exactly; beyond it small ones may be lost, and the report says so",
     .store = Store<&Config::sources_capacity>,
     .min = 16,
     .max = 100'000'000,
     .at_start_only = true},
    {.name = "tls.mode",
     .type = KeyType::kChoice,
     .default_value = "auto",
     .help = "Whether sessions are read where the TLS library has them in plain text",
     .choices = "auto|off"},
    {.name = "tls.processes",
     .type = KeyType::kTextList,
     .default_value = "[]",
     .help = "Programs whose TLS library is read; empty: the mail servers that are known"},
    {.name = "bounce.read",
     .type = KeyType::kChoice,
     .default_value = "reports",
     .help = "Whose bodies are read: of null and daemon senders, or of all mail",
     .store = StoreReadAll,
     .choices = "reports|all"},
    {.name = "bounce.capture_bytes",
     .type = KeyType::kSize,
     .default_value = "64KiB",
     .help = "How much of such a body is read; 0: the envelope only",
     .store = Store<&Config::bounce_capture_bytes>,
     .max = 16 * kKiB * kKiB},
    {.name = "bounce.daemon_senders",
     .type = KeyType::kTextList,
     .default_value = "[mailer-daemon, postmaster, double-bounce, mdaemon, mail-daemon, imss, "
                      "bounce-handler, bounce, bounces, challenge, confirm, autoreply, auto-reply]",
     .help = "Local parts of senders that are read like the null sender",
     .store = Store<&Config::bounce_daemon_senders>},
    {.name = "batv.keys",
     .type = KeyType::kTextList,
     .default_value = "[]",
     .help = "Keys that verify prvs= tags, each as NUMBER:FILE; the files are for their owner only "
             "(mode 600)",
     .store = Store<&Config::batv_keys>},
    {.name = "srs.domains",
     .type = KeyType::kDomainList,
     .default_value = "[]",
     .help = "Domains under which we forward with SRS",
     .store = Store<&Config::srs_domains>},
    {.name = "verp.patterns",
     .type = KeyType::kTextList,
     .default_value = "[]",
     .help = "Addresses to which our lists take their bounces; * stands for anything",
     .store = Store<&Config::verp_patterns>},
    {.name = "relays",
     .type = KeyType::kTextList,
     .default_value = "[]",
     .help = "Host names of our mail servers, as their Received headers have them",
     .store = Store<&Config::relays>},
    {.name = "sent.window",
     .type = KeyType::kDuration,
     .default_value = "8d",
     .help = "How long mail that we sent is remembered",
     .store = StoreDuration<&Config::sent_window>,
     .min = 3600,
     .at_start_only = true},
    {.name = "sent.capacity",
     .type = KeyType::kCount,
     .default_value = "1000000",
     .help = "Mails remembered within the window",
     .store = Store<&Config::sent_capacity>,
     .min = 1000,
     .max = 1e9,
     .at_start_only = true},
    {.name = "sent.file",
     .type = KeyType::kText,
     .default_value = "/var/lib/backscatterd/sent",
     .help = "Where that memory is kept; empty: not kept",
     .store = Store<&Config::sent_file>,
     .at_start_only = true},
    {.name = "sent.min_history",
     .type = KeyType::kDuration,
     .default_value = "5d",
     .help = "How long the agent must have watched before it says that a mail was never sent",
     .store = StoreDuration<&Config::sent_min_history>},
    {.name = "sent.min_coverage",
     .type = KeyType::kRatio,
     .default_value = "0.95",
     .help = "Share of outbound sessions that must have been readable for the same",
     .store = Store<&Config::sent_min_coverage>,
     .max = 1},
    {.name = "sent.feed",
     .type = KeyType::kText,
     .default_value = "\"\"",
     .help = "File of a replay, or Unix socket, with one line a mail that we sent; empty: none",
     .store = Store<&Config::sent_feed>,
     .at_start_only = true},
    {.name = "detection.file",
     .type = KeyType::kText,
     .default_value = "/var/lib/backscatterd/floods",
     .help = "Where floods that are on and what is usual are kept; empty: not kept",
     .store = Store<&Config::flood_file>,
     .at_start_only = true},
    {.name = "detection.source_prefix.v4",
     .type = KeyType::kCount,
     .default_value = "24",
     .help = "Prefix length of an IPv4 source network",
     .store = Store<&Config::source_prefix_v4>,
     .max = 32,
     .at_start_only = true},
    {.name = "detection.source_prefix.v6",
     .type = KeyType::kCount,
     .default_value = "48",
     .help = "Prefix length of an IPv6 source network",
     .store = Store<&Config::source_prefix_v6>,
     .max = 128,
     .at_start_only = true},
    {.name = "detection.joe_job.recipients",
     .type = KeyType::kCount,
     .default_value = "30",
     .help = "Unsolicited answers to one target in ten minutes that make a joe job",
     .store = StoreThreshold<&FloodThresholds::joe_job, &FloodThresholds::JoeJob::recipients>,
     .min = 1},
    {.name = "detection.joe_job.networks",
     .type = KeyType::kCount,
     .default_value = "10",
     .help = "Source networks that they must come from at the least",
     .store = StoreThreshold<&FloodThresholds::joe_job, &FloodThresholds::JoeJob::networks>,
     .min = 1},
    {.name = "detection.joe_job.baseline",
     .type = KeyType::kCount,
     .default_value = "5",
     .help = "Times what is usual at this hour that they must be",
     .store = StoreThreshold<&FloodThresholds::joe_job, &FloodThresholds::JoeJob::baseline>,
     .min = 1},
    {.name = "detection.random_recipients.recipients",
     .type = KeyType::kCount,
     .default_value = "60",
     .help = "Bounces to unknown users of one domain in ten minutes",
     .store = StoreThreshold<&FloodThresholds::random_recipients,
                             &FloodThresholds::RandomRecipients::recipients>,
     .min = 1},
    {.name = "detection.random_recipients.networks",
     .type = KeyType::kCount,
     .default_value = "20",
     .help = "Source networks that they must come from at the least",
     .store = StoreThreshold<&FloodThresholds::random_recipients,
                             &FloodThresholds::RandomRecipients::networks>,
     .min = 1},
    {.name = "detection.random_recipients.distinct",
     .type = KeyType::kRatio,
     .default_value = "0.7",
     .help = "Different users for each of them",
     .store = StoreThreshold<&FloodThresholds::random_recipients,
                             &FloodThresholds::RandomRecipients::distinct>,
     .max = 1},
    {.name = "detection.emitter.recipients",
     .type = KeyType::kCount,
     .default_value = "20",
     .help = "Unsolicited answers from one network in an hour",
     .store = StoreThreshold<&FloodThresholds::emitter, &FloodThresholds::Emitter::recipients>,
     .min = 1},
    {.name = "detection.emitter.targets",
     .type = KeyType::kCount,
     .default_value = "5",
     .help = "Targets that they must go to at the least",
     .store = StoreThreshold<&FloodThresholds::emitter, &FloodThresholds::Emitter::targets>,
     .min = 1},
    {.name = "detection.callout_storm.recipients",
     .type = KeyType::kCount,
     .default_value = "300",
     .help = "Call-outs about one domain in ten minutes",
     .store = StoreThreshold<&FloodThresholds::callout_storm,
                             &FloodThresholds::CalloutStorm::recipients>,
     .min = 1},
    {.name = "detection.callout_storm.networks",
     .type = KeyType::kCount,
     .default_value = "20",
     .help = "Source networks that they must come from at the least",
     .store =
         StoreThreshold<&FloodThresholds::callout_storm, &FloodThresholds::CalloutStorm::networks>,
     .min = 1},
    {.name = "detection.callout_storm.baseline",
     .type = KeyType::kCount,
     .default_value = "5",
     .help = "Times what is usual at this hour that they must be",
     .store =
         StoreThreshold<&FloodThresholds::callout_storm, &FloodThresholds::CalloutStorm::baseline>,
     .min = 1},
    {.name = "detection.own_emission.transactions",
     .type = KeyType::kCount,
     .default_value = "5",
     .help = "Bounces of others' mail that we send in an hour",
     .store = StoreThreshold<&FloodThresholds::own_emission,
                             &FloodThresholds::OwnEmission::transactions>,
     .min = 1},
    {.name = "detection.bounce_loop.recipients",
     .type = KeyType::kCount,
     .default_value = "3",
     .help = "Bounces in a loop to one target in an hour",
     .store =
         StoreThreshold<&FloodThresholds::bounce_loop, &FloodThresholds::BounceLoop::recipients>,
     .min = 1},
    {.name = "detection.widespread.targets",
     .type = KeyType::kCount,
     .default_value = "5",
     .help = "Joe jobs at the same time",
     .store = StoreThreshold<&FloodThresholds::widespread, &FloodThresholds::Widespread::targets>,
     .min = 1},
    {.name = "labels.target",
     .type = KeyType::kChoice,
     .default_value = "hash",
     .help = "How metrics name a target: keyed hash, domain only, or the address itself",
     .store = Store<&Config::labels_target>,
     .choices = "hash|domain|plain"},
    {.name = "labels.key_file",
     .type = KeyType::kText,
     .default_value = "/var/lib/backscatterd/label.key",
     .help = "Key of that hash; made at the first start",
     .store = Store<&Config::labels_key_file>},
    {.name = "labels.names_file",
     .type = KeyType::kText,
     .default_value = "/var/lib/backscatterd/label.names",
     .help = "What `lookup` reads: addresses behind hashes of the last week; empty: none is kept",
     .store = Store<&Config::labels_names_file>,
     .at_start_only = true},
    {.name = "labels.top_k",
     .type = KeyType::kCount,
     .default_value = "20",
     .help = "Targets, networks and domains that metrics name, the most frequent ones",
     .store = Store<&Config::labels_top_k>,
     .max = 1000,
     .at_start_only = true},
    {.name = "events.file",
     .type = KeyType::kText,
     .default_value = "\"\"",
     .help = "File that takes a JSON line where a flood is raised, updated or over; empty: none",
     .store = Store<&Config::events_file>,
     .at_start_only = true},
    {.name = "events.max_bytes",
     .type = KeyType::kSize,
     .default_value = "64MiB",
     .help = "Size from which that file becomes FILE.1; four old ones are kept",
     .store = Store<&Config::events_max_bytes>,
     .min = 64 * kKiB,
     .max = 1024 * kGiB},
    {.name = "events.transactions",
     .type = KeyType::kBool,
     .default_value = "false",
     .help = "A line of every transaction too",
     .store = Store<&Config::events_transactions>},
    {.name = "api.transactions",
     .type = KeyType::kCount,
     .default_value = "0",
     .help = "Last transactions that the API shows; 0: none",
     .store = Store<&Config::api_transactions>,
     .max = 1'000'000},
    {.name = "memory.max",
     .type = KeyType::kSize,
     .default_value = "256MiB",
     .help = "Bound of all tables together",
     .store = Store<&Config::memory_max>,
     .min = 32 * kKiB * kKiB,
     .at_start_only = true},
};

std::string_view LastPart(std::string_view name) { return name.substr(name.rfind('.') + 1); }

}  // namespace

std::span<const ConfigKey> ConfigKeys() { return kKeys; }

const ConfigKey* FindConfigKey(std::string_view name) {
  const auto* const found = std::ranges::find(kKeys, name, &ConfigKey::name);
  return found == std::end(kKeys) ? nullptr : found;
}

bool IsConfigSection(std::string_view name) {
  return std::ranges::any_of(kKeys, [name](const ConfigKey& key) {
    return key.name.size() > name.size() && key.name.starts_with(name) &&
           key.name[name.size()] == '.';
  });
}

std::string_view NearestConfigKey(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ConfigKey& key : kKeys) {
    names.push_back(key.name);
    for (std::size_t dot = key.name.find('.'); dot != std::string_view::npos;
         dot = key.name.find('.', dot + 1)) {
      names.push_back(key.name.substr(0, dot));
    }
  }
  const std::string_view nearest = NearestName(name, names);
  if (!nearest.empty()) return nearest;
  for (const ConfigKey& key : kKeys) {  // the right key in the wrong section
    if (LastPart(key.name) == LastPart(name)) return key.name;
  }
  return {};
}

}  // namespace backscatter
