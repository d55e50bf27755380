// What a running agent shows of itself at one moment: all of /metrics and of the API's status.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/ledger.h"
#include "agent/base/packet_time.h"
#include "agent/detect/flood.h"
#include "agent/detect/verdict.h"
#include "agent/mail/direction.h"
#include "agent/report/report.h"

namespace backscatter {

// How many, and how many that stands for where only a share of the sessions is looked at.
struct LiveCount {
  std::uint64_t raw = 0;
  double estimated = 0;

  void Add(double weight, std::uint64_t n = 1) {
    raw += n;
    estimated += weight * static_cast<double>(n);
  }
  friend LiveCount operator-(const LiveCount& a, const LiveCount& b) {
    return {a.raw - b.raw, a.estimated - b.estimated};
  }
  friend bool operator==(const LiveCount&, const LiveCount&) = default;
};

// What the server said to a RCPT; kUnknown: nothing that was seen.
enum class RcptReply : std::uint8_t { kAccepted, kDeferred, kRefused, kUnknown };
inline constexpr std::size_t kRcptReplies = 4;
enum class MailSender : std::uint8_t { kNull, kOther };
inline constexpr std::size_t kMailSenders = 2;
inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::kUnfinished) + 1;
std::string_view RcptReplyName(RcptReply reply);
std::string_view MailSenderName(MailSender sender);
std::string_view OutcomeName(Outcome outcome);

using ReplyCounts = std::array<LiveCount, kRcptReplies>;  // by RcptReply

// Of the last minute, ten minutes, hour and day, as sums of weights; the oldest part of each (a
// sixth to a twenty-fourth) may be missing.
struct LiveWindows {
  double minute = 0;
  double ten_minutes = 0;
  double hour = 0;
  double day = 0;
};

// How an address is named outside, by labels.target; `domain` is empty where it is not ours.
struct TargetLabel {
  std::string domain = {};
  std::string target = {};
  friend auto operator<=>(const TargetLabel&, const TargetLabel&) = default;
};

// A row of one of the lists of the most frequent. Null-sender RCPTs since it entered the list.
// `shown`: /metrics may say its counts. A row that has just entered is told as 0 until a scrape has
// seen that, or what it began with would be no increase to anybody.
struct LiveTarget {
  std::string address = {};  // canonical
  TargetLabel label = {};    // filled in by whoever publishes
  bool shown = false;
  LiveCount recipients = {};
  LiveWindows windows = {};
  // Different addresses within the hour; an estimate (kSketchErrorBound) where there were more than
  // kExactThings within five minutes.
  double sources = 0;
  double networks = 0;  // the same
  PacketTime last = 0;
};
struct LiveNetwork {
  std::string network = {};  // "192.0.2.0/24"
  bool shown = false;
  LiveCount recipients = {};
  LiveWindows windows = {};
  PacketTime last = 0;
};
struct LiveDomain {
  std::string domain = {};  // one of ours
  bool shown = false;
  ReplyCounts replies = {};
  LiveCount unknown_users = {};  // refused since there is no such user
  LiveWindows windows = {};
  double sources = 0;
  double networks = 0;
  PacketTime last = 0;
};

// The verdicts of what is no retry, by all that metrics tell apart.
inline constexpr std::size_t kSolicitedAnswers = 3;  // not known, no, yes
inline constexpr std::size_t kConfidences = 3;
class LiveVerdicts {
 public:
  LiveCount& At(MailDirection direction, Verdict verdict, Confidence confidence,
                std::optional<bool> solicited) {
    return counts_[Index(direction, verdict, confidence, solicited)];
  }
  const LiveCount& At(MailDirection direction, Verdict verdict, Confidence confidence,
                      std::optional<bool> solicited) const {
    return counts_[Index(direction, verdict, confidence, solicited)];
  }

 private:
  static std::size_t Index(MailDirection direction, Verdict verdict, Confidence confidence,
                           std::optional<bool> solicited) {
    const std::size_t answer = !solicited ? 0 : *solicited ? 2 : 1;
    std::size_t index = static_cast<std::size_t>(direction);
    index = index * kVerdicts + static_cast<std::size_t>(verdict);
    index = index * kConfidences + static_cast<std::size_t>(confidence);
    return index * kSolicitedAnswers + answer;
  }
  std::array<LiveCount, kMailDirections * kVerdicts * kConfidences * kSolicitedAnswers> counts_{};
};

// By direction, but for what has none.
struct LiveTotals {
  template <typename T>
  using ByDirection = std::array<T, kMailDirections>;

  ByDirection<std::array<LiveCount, 2>> sessions = {};  // plain, encrypted
  ByDirection<LiveCount> one_sided = {};                // of these, as are the next two
  ByDirection<LiveCount> mid_stream = {};
  ByDirection<LiveCount> with_gaps = {};
  ByDirection<std::array<std::array<LiveCount, kOutcomes>, kMailSenders>> transactions = {};
  ByDirection<LiveCount> retries = {};
  LiveVerdicts verdicts = {};
  // Null-sender RCPTs that we got: to whom is in the lists, or here.
  ReplyCounts other_recipients = {};  // to domains that are not ours, or not in the list
  LiveCount other_targets = {};       // to targets that are not in the list
  LiveCount other_networks = {};      // from networks that are not in the list
  // Rows that made room for busier ones while they were active.
  std::uint64_t evicted_targets = 0;
  std::uint64_t evicted_networks = 0;
  std::uint64_t evicted_domains = 0;
};

// Every reason that the verdict `emitted` has (agent/detect/emission.h).
inline constexpr std::array<std::string_view, 9> kEmissionCauses = {
    "accept_then_bounce", "forward", "own_user", "autoreply", "callout",
    "dsn_success",        "mdn",     "report",   "unknown"};
// What we sent with a null sender.
struct LiveEmission {
  std::string cause = {};
  LiveCount transactions = {};
};

// From the RCPT that made a flood to the snapshot that tells of it, in seconds.
struct DelayHistogram {
  static constexpr std::array<double, 10> kBounds = {0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
  std::array<std::uint64_t, kBounds.size() + 1> counts = {};  // each up to its bound; the rest last
  double sum = 0;

  void Observe(double seconds);
};

struct BpfProgramRuns {
  std::string program = {};
  double seconds = 0;
  std::uint64_t runs = 0;
};

// Immutable once published.
struct LiveSnapshot {
  std::uint64_t number = 0;    // of this run, from 1
  PacketTime made_at = 0;      // wall clock
  PacketTime packet_time = 0;  // up to where packets are counted
  std::string version = {};
  std::string revision = {};  // empty: not known

  RunInfo run = {};
  bool weighted = false;  // estimates differ from counts, or did
  std::uint64_t packets = 0;
  std::uint64_t packet_bytes = 0;
  std::uint64_t ring_buffer_bytes = 0;
  std::vector<BpfProgramRuns> bpf_programs = {};  // only with bpf.stats
  Ledger ledger = {};
  std::uint64_t open_sessions = 0;

  LiveTotals totals = {};
  LiveWindows recipients = {};               // all null-sender RCPTs that we got
  std::vector<LiveTarget> targets = {};      // each list: the most frequent of the last hour first
  std::vector<LiveNetwork> networks = {};    // of sources
  std::vector<LiveDomain> domains = {};      // of ours
  std::vector<LiveEmission> emissions = {};  // every cause there is

  std::vector<Flood> floods = {};  // those that are on, and the latest that ended; by start
  std::vector<TargetLabel> flood_labels = {};  // of each of them
  std::array<std::uint64_t, kFloodKinds> floods_raised = {};
  DelayHistogram detection_delay = {};

  // nullopt: no outbound session was seen, or it does not matter since a feed tells what we send.
  std::optional<double> sent_coverage = std::nullopt;
  std::uint64_t sent_entries = 0;
  std::optional<PacketTime> sent_since = std::nullopt;

  bool reload_ok = true;
  PacketTime reloaded_at = 0;  // the last time that it worked; wall clock

  bool sampled() const { return run.sampling != 1.0 || weighted; }
};

}  // namespace backscatter
