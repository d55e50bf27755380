// METRICS.md, from the catalogue.
#include <functional>
#include <utility>
#include <vector>

#include "agent/report/live_snapshot.h"
#include "exporters/metric_catalogue.h"

namespace backscatter {
namespace {

std::string_view KindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "untyped";
}

void AppendRow(std::string_view name, const MetricSpec& spec, std::string_view help,
               std::string_view absent, std::string& out) {
  out.append("| `").append(name).append("` | ").append(KindName(spec.kind)).append(" | ");
  for (std::size_t i = 0; i < spec.label_count(); ++i) {
    out.append(i == 0 ? "`" : ", `").append(spec.labels[i]).append("`");
  }
  out.append(" | ").append(help).append(" | ").append(absent).append(" |\n");
}

std::string Join(std::size_t count, const std::function<std::string_view(std::size_t)>& name) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out.append(i == 0 ? "`" : ", `").append(name(i)).append("`");
  }
  return out;
}

template <typename Enum, std::string_view (*kName)(Enum)>
std::string Names(std::size_t count) {
  return Join(count, [](std::size_t i) { return kName(static_cast<Enum>(i)); });
}

std::vector<std::pair<std::string_view, std::string>> LabelValues() {
  return {
      {"cause", Join(kEmissionCauses.size(), [](std::size_t i) { return kEmissionCauses[i]; })},
      {"confidence", Names<Confidence, ConfidenceName>(kConfidences)},
      {"direction", Names<MailDirection, MailDirectionName>(kMailDirections) +
                        "; unknown where no network is known as ours"},
      {"kind (anomalies)", Names<Anomaly, AnomalyName>(kAnomalyCount)},
      {"kind (floods)", Names<FloodKind, FloodKindName>(kFloodKinds)},
      {"list", "`targets`, `networks`, `domains`"},
      {"network", "`192.0.2.0/24`, `2001:db8::/48`: by `detection.source_prefix`"},
      {"outcome", Names<Outcome, OutcomeName>(kOutcomes)},
      {"reply", Names<RcptReply, RcptReplyName>(kRcptReplies)},
      {"sender", Names<MailSender, MailSenderName>(kMailSenders)},
      {"solicited", "`true`, `false`, `unknown`"},
      {"stage, reason", Names<Loss, LossName>(kLossCount) + "; the stage is before the dot"},
      {"verdict", Names<Verdict, VerdictName>(kVerdicts) + "; normal is not shown"},
      {"visibility", "`plain`, `encrypted`"},
  };
}

}  // namespace

std::string MetricsDocument() {
  std::string out =
      "# Metrics\n\n"
      "What `/metrics` shows, made from exporters/metric_catalogue.cc (`BACKSCATTER_UPDATE=1\n"
      "exporters_test` writes this file).\n\n"
      "- Counts are of what was seen. Where `sampling.ratio` is or was below 1, a sibling\n"
      "  `..._estimated_total` says what they stand for. Distinct numbers stay those of what was "
      "seen; floods are\n  always estimates then.\n"
      "- `domain`: only domains of ours (`local.domains`; without it those for which we accept "
      "mail). For others it\n  is empty, and an empty label is no label.\n"
      "- `target`: by `labels.target` the first 16 hex digits of a keyed hash of the address "
      "(`backscatterd lookup`\n  tells the address), nothing, or the address itself.\n"
      "- Lists of targets, networks and domains have at most `labels.top_k` rows each. What "
      "enters one is told as 0\n"
      "  until a scrape has read that, so that `increase()` sees what it began with, at whatever "
      "interval. Of two\n"
      "  Prometheus servers the one that comes second may miss what came before its own first "
      "look.\n"
      "- A row stays for at least five minutes after its last mail, and for an hour where nobody "
      "wants its place; only\n"
      "  what has become twice as frequent, and ten in ten minutes, takes the place of something "
      "active\n"
      "  (`backscatter_list_evictions_total`). Counts are those since it entered, never estimates "
      "of what was before;\n"
      "  the `other` metric of a list has the rest, but for unknown users "
      "(`backscatter_unknown_user_recipients_total`),\n"
      "  whose rest is in none.\n\n"
      "| Name | Type | Labels | What | No series |\n|---|---|---|---|---|\n";
  for (const MetricSpec& spec : MetricCatalogue()) {
    AppendRow(spec.name, spec, spec.help, spec.absent, out);
    if (!spec.has_estimate) continue;
    AppendRow(EstimateName(spec), spec, EstimateHelp(spec), "all sessions are looked at", out);
  }
  out += "\n## Values of labels\n\n| Label | Values |\n|---|---|\n";
  for (const auto& [label, values] : LabelValues()) {
    out.append("| `").append(label).append("` | ").append(values).append(" |\n");
  }
  return out;
}

}  // namespace backscatter
