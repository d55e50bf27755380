#include "exporters/prometheus_families.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "exporters/metric_catalogue.h"
#include "exporters/metric_labels.h"
#include "exporters/process_facts.h"
#include "prometheus/metric_family.h"

namespace backscatter {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::initializer_list<std::string_view>;

constexpr PacketTime kTellsOfEnd = 5 * kMinute;

MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return MetricType::Counter;
    case MetricKind::kGauge:
      return MetricType::Gauge;
    case MetricKind::kHistogram:
      return MetricType::Histogram;
  }
  return MetricType::Untyped;
}

double Seconds(PacketTime time) { return static_cast<double>(time) / 1e9; }

// One family a metric, in the order of the catalogue, each followed by its estimate.
class Families {
 public:
  explicit Families(bool sampled) : sampled_(sampled), families_(2 * kMetrics) {
    for (const MetricSpec& spec : MetricCatalogue()) {
      MetricFamily& family = Of(spec.id);
      family.name = spec.name;
      family.help = spec.help;
      family.type = TypeOf(spec.kind);
      if (!sampled || !spec.has_estimate) continue;
      MetricFamily& estimate = EstimateOf(spec.id);
      estimate.name = EstimateName(spec);
      estimate.help = EstimateHelp(spec);
      estimate.type = family.type;
    }
  }

  void Add(Metric metric, Labels labels, double value) { Put(Of(metric), metric, labels, value); }
  void Add(Metric metric, Labels labels, std::uint64_t value) {
    Add(metric, labels, static_cast<double>(value));
  }
  template <typename T>
  void Add(Metric metric, Labels labels, const std::optional<T>& value) {
    if (value) Add(metric, labels, *value);
  }
  void Add(Metric metric, Labels labels, const LiveCount& count) {
    Add(metric, labels, count.raw);
    if (sampled_) Put(EstimateOf(metric), metric, labels, count.estimated);
  }
  // What has just entered a list is told as 0.
  void AddIf(bool shown, Metric metric, Labels labels, const LiveCount& count) {
    Add(metric, labels, shown ? count : LiveCount{});
  }
  void AddHistogram(Metric metric, const DelayHistogram& histogram) {
    ClientMetric row;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
      sum += histogram.counts[i];
      const double bound = i < DelayHistogram::kBounds.size()
                               ? DelayHistogram::kBounds[i]
                               : std::numeric_limits<double>::infinity();
      row.histogram.bucket.push_back({.cumulative_count = sum, .upper_bound = bound});
    }
    row.histogram.sample_count = sum;
    row.histogram.sample_sum = histogram.sum;
    Of(metric).metric.push_back(std::move(row));
  }

  // Those that have a series.
  std::vector<MetricFamily> Take() {
    std::erase_if(families_, [](const MetricFamily& family) { return family.metric.empty(); });
    return std::move(families_);
  }

 private:
  MetricFamily& Of(Metric metric) { return families_[2 * static_cast<std::size_t>(metric)]; }
  MetricFamily& EstimateOf(Metric metric) {
    return families_[2 * static_cast<std::size_t>(metric) + 1];
  }
  static void Put(MetricFamily& family, Metric metric, Labels labels, double value) {
    const MetricSpec& spec = SpecOf(metric);
    assert(labels.size() == spec.label_count());
    ClientMetric& row = family.metric.emplace_back();
    row.label.reserve(labels.size());
    std::size_t i = 0;
    for (const std::string_view label : labels) {
      row.label.push_back({std::string(spec.labels[i++]), LabelValue(label)});
    }
    (spec.kind == MetricKind::kCounter ? row.counter.value : row.gauge.value) = value;
  }

  bool sampled_;
  std::vector<MetricFamily> families_;
};

void AddAgent(const LiveSnapshot& snapshot, Families& out) {
  out.Add(Metric::kBuildInfo, {snapshot.version, snapshot.revision}, 1.0);
  for (const std::string& interface : snapshot.run.interfaces) {
    out.Add(Metric::kSourceInfo, {snapshot.run.source, interface}, 1.0);
  }
  out.Add(Metric::kSnapshotTimestamp, {}, Seconds(snapshot.made_at));
  out.Add(Metric::kConfigReloadSuccessful, {}, snapshot.reload_ok ? 1.0 : 0.0);
  out.Add(Metric::kConfigReloadTimestamp, {}, Seconds(snapshot.reloaded_at));
  out.Add(Metric::kSamplingRatio, {}, snapshot.run.sampling);
  out.Add(Metric::kPackets, {snapshot.run.source}, snapshot.packets);
  out.Add(Metric::kPacketBytes, {snapshot.run.source}, snapshot.packet_bytes);
  if (snapshot.run.source == "bpf") {
    out.Add(Metric::kRingBufferBytes, {}, snapshot.ring_buffer_bytes);
  }
  for (const BpfProgramRuns& runs : snapshot.bpf_programs) {
    out.Add(Metric::kBpfRunSeconds, {runs.program}, runs.seconds);
    out.Add(Metric::kBpfRuns, {runs.program}, runs.runs);
  }
  for (std::size_t i = 0; i < kLossCount; ++i) {
    const auto loss = static_cast<Loss>(i);
    const std::string_view name = LossName(loss);
    const std::size_t dot = name.find('.');
    out.Add(Metric::kLosses, {name.substr(0, dot), name.substr(dot + 1)},
            snapshot.ledger.Get(loss));
  }
  for (std::size_t i = 0; i < kAnomalyCount; ++i) {
    const auto anomaly = static_cast<Anomaly>(i);
    out.Add(Metric::kAnomalies, {AnomalyName(anomaly)}, snapshot.ledger.Get(anomaly));
  }
}

// Whether a verdict comes with this answer to "did we cause it?" often enough to be told from 0 on.
bool IsUsual(MailDirection direction, Verdict verdict, std::optional<bool> solicited) {
  if ((direction == MailDirection::kOutbound) != (verdict == Verdict::kEmitted)) return false;
  switch (verdict) {
    case Verdict::kBackscatter:
      return solicited == false;
    case Verdict::kSolicited:
    case Verdict::kDsnSuccess:
      return solicited == true;
    case Verdict::kMdn:
    case Verdict::kAutoreply:
    case Verdict::kChallengeResponse:
      return true;
    case Verdict::kNormal:
      return false;
    case Verdict::kCalloutProbe:
    case Verdict::kNullRejectedRcpt:
    case Verdict::kReport:
    case Verdict::kNullBulk:
    case Verdict::kNullOther:
    case Verdict::kBounceLoop:
    case Verdict::kEmitted:
    case Verdict::kUnknown:
      return !solicited;
  }
  return false;
}

void AddBounces(const LiveVerdicts& verdicts, Families& out) {
  constexpr std::pair<std::optional<bool>, std::string_view> kAnswers[] = {
      {std::nullopt, "unknown"}, {false, "false"}, {true, "true"}};
  for (std::size_t d = 0; d < kMailDirections; ++d) {
    const auto direction = static_cast<MailDirection>(d);
    for (std::size_t v = 0; v < kVerdicts; ++v) {
      const auto verdict = static_cast<Verdict>(v);
      if (verdict == Verdict::kNormal) continue;
      for (const auto& [solicited, answer] : kAnswers) {
        for (std::size_t c = 0; c < kConfidences; ++c) {
          const auto confidence = static_cast<Confidence>(c);
          const LiveCount& count = verdicts.At(direction, verdict, confidence, solicited);
          if (count.raw == 0 && !IsUsual(direction, verdict, solicited)) continue;
          out.Add(Metric::kBounces,
                  {MailDirectionName(direction), VerdictName(verdict), answer,
                   ConfidenceName(confidence)},
                  count);
        }
      }
    }
  }
}

void AddTotals(const LiveSnapshot& snapshot, Families& out) {
  const LiveTotals& totals = snapshot.totals;
  for (std::size_t d = 0; d < kMailDirections; ++d) {
    const std::string_view direction = MailDirectionName(static_cast<MailDirection>(d));
    out.Add(Metric::kSessions, {direction, "plain"}, totals.sessions[d][0]);
    out.Add(Metric::kSessions, {direction, "encrypted"}, totals.sessions[d][1]);
    out.Add(Metric::kSessionsOneSided, {direction}, totals.one_sided[d]);
    out.Add(Metric::kSessionsMidStream, {direction}, totals.mid_stream[d]);
    out.Add(Metric::kSessionsWithGaps, {direction}, totals.with_gaps[d]);
    for (std::size_t s = 0; s < kMailSenders; ++s) {
      for (std::size_t o = 0; o < kOutcomes; ++o) {
        out.Add(Metric::kTransactions,
                {direction, MailSenderName(static_cast<MailSender>(s)),
                 OutcomeName(static_cast<Outcome>(o))},
                totals.transactions[d][s][o]);
      }
    }
    out.Add(Metric::kTransactionRetries, {direction}, totals.retries[d]);
  }
  out.Add(Metric::kSessionsOpen, {}, snapshot.open_sessions);
  AddBounces(totals.verdicts, out);
  for (const LiveEmission& emission : snapshot.emissions) {
    out.Add(Metric::kEmittedBounces, {emission.cause}, emission.transactions);
  }
}

void AddLists(const LiveSnapshot& snapshot, Families& out) {
  const LiveTotals& totals = snapshot.totals;
  for (const LiveDomain& domain : snapshot.domains) {
    for (std::size_t r = 0; r < kRcptReplies; ++r) {
      out.AddIf(domain.shown, Metric::kNullSenderRecipients,
                {domain.domain, RcptReplyName(static_cast<RcptReply>(r))}, domain.replies[r]);
    }
    out.AddIf(domain.shown, Metric::kUnknownUserRecipients, {domain.domain}, domain.unknown_users);
    out.Add(Metric::kDomainSources, {domain.domain}, std::round(domain.sources));
    out.Add(Metric::kDomainNetworks, {domain.domain}, std::round(domain.networks));
  }
  for (std::size_t r = 0; r < kRcptReplies; ++r) {
    out.Add(Metric::kOtherNullSenderRecipients, {RcptReplyName(static_cast<RcptReply>(r))},
            totals.other_recipients[r]);
  }
  for (const LiveTarget& target : snapshot.targets) {
    if (target.label.target.empty()) continue;
    const Labels labels = {target.label.domain, target.label.target};
    out.AddIf(target.shown, Metric::kTargetRecipients, labels, target.recipients);
    out.Add(Metric::kTargetSources, labels, std::round(target.sources));
    out.Add(Metric::kTargetNetworks, labels, std::round(target.networks));
  }
  for (const LiveNetwork& network : snapshot.networks) {
    out.AddIf(network.shown, Metric::kSourceRecipients, {network.network}, network.recipients);
  }
  out.Add(Metric::kOtherTargetRecipients, {}, totals.other_targets);
  out.Add(Metric::kOtherSourceRecipients, {}, totals.other_networks);
  out.Add(Metric::kListEvictions, {"targets"}, totals.evicted_targets);
  out.Add(Metric::kListEvictions, {"networks"}, totals.evicted_networks);
  out.Add(Metric::kListEvictions, {"domains"}, totals.evicted_domains);
}

// Floods that have one name outside: emitters, and with labels.target: domain those on targets of
// one domain.
struct NamedFloods {
  std::uint64_t active = 0;
  std::optional<PacketTime> start = std::nullopt;  // of the first
  double recipients = 0;
  double sources = 0;
  double networks = 0;
  double peak = 0;
  Confidence confidence = Confidence::kWeak;  // the best

  void Take(const Flood& flood) {
    start = std::min(start.value_or(flood.start), flood.start);
    recipients += flood.estimated_recipients;
    sources += flood.sources;
    networks += flood.networks;
    peak = std::max(peak, flood.peak_per_minute);
    confidence = std::min(confidence, flood.confidence);
    if (!flood.end) ++active;
  }
};

void AddFloods(const LiveSnapshot& snapshot, Families& out) {
  for (std::size_t i = 0; i < kFloodKinds; ++i) {
    out.Add(Metric::kFloods, {FloodKindName(static_cast<FloodKind>(i))}, snapshot.floods_raised[i]);
  }
  std::map<std::pair<FloodKind, TargetLabel>, NamedFloods> named;
  for (std::size_t i = 0; i < snapshot.floods.size(); ++i) {
    const Flood& flood = snapshot.floods[i];
    if (flood.end && TimeBetween(*flood.end, snapshot.packet_time) > kTellsOfEnd) continue;
    NamedFloods& one = named[{flood.kind, snapshot.flood_labels[i]}];
    if (flood.end && one.active > 0) continue;
    if (one.active == 0) one = {};  // what is on, else the latest that ended
    one.Take(flood);
  }
  for (const auto& [name, floods] : named) {
    const Labels labels = {FloodKindName(name.first), name.second.domain, name.second.target};
    out.Add(Metric::kFloodActive, labels, floods.active);
    out.Add(Metric::kFloodStart, labels, Seconds(*floods.start));
    out.Add(Metric::kFloodRecipients, labels, floods.recipients);
    out.Add(Metric::kFloodSources, labels, std::round(floods.sources));
    out.Add(Metric::kFloodNetworks, labels, std::round(floods.networks));
    out.Add(Metric::kFloodPeak, labels, floods.peak);
    out.Add(Metric::kFloodConfidence, labels,
            3.0 - static_cast<double>(static_cast<int>(floods.confidence)));
  }
  out.AddHistogram(Metric::kDetectionDelay, snapshot.detection_delay);
}

void AddSent(const LiveSnapshot& snapshot, Families& out) {
  out.Add(Metric::kSentCoverage, {}, snapshot.sent_coverage);
  out.Add(Metric::kSentEntries, {}, snapshot.sent_entries);
  if (!snapshot.sent_since) return;
  const PacketTime history = TimeBetween(*snapshot.sent_since, snapshot.packet_time);
  out.Add(Metric::kSentHistory, {}, Seconds(std::max<PacketTime>(history, 0)));
}

void AddProcess(Families& out) {
  const ProcessFacts facts = ReadProcessFacts();
  out.Add(Metric::kProcessCpu, {}, facts.cpu_seconds);
  out.Add(Metric::kProcessResident, {}, facts.resident_bytes);
  out.Add(Metric::kProcessVirtual, {}, facts.virtual_bytes);
  out.Add(Metric::kProcessOpenFds, {}, facts.open_fds);
  out.Add(Metric::kProcessMaxFds, {}, facts.max_fds);
  out.Add(Metric::kProcessStart, {}, facts.start_seconds);
}

}  // namespace

std::vector<MetricFamily> MetricFamilies(const LiveSnapshot& snapshot) {
  Families families(snapshot.sampled());
  AddAgent(snapshot, families);
  AddTotals(snapshot, families);
  AddLists(snapshot, families);
  AddFloods(snapshot, families);
  AddSent(snapshot, families);
  AddProcess(families);
  return families.Take();
}

}  // namespace backscatter
