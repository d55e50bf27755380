// Every metric there is: its name, labels and help, in one place. METRICS.md is made from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace backscatter {

enum class Metric : std::uint8_t {
  kBuildInfo,
  kSourceInfo,
  kSnapshotTimestamp,
  kConfigReloadSuccessful,
  kConfigReloadTimestamp,
  kSamplingRatio,
  kPackets,
  kPacketBytes,
  kRingBufferBytes,
  kBpfRunSeconds,
  kBpfRuns,
  kLosses,
  kAnomalies,
  kSessions,
  kSessionsOneSided,
  kSessionsMidStream,
  kSessionsWithGaps,
  kSessionsOpen,
  kTransactions,
  kTransactionRetries,
  kBounces,
  kNullSenderRecipients,
  kOtherNullSenderRecipients,
  kUnknownUserRecipients,
  kDomainSources,
  kDomainNetworks,
  kTargetRecipients,
  kOtherTargetRecipients,
  kTargetSources,
  kTargetNetworks,
  kSourceRecipients,
  kOtherSourceRecipients,
  kListEvictions,
  kFloodActive,
  kFloodStart,
  kFloodRecipients,
  kFloodSources,
  kFloodNetworks,
  kFloodPeak,
  kFloodConfidence,
  kFloods,
  kDetectionDelay,
  kEmittedBounces,
  kSentCoverage,
  kSentEntries,
  kSentHistory,
  kProcessCpu,
  kProcessResident,
  kProcessVirtual,
  kProcessOpenFds,
  kProcessMaxFds,
  kProcessStart,
};
inline constexpr std::size_t kMetrics = static_cast<std::size_t>(Metric::kProcessStart) + 1;

enum class MetricKind : std::uint8_t { kCounter, kGauge, kHistogram };

struct MetricSpec {
  Metric id;
  std::string_view name;
  MetricKind kind;
  std::array<std::string_view, 4> labels;  // empty ones at the end
  std::string_view help;                   // one line: prometheus-cpp does not escape it
  std::string_view absent;                 // when it has no series; empty: never
  // Beside it stands, where sampling is or was below 1, what the counts stand for: the same name
  // with `_estimated_total`.
  bool has_estimate = false;

  std::size_t label_count() const;
};

// In the order of Metric.
std::span<const MetricSpec, kMetrics> MetricCatalogue();
const MetricSpec& SpecOf(Metric metric);

// Of the sibling: "backscatter_sessions_total" has "backscatter_sessions_estimated_total".
std::string EstimateName(const MetricSpec& spec);
std::string EstimateHelp(const MetricSpec& spec);

// All of METRICS.md.
std::string MetricsDocument();

}  // namespace backscatter
