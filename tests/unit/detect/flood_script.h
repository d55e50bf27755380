// A gateway in short: what is told to the detector of floods, and what it tells.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "agent/base/ledger.h"
#include "agent/detect/flood_detector.h"
#include "agent/detect/flood_state.h"
#include "tests/support/make_transaction.h"

namespace backscatter {

inline constexpr PacketTime kMonday = 20'780 * kDay;
inline constexpr PacketTime kStart = kMonday + 9 * kHour;

inline constexpr Judgement kBackscatter = {.verdict = Verdict::kBackscatter,
                                           .solicited = false,
                                           .confidence = Confidence::kMedium,
                                           .reason = "not_sent"};
inline constexpr Judgement kSolicited = {.verdict = Verdict::kSolicited,
                                         .solicited = true,
                                         .confidence = Confidence::kStrong,
                                         .reason = "message_id_sent"};
inline constexpr Judgement kUnknown = {.verdict = Verdict::kUnknown, .reason = "coverage"};
inline constexpr Judgement kCallout = {
    .verdict = Verdict::kCalloutProbe, .confidence = Confidence::kStrong, .reason = "no_data"};
inline constexpr Judgement kRefused = {
    .verdict = Verdict::kNullRejectedRcpt, .confidence = Confidence::kWeak, .reason = "refused"};
inline constexpr Judgement kLoop = {
    .verdict = Verdict::kBounceLoop, .confidence = Confidence::kStrong, .reason = "loop"};
inline constexpr Judgement kEmitted = {.verdict = Verdict::kEmitted,
                                       .confidence = Confidence::kStrong,
                                       .reason = "accept_then_bounce"};

// An address of the network number `network`, one /24 each.
inline std::string From(int network, int host = 7) {
  return "10." + std::to_string(network / 256) + "." + std::to_string(network % 256) + "." +
         std::to_string(host);
}

class Watched : public testing::Test, public FloodListener {
 protected:
  Watched() { Use({}); }

  void Use(FloodOptions options) {
    options.hash_key = backscatter::KeyOf(1);
    options_ = options;
    ledger_ = Ledger();
    raised_.clear();
    cleared_.clear();
    detector_ = std::make_unique<FloodDetector>(options, &ledger_);
    detector_->SetListener(this);
  }

  std::string Written() const {
    std::string bytes;
    EXPECT_TRUE(WriteFloodState(detector_->state(), [&](std::string_view piece) {
      bytes += piece;
      return true;
    }));
    return bytes;
  }
  absl::StatusOr<FloodState> Read(std::string_view bytes) const {
    return ReadFloodState(
        [&](char* to, std::size_t size) {
          size = std::min(size, bytes.size());
          std::copy_n(bytes.begin(), size, to);
          bytes.remove_prefix(size);
          return size;
        },
        options_);
  }
  // Another run, with another key of its own, from what this one wrote.
  void Restart() {
    const std::string bytes = Written();
    ++restarts_;
    options_.hash_key = backscatter::KeyOf(1 + restarts_);
    absl::StatusOr<FloodState> kept = Read(bytes);
    ASSERT_TRUE(kept.ok()) << kept.status();
    detector_ = std::make_unique<FloodDetector>(options_, &ledger_, *std::move(kept));
    detector_->SetListener(this);
  }

  void OnRaised(const Flood& flood) override { raised_.push_back(flood); }
  void OnUpdated(const Flood& /*flood*/) override { ++updates_; }
  void OnCleared(const Flood& flood) override { cleared_.push_back(flood); }

  void Tell(PacketTime at, std::string_view target, std::string_view source,
            const Judgement& judgement, bool unknown_user = false,
            std::string_view message_id = {}) {
    Transaction transaction = BounceTo(target, source, unknown_user ? 550 : 250, at);
    transaction.recipients[0].unknown_user = unknown_user;
    transaction.weight = weight_;
    MessageFacts facts;
    if (!message_id.empty()) facts.original_message_ids.emplace_back(message_id);
    transaction.facts = &facts;
    detector_->OnTransaction({transaction, MailDirection::kInbound, judgement});
  }
  // `count` of them, evenly spread over `time`, from `networks` networks in turn.
  void Burst(PacketTime at, PacketTime time, int count, int networks, std::string_view target,
             const Judgement& judgement) {
    for (int i = 0; i < count; ++i) {
      Tell(at + time / count * i, target, From(i % networks), judgement);
    }
  }
  void Emit(PacketTime at, const Judgement& judgement) {
    Transaction transaction = BounceTo("joe@far.example", "192.0.2.25", 250, at);
    transaction.server.address = Ip("198.51.100.9");
    detector_->OnTransaction({transaction, MailDirection::kOutbound, judgement});
  }
  std::vector<std::string> Kinds() const {
    std::vector<std::string> kinds;
    for (const Flood& flood : raised_) kinds.emplace_back(FloodKindName(flood.kind));
    return kinds;
  }

  std::ptrdiff_t CountOf(std::string_view kind) const {
    const std::vector<std::string> kinds = Kinds();
    return std::count(kinds.begin(), kinds.end(), kind);
  }

  FloodOptions options_;
  std::uint64_t restarts_ = 0;
  Ledger ledger_;
  std::unique_ptr<FloodDetector> detector_;
  std::vector<Flood> raised_;
  std::vector<Flood> cleared_;
  int updates_ = 0;
  double weight_ = 1;
};

}  // namespace backscatter
