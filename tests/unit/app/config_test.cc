#include "agent/app/config.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "agent/app/config_keys.h"
#include "agent/app/nearest_name.h"

namespace backscatter {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// A file that is gone at the end of the test.
class TempFile {
 public:
  explicit TempFile(const std::string& text) {
    char name[] = "/tmp/backscatter_config_XXXXXX";
    const int fd = mkstemp(name);
    path_ = name;
    std::ofstream(path_, std::ios::binary) << text;
    close(fd);
  }
  ~TempFile() { std::remove(path_.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

absl::StatusOr<LoadedConfig> LoadText(const std::string& text, std::vector<std::string> sets = {}) {
  const TempFile file(text);
  return LoadConfig({.file = file.path(), .sets = std::move(sets)});
}

// The message with the file's name shortened to "F".
std::string Error(const std::string& text, std::vector<std::string> sets = {}) {
  const TempFile file(text);
  const absl::StatusOr<LoadedConfig> loaded =
      LoadConfig({.file = file.path(), .sets = std::move(sets)});
  if (loaded.ok()) return "OK";
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
  std::string message(loaded.status().message());
  for (std::size_t at; (at = message.find(file.path())) != std::string::npos;) {
    message.replace(at, file.path().size(), "F");
  }
  return message;
}

IpAddress Ip(std::string_view text) { return IpAddress::Parse(text).value(); }

TEST(Config, EveryKeyHasADefault) {
  const absl::StatusOr<LoadedConfig> loaded = LoadText("");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Config& config = loaded->config;
  EXPECT_THAT(config.ports, ElementsAre(25, 465, 587, 2525));
  EXPECT_THAT(config.local_networks, IsEmpty());
  EXPECT_THAT(config.trusted_proxies, IsEmpty());
  EXPECT_FALSE(config.targets.fold_case);
  EXPECT_FALSE(config.targets.fold_detail);
  EXPECT_EQ(config.targets_capacity, 1'000'000u);
  EXPECT_EQ(config.sources_capacity, 1'000'000u);
  EXPECT_THAT(loaded->without_effect, IsEmpty());
}

TEST(Config, AFileAndSetsAreReadInThisOrder) {
  const absl::StatusOr<LoadedConfig> loaded = LoadText(
      "ports: [25, 10025]\n"
      "local:\n  networks: [192.0.2.0/24, '2001:db8::/32']\n"
      "trusted_proxies: 198.51.100.7   # one is a list of one\n"
      "targets:\n  fold_case: yes\n  capacity: 5000\n",
      {"targets.capacity=6000", "ports=[26]", "sources.capacity=70", "targets.capacity=7000"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Config& config = loaded->config;
  EXPECT_THAT(config.ports, ElementsAre(26));
  ASSERT_EQ(config.local_networks.size(), 2u);
  EXPECT_TRUE(config.local_networks[0].Contains(Ip("192.0.2.77")));
  EXPECT_TRUE(config.local_networks[1].Contains(Ip("2001:db8::1")));
  ASSERT_EQ(config.trusted_proxies.size(), 1u);
  EXPECT_TRUE(config.trusted_proxies[0].Contains(Ip("198.51.100.7")));
  EXPECT_TRUE(config.targets.fold_case);
  EXPECT_EQ(config.targets_capacity, 7000u);
  EXPECT_EQ(config.sources_capacity, 70u);
}

TEST(Config, WhatVerdictsNeedHasDefaults) {
  const absl::StatusOr<LoadedConfig> loaded = LoadText("");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Config& config = loaded->config;
  EXPECT_FALSE(config.bounce_read_all);
  EXPECT_EQ(config.bounce_capture_bytes, 65536u);
  EXPECT_THAT(config.bounce_daemon_senders, Contains("mail-daemon"));
  EXPECT_THAT(config.bounce_daemon_senders, Not(Contains("noreply")));
  for (const auto* empty : {&config.local_domains, &config.batv_keys, &config.srs_domains,
                            &config.verp_patterns, &config.relays}) {
    EXPECT_THAT(*empty, IsEmpty());
  }
  EXPECT_EQ(config.sent_window, 8 * 86400 * kSecond);
  EXPECT_EQ(config.sent_capacity, 1'000'000u);
  EXPECT_EQ(config.sent_min_history, 5 * 86400 * kSecond);
  EXPECT_EQ(config.sent_min_coverage, 0.95);
  EXPECT_EQ(config.sent_feed, "");
}

TEST(Config, WhatVerdictsNeedIsRead) {
  const absl::StatusOr<LoadedConfig> loaded = LoadText(
      "local: {domains: [Example.COM, b\xc3\xbc"
      "cher.example]}\n"
      "bounce: {read: all, capture_bytes: 0, daemon_senders: [bot]}\n"
      "batv:\n  keys: [\"0:/etc/a.key\", 3:/etc/b.key]\n"
      "srs: {domains: FWD.example}\n"
      "verp: {patterns: ['bounces+*@lists.example']}\n"
      "relays: [mx1.example.com]\n"
      "sent: {window: 2d, capacity: 5000, min_history: 0s, min_coverage: 0, feed: /f}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Config& config = loaded->config;
  EXPECT_THAT(config.local_domains, ElementsAre("example.com", "xn--bcher-kva.example"));
  EXPECT_TRUE(config.bounce_read_all);
  EXPECT_EQ(config.bounce_capture_bytes, 0u);
  EXPECT_THAT(config.bounce_daemon_senders, ElementsAre("bot"));
  EXPECT_THAT(config.batv_keys, ElementsAre("0:/etc/a.key", "3:/etc/b.key"));
  EXPECT_THAT(config.srs_domains, ElementsAre("fwd.example"));
  EXPECT_THAT(config.verp_patterns, ElementsAre("bounces+*@lists.example"));
  EXPECT_THAT(config.relays, ElementsAre("mx1.example.com"));
  EXPECT_EQ(config.sent_window, 2 * 86400 * kSecond);
  EXPECT_EQ(config.sent_capacity, 5000u);
  EXPECT_EQ(config.sent_min_history, 0);
  EXPECT_EQ(config.sent_min_coverage, 0.0);
  EXPECT_EQ(config.sent_feed, "/f");
  EXPECT_THAT(loaded->without_effect, IsEmpty());
}

TEST(Config, SetsTakeYamlValues) {
  const absl::StatusOr<LoadedConfig> loaded =
      LoadText("", {"local.networks=[::1, 2001:db8::/32, 10.0.0.0/8]", "trusted_proxies=::1",
                    "targets={fold_case: true, fold_detail: true}"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->config.local_networks.size(), 3u);
  EXPECT_TRUE(loaded->config.local_networks[0].Contains(Ip("::1")));
  EXPECT_EQ(loaded->config.trusted_proxies.size(), 1u);
  EXPECT_TRUE(loaded->config.targets.fold_case && loaded->config.targets.fold_detail);
}

TEST(Config, KeysWithoutEffectAreCheckedAndNamedOnce) {
  const absl::StatusOr<LoadedConfig> loaded =
      LoadText("tls: {mode: auto}\nports: [25]\n", {"tls.processes=[x]", "tls.mode=off"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->without_effect, ElementsAre("tls.mode", "tls.processes"));
}

TEST(Config, ASectionWithoutKeysIsEmpty) {
  EXPECT_EQ(Error("targets:\n  # fold_case: false\nports: [25]\n"), "OK");
  EXPECT_EQ(Error("# nothing\n"), "OK");
  EXPECT_EQ(Error("---\n"), "OK");
}

TEST(Config, AMissingFileIsAnErrorOnlyWhereItWasNamed) {
  const absl::StatusOr<LoadedConfig> loaded = LoadConfig({.file = "/nowhere/x.yaml", .sets = {}});
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(std::string(loaded.status().message()),
              StartsWith("/nowhere/x.yaml: cannot read the configuration: No such file"));
  const absl::StatusOr<LoadedConfig> folder = LoadConfig({.file = "/tmp", .sets = {}});
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("Is a directory"));
  EXPECT_TRUE(LoadConfig({.file = "/dev/null", .sets = {}}).ok());
}

struct Wrong {
  std::string text;
  std::string message;
};

class ConfigError : public testing::TestWithParam<Wrong> {};

TEST_P(ConfigError, NamesFileLineAndTheNearestRightName) {
  EXPECT_EQ(Error(GetParam().text), GetParam().message) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    UnknownKeys, ConfigError,
    testing::Values(
        Wrong{"\nport: [25]\n", "F:2: unknown key \"port\"; did you mean \"ports\"?"},
        Wrong{"targets:\n  fold_cas: true\n",
              "F:2: unknown key \"targets.fold_cas\"; did you mean \"targets.fold_case\"?"},
        Wrong{"target:\n  fold_case: true\n",
              "F:1: unknown key \"target\"; did you mean \"targets\"?"},
        Wrong{"fold_case: true\n",
              "F:1: unknown key \"fold_case\"; did you mean \"targets.fold_case\"?"},
        Wrong{"source.capacity: 5\n",
              "F:1: unknown key \"source.capacity\"; did you mean \"sources.capacity\"?"},
        Wrong{"xyzzy: 1\n", "F:1: unknown key \"xyzzy\""},
        Wrong{"\"a\\eb\": 1\n", "F:1: unknown key \"a\\x1bb\""},
        Wrong{"[a]: 1\n", "F:1: a key must be a plain word, not a list"},
        Wrong{"prots: [1]\nsamplin: 2\n",
              "F:1: unknown key \"prots\"; did you mean \"ports\"?\n"
              "F:2: unknown key \"samplin\"; did you mean \"sampling\"?"}));

// yaml-cpp keeps both values and reads the first.
INSTANTIATE_TEST_SUITE_P(
    Duplicates, ConfigError,
    testing::Values(
        Wrong{"ports: [25]\nsource: auto\nports: [26]\n",
              "F:3: \"ports\" stands here a second time; the first is at F:1"},
        Wrong{"targets:\n  fold_case: true\n  fold_case: false\n",
              "F:3: \"targets.fold_case\" stands here a second time; the first is at F:2"},
        Wrong{"targets: {fold_case: true}\ntargets: {fold_detail: true}\n",
              "F:2: \"targets\" stands here a second time; the first is at F:1"}));

INSTANTIATE_TEST_SUITE_P(
    BadValues, ConfigError,
    testing::Values(
        Wrong{"targets: {fold_case: maybe}\n",
              "F:1: targets.fold_case wants true or false, not \"maybe\""},
        Wrong{"targets:\n  capacity: many\n",
              "F:2: targets.capacity wants a whole number from 16 to 100000000, not \"many\""},
        Wrong{"targets: {capacity: 15}\n",
              "F:1: targets.capacity wants a whole number from 16 to 100000000, not \"15\""},
        Wrong{"targets: {capacity: -1}\n",
              "F:1: targets.capacity wants a whole number from 16 to 100000000, not \"-1\""},
        Wrong{"targets: {capacity: 1e6}\n",
              "F:1: targets.capacity wants a whole number from 16 to 100000000, not \"1e6\""},
        Wrong{"ports: [25, 0]\n", "F:1: ports wants a list of ports from 1 to 65535, not \"0\""},
        Wrong{"ports: [65536]\n",
              "F:1: ports wants a list of ports from 1 to 65535, not \"65536\""},
        Wrong{"ports: [[25]]\n",
              "F:1: ports wants a list of ports from 1 to 65535, not a list inside the list"},
        Wrong{"ports: {a: 1}\n", "F:1: ports wants a list of ports from 1 to 65535, not a mapping"},
        Wrong{"ports:\n", "F:1: ports wants a list of ports from 1 to 65535, not nothing"},
        Wrong{"source: tap\n", "F:1: source wants one of auto, bpf, pcap, not \"tap\""},
        Wrong{"source: auto|bpf\n", "F:1: source wants one of auto, bpf, pcap, not \"auto|bpf\""},
        Wrong{"source: [bpf]\n", "F:1: source wants one of auto, bpf, pcap, not a list"},
        Wrong{"sampling: {ratio: 0}\n",
              "F:1: sampling.ratio wants a number from 1e-06 to 1, not \"0\""},
        Wrong{"sampling: {ratio: nan}\n",
              "F:1: sampling.ratio wants a number from 1e-06 to 1, not \"nan\""},
        Wrong{"sent: {window: 8}\n",
              "F:1: sent.window wants a duration such as 90s, 1h30m or 5d from 3600s, not \"8\""},
        Wrong{"sent: {min_history: 5x}\n",
              "F:1: sent.min_history wants a duration such as 90s, 1h30m or 5d, not \"5x\""},
        Wrong{"bpf: {ring_bytes: 1KiB}\n",
              "F:1: bpf.ring_bytes wants a size such as 64KiB from 64KiB to 1GiB, not \"1KiB\""},
        Wrong{"memory: {max: 99999999999GiB}\n",
              "F:1: memory.max wants a size such as 64KiB from 32MiB, not \"99999999999GiB\""},
        Wrong{"local: {networks: [10.0.0.1/8]}\n",
              "F:1: local.networks wants a list of networks such as 192.0.2.0/24 or 2001:db8::/32 "
              "(host bits zero), not \"10.0.0.1/8\""},
        Wrong{"local: {domains: ['a b']}\n",
              "F:1: local.domains wants a list of domains, not \"a b\""},
        Wrong{"ignore: {targets: [probe]}\n",
              "F:1: ignore.targets wants a list of mail addresses such as probe@example.org, not "
              "\"probe\""},
        Wrong{"targets: 5\n", "F:1: \"targets\" is a section with keys of its own, not a value"},
        Wrong{"relays: ['']\n", "F:1: relays wants a list of texts, not \"\""}));

INSTANTIATE_TEST_SUITE_P(
    NoConfiguration, ConfigError,
    testing::Values(Wrong{"just words\n",
                          "F:1: the file must hold keys and values, not a value alone"},
                    Wrong{"- a\n", "F:1: the file must hold keys and values, not a list alone"},
                    Wrong{"ports: [25]\n---\nports: [26]\n",
                          "F: holds several YAML documents (a line \"---\"); one is wanted"}));

TEST(Config, BrokenYamlNamesTheLine) {
  EXPECT_THAT(Error("ports: [25]\ntargets: {\n"), StartsWith("F:"));
  EXPECT_THAT(Error("ports: [25]\ntargets: {\n"), HasSubstr("no valid YAML"));
  EXPECT_THAT(Error("a: *b\n"), HasSubstr("no valid YAML"));
  EXPECT_THAT(Error("\t- x\n\tports: 1"), HasSubstr("no valid YAML"));
  EXPECT_NE(Error(std::string(100'000, '[')), "OK");
  EXPECT_NE(Error(std::string("ports\0: 1", 9)), "OK");
}

TEST(Config, ManyProblemsAreCut) {
  std::string text;
  for (int i = 0; i < 15; ++i) text += "wrong" + std::to_string(i) + "xx: 1\n";
  EXPECT_THAT(Error(text), HasSubstr("\n(and 5 more)"));
}

TEST(Config, BadSetsSayThatTheyCameFromTheCommandLine) {
  EXPECT_EQ(Error("", {"ports"}), "--set: \"ports\" is not KEY=VALUE");
  EXPECT_EQ(Error("", {"=1"}), "--set: \"=1\" is not KEY=VALUE");
  EXPECT_EQ(Error("", {"port=1"}), "--set: unknown key \"port\"; did you mean \"ports\"?");
  EXPECT_EQ(Error("", {"ports=x"}),
            "--set: ports wants a list of ports from 1 to 65535, not \"x\"");
  EXPECT_EQ(Error("", {"ports="}),
            "--set: ports wants a list of ports from 1 to 65535, not nothing");
  EXPECT_EQ(Error("", {"targets=1"}),
            "--set: \"targets\" is a section with keys of its own, not a value");
  EXPECT_THAT(Error("", {"ports=[1"}), StartsWith("--set: \"ports=[1\": no valid YAML"));
}

TEST(Config, AnAliasBombStaysSmall) {
  std::string text = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'z'; ++c) {
    text += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) text += std::string(i > 0 ? "," : "") + "*" + char(c - 1);
    text += "]\n";
  }
  text += "relays: *y\n";
  EXPECT_THAT(Error(text), HasSubstr("unknown key"));
}

TEST(ConfigKeys, NamesAreUniqueAndDefaultsAreRight) {
  std::set<std::string_view> names;
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_FALSE(IsConfigSection(key.name)) << key.name;
    EXPECT_FALSE(key.help.empty()) << key.name;
    EXPECT_FALSE(key.help.ends_with('.')) << key.name;
    EXPECT_EQ(FindConfigKey(key.name), &key);
    // Its own default is taken, from the command line too.
    EXPECT_EQ(Error("", {std::string(key.name) + "=" + std::string(key.default_value)}), "OK");
  }
}

// ARCHITECTURE, "Configuration".
TEST(ConfigKeys, HoldEveryKeyOfTheArchitecture) {
  for (const std::string_view name : {"interfaces",
                                      "source",
                                      "ports",
                                      "sampling.ratio",
                                      "bpf.attach",
                                      "bpf.ring_bytes",
                                      "bpf.stats",
                                      "local.domains",
                                      "local.networks",
                                      "trusted_proxies",
                                      "ignore.networks",
                                      "ignore.targets",
                                      "targets.fold_case",
                                      "targets.fold_detail",
                                      "targets.capacity",
                                      "sources.capacity",
                                      "tls.mode",
                                      "tls.processes",
                                      "bounce.read",
                                      "bounce.capture_bytes",
                                      "bounce.daemon_senders",
                                      "batv.keys",
                                      "srs.domains",
                                      "verp.patterns",
                                      "relays",
                                      "sent.window",
                                      "sent.capacity",
                                      "sent.file",
                                      "sent.min_history",
                                      "sent.min_coverage",
                                      "sent.feed",
                                      "detection.file",
                                      "detection.source_prefix.v4",
                                      "detection.source_prefix.v6",
                                      "detection.joe_job.recipients",
                                      "detection.joe_job.networks",
                                      "detection.joe_job.baseline",
                                      "detection.random_recipients.recipients",
                                      "detection.random_recipients.networks",
                                      "detection.random_recipients.distinct",
                                      "detection.emitter.recipients",
                                      "detection.emitter.targets",
                                      "detection.callout_storm.recipients",
                                      "detection.callout_storm.networks",
                                      "detection.callout_storm.baseline",
                                      "detection.own_emission.transactions",
                                      "detection.bounce_loop.recipients",
                                      "detection.widespread.targets",
                                      "labels.target",
                                      "labels.key_file",
                                      "labels.top_k",
                                      "events.file",
                                      "events.transactions",
                                      "api.transactions",
                                      "memory.max"}) {
    EXPECT_NE(FindConfigKey(name), nullptr) << name;
  }
}

TEST(ConfigValue, DurationsAndSizesHaveUnits) {
  const auto parse = [](std::string_view key, const std::string& text) {
    const auto value = ParseConfigValue(*FindConfigKey(key), RawValue{false, {text}});
    return value.ok() ? std::get<std::uint64_t>(*value) : 0;
  };
  constexpr std::uint64_t kSecond = 1'000'000'000;
  EXPECT_EQ(parse("sent.min_history", "90s"), 90 * kSecond);
  EXPECT_EQ(parse("sent.min_history", "1h30m"), 5400 * kSecond);
  EXPECT_EQ(parse("sent.min_history", "2W"), 14 * 86400 * kSecond);
  EXPECT_EQ(parse("sent.min_history", "99999999999w"), 0u);
  EXPECT_EQ(parse("sent.min_history", "18446744073709551615s"), 0u);
  EXPECT_EQ(parse("memory.max", "64MiB"), 64u << 20);
  EXPECT_EQ(parse("memory.max", "2 gib"), std::uint64_t{2} << 30);
  EXPECT_EQ(parse("memory.max", "64M"), 64u << 20);
  EXPECT_EQ(parse("memory.max", "67108864"), 64u << 20);
  EXPECT_TRUE(ParseConfigValue(*FindConfigKey("sent.min_history"), RawValue{false, {"0s"}}).ok());
}

TEST(NearestName, FindsSlipsOfTheFingersOnly) {
  const std::vector<std::string_view> names = {"ports", "source", "sources", "targets"};
  EXPECT_EQ(NearestName("port", names), "ports");
  EXPECT_EQ(NearestName("PORTS", names), "ports");
  EXPECT_EQ(NearestName("prots", names), "ports");
  EXPECT_EQ(NearestName("sourcess", names), "sources");
  EXPECT_EQ(NearestName("abcde", names), "");
  EXPECT_EQ(NearestName("", names), "");
  EXPECT_EQ(NearestName(std::string(100'000, 'p'), names), "");
}

TEST(EditDistance, CountsASwapOfNeighboursOnce) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("prots", "ports"), 1u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

}  // namespace
}  // namespace backscatter
