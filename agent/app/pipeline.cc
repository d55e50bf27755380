#include "agent/app/pipeline.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/app/room_options.h"
#include "agent/report/sent_summary.h"
#include "exporters/transaction_json.h"

namespace backscatter {

// Counts each transaction, and writes it where that is wanted.
class Pipeline::TransactionFan final : public JudgedTransactionSink {
 public:
  TransactionFan(Tally* tally, FloodDetector* floods, JudgedTransactionSink* live,
                 OutputFile* lines, const Config& config, void (*on_reader_gone)())
      : ignored_(MakeIgnoredMail(config)),
        tally_(*tally),
        floods_(*floods),
        live_(live),
        lines_(lines),
        json_(config.targets),
        on_reader_gone_(on_reader_gone) {}

  void OnTransaction(const JudgedTransaction& judged) override {
    if (ignored_.Covers(judged.transaction)) return tally_.CountIgnored(judged.transaction);
    tally_.OnTransaction(judged);
    floods_.OnTransaction(judged);
    if (live_ != nullptr) live_->OnTransaction(judged);
    if (lines_ == nullptr) return;
    json_.Append(judged, lines_->buffer());
    // Whoever watches a slow pipe sees each line at once; a fast one costs ten writes a second.
    const Clock::time_point now = Clock::now();
    if (now - flushed_ >= kFlushInterval) {
      lines_->Flush();
      flushed_ = now;
    }
    lines_->FlushIfFull();
    if (lines_->reader_gone() && on_reader_gone_ != nullptr) {
      std::exchange(on_reader_gone_, nullptr)();
    }
  }
  void OnSession(const SessionSummary& session) override {
    tally_.OnSession(session);
    if (live_ != nullptr) live_->OnSession(session);
  }

  void Reconfigure(const Config& config) {
    ignored_ = MakeIgnoredMail(config);
    json_ = TransactionJson(config.targets);
  }
  void Flush() {
    if (lines_ != nullptr && !lines_->buffer().empty()) lines_->Flush();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kFlushInterval{100};

  IgnoredMail ignored_;
  Tally& tally_;
  FloodDetector& floods_;
  JudgedTransactionSink* live_;
  OutputFile* lines_;
  TransactionJson json_;
  void (*on_reader_gone_)();
  Clock::time_point flushed_;
};

// Learns what the feed says of the time before each transaction.
class Pipeline::FeedAhead final : public TransactionSink {
 public:
  explicit FeedAhead(TransactionSink* next) : next_(*next) {}
  void SetFeed(FeedFile* feed) { feed_ = feed; }

  void OnTransaction(const Transaction& transaction) override {
    if (feed_ != nullptr) feed_->AdvanceTo(transaction.start);
    next_.OnTransaction(transaction);
  }
  void Foretell(const Transaction& transaction) override { next_.Foretell(transaction); }
  void OnSession(const SessionSummary& session) override { next_.OnSession(session); }

 private:
  FeedFile* feed_ = nullptr;
  TransactionSink& next_;
};

Pipeline::Pipeline(Options options, std::unique_ptr<KeptLedger> sent,
                   std::unique_ptr<KeptFloods> floods)
    : hash_key_(options.hash_key),
      sampling_key_(options.sampling_key),
      source_samples_(options.source_samples),
      lines_(options.lines),
      sent_(std::move(sent)),
      dropped_before_(sent_->state().ledger.dropped()),
      tally_(MakeTallyOptions(options.config, hash_key_), &ledger_),
      kept_floods_(std::move(floods)),
      floods_(MakeFloodOptions(options.config, hash_key_), &ledger_,
              kept_floods_ != nullptr ? kept_floods_->Take()
                                      : FloodState(MakeFloodOptions(options.config, hash_key_))),
      fan_(std::make_unique<TransactionFan>(&tally_, &floods_, options.live, options.lines,
                                            options.config, options.on_reader_gone)),
      judge_(JudgeOptionsOf(options.config, std::move(options.batv_keys)), &sent_->state().ledger,
             &sent_->state().coverage, fan_.get()),
      feed_ahead_(std::make_unique<FeedAhead>(&judge_)),
      readers_(MakeReadersOptions(options.config)),
      engine_(EngineOptionsOf(options.config), &ledger_, feed_ahead_.get(), &readers_) {
  judge_.SetFloods(&floods_);
  floods_.SetListener(options.flood_listener);
}

Pipeline::~Pipeline() = default;

EngineOptions Pipeline::EngineOptionsOf(const Config& config) const {
  EngineOptions options = MakeEngineOptions(config, hash_key_);
  options.tcp.sampling_key = sampling_key_;
  if (source_samples_) options.tcp.sampling_ratio = 1;
  return options;
}

// Of what was sent while less was looked at, less is known, also when all is looked at again.
JudgeOptions Pipeline::JudgeOptionsOf(Config config, BatvKeys batv_keys) {
  least_ratio_ = std::min(least_ratio_, config.sampling_ratio);
  config.sampling_ratio = least_ratio_;
  return MakeJudgeOptions(config, std::move(batv_keys), hash_key_);
}

void Pipeline::SetFeed(std::unique_ptr<FeedFile> feed) {
  feed_ = std::move(feed);
  feed_ahead_->SetFeed(feed_.get());
}

void Pipeline::Flush() {
  engine_.Flush();
  fan_->Flush();
}

void Pipeline::AdvanceTo(PacketTime now) {
  engine_.AdvanceTo(now);
  sent_->state().ledger.AdvanceTo(now);
  sent_->state().coverage.AdvanceTo(now);
  floods_.AdvanceTo(now);
  fan_->Flush();
}

void Pipeline::SetBack(PacketTime now) {
  latest_ = now;
  floods_.SetBack(now);
}

void Pipeline::Reconfigure(Config config, BatvKeys batv_keys) {
  engine_.Reconfigure(EngineOptionsOf(config));
  readers_.Reconfigure(MakeReadersOptions(config));
  judge_.Reconfigure(JudgeOptionsOf(config, std::move(batv_keys)).evidence);
  tally_.SetTarget(config.targets);
  floods_.Reconfigure(MakeFloodOptions(config, hash_key_));
  fan_->Reconfigure(config);
}

void Pipeline::Finish() {
  engine_.Finish();
  floods_.AdvanceTo(latest_);
}

absl::Status Pipeline::SaveFloods() {
  return kept_floods_ != nullptr ? kept_floods_->Save(floods_.state()) : absl::OkStatus();
}

Ledger Pipeline::Losses() const {
  Ledger losses = ledger_;
  losses.Add(Loss::kSentKeysDropped, sent_->state().ledger.dropped() - dropped_before_);
  losses.Add(Loss::kMailMessagesNotRead, readers_.refused());
  losses.Add(Loss::kDetectForgotten, judge_.forgotten());
  losses.Add(Loss::kDetectWindowsGivenUp, floods_.windows_given_up());
  losses.Add(Loss::kDetectSketchesRefused, floods_.sketches_refused());
  if (lines_ != nullptr) losses.Add(Loss::kOutputTransactions, lines_->lost_lines());
  return losses;
}

std::uint64_t Pipeline::MemoryBytes() {
  const SentState& sent = sent_->state();
  return engine_.MemoryBytes() + tally_.MemoryBytes() + floods_.MemoryBytes() +
         judge_.MemoryBytes() + sent.ledger.MemoryBytes() + sent.coverage.MemoryBytes() +
         readers_.open() * MessageReaders::kMostBytesEach;
}

Report Pipeline::Snapshot(RunInfo run, std::vector<CaptureInfo> captures, std::size_t top) {
  Report report;
  report.run = std::move(run);
  report.run.sampling = least_ratio_;
  report.captures = std::move(captures);
  tally_.FillReport(top, report);
  report.floods = floods_.Floods();
  report.ledger = Losses();  // after what waited was counted
  const SentState& sent = sent_->state();
  report.sent = SummarizeSent(sent.ledger, sent.coverage, report.run.end, top);
  return report;
}

}  // namespace backscatter
