#include "tests/bench/verdict_replay.h"

#include <sys/resource.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/app/engine.h"
#include "agent/app/room_options.h"
#include "agent/detect/judge.h"
#include "agent/mail/message_readers.h"
#include "agent/mail/sent_format.h"
#include "agent/report/report.h"
#include "agent/report/tally.h"
#include "agent/source/merged_source.h"
#include "exporters/report_json.h"
#include "tests/bench/captures.h"
#include "tests/support/addresses.h"

namespace backscatter::bench {
namespace {

constexpr PacketTime kCaptureStart = 1'790'000'000 * kSecond;  // of every generated capture
constexpr PacketTime kHistory = PacketTime{7} * 86'400 * kSecond;
constexpr std::uint32_t kSenders = 50'000;  // as many as the captures have targets

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Seven days of mail, until there is room for no further key: each mail has a Message-ID, a pair,
// an ENVID and a queue id of its own, and one of kSenders senders.
void Fill(std::uint64_t mails, SentState& state) {
  const std::uint64_t capacity = state.ledger.set().capacity();
  for (std::uint64_t i = 0; state.ledger.entries() < capacity && state.ledger.dropped() == 0; ++i) {
    const std::string number = std::to_string(i);
    const auto sender = static_cast<std::uint32_t>(i % kSenders);
    const auto age = static_cast<PacketTime>(kHistory / static_cast<PacketTime>(mails)) *
                     static_cast<PacketTime>(i % mails);
    state.ledger.Add({.at = kCaptureStart - kHistory + age,
                      .message_id = support::SentMessageId(static_cast<std::uint32_t>(i)),
                      .sender = support::TargetAddress(sender),
                      .recipient = "r" + number + "@elsewhere.test",
                      .envelope_id = "E" + number,
                      .queue_id = "Q" + number,
                      .host = "out.v.test"});
  }
  const IpAddress client = support::ServerAddress(false, 0);
  for (int i = 0; i < 1'000; ++i) state.coverage.OnSession(client, true, kCaptureStart);
}

// Without verdicts: each transaction goes on as it is.
class Unjudged final : public TransactionSink {
 public:
  Unjudged(LocalNetworks local, JudgedTransactionSink* next)
      : local_(std::move(local)), next_(*next) {}
  void OnTransaction(const Transaction& transaction) override {
    next_.OnTransaction({transaction, local_.DirectionOf(transaction), judgement_});
  }
  void OnSession(const SessionSummary& session) override { next_.OnSession(session); }

 private:
  const LocalNetworks local_;
  const Judgement judgement_;
  JudgedTransactionSink& next_;
};

class TallySink final : public JudgedTransactionSink {
 public:
  explicit TallySink(Tally* tally) : tally_(*tally) {}
  void OnTransaction(const JudgedTransaction& judged) override { tally_.OnTransaction(judged); }
  void OnSession(const SessionSummary& session) override { tally_.OnSession(session); }

 private:
  Tally& tally_;
};

// What a source hands out, into the engine and the ledger of losses.
class EngineFeed final : public PacketSink {
 public:
  EngineFeed(Engine* engine, Ledger* ledger) : engine_(*engine), ledger_(*ledger) {}
  void OnPacket(const Packet& packet) override { engine_.OnPacket(packet); }
  void OnLoss(Loss loss, std::uint64_t count) override { ledger_.Add(loss, count); }

 private:
  Engine& engine_;
  Ledger& ledger_;
};

Config MakeConfig(std::uint64_t sent_mails) {
  ConfigSources sources{.file = "/dev/null",
                        .sets = {"local.networks=[192.0.2.0/24, '2001:db8:25::/48']"}};
  if (sent_mails > 0) sources.sets.push_back("sent.capacity=" + std::to_string(sent_mails));
  absl::StatusOr<LoadedConfig> loaded = LoadConfig(sources);
  if (!loaded.ok()) Die(std::string(loaded.status().message()));
  return std::move(loaded->config);
}

void ReadAll(const std::string& capture, Engine& engine, Ledger& ledger) {
  EngineFeed feed(&engine, &ledger);
  MergedSource source({capture}, {});
  if (!source.Start().ok()) Die("cannot read " + capture);
  while (true) {
    const absl::StatusOr<PollResult> result = source.Poll(feed, 0);
    if (!result.ok()) Die("cannot read " + capture);
    if (*result == PollResult::kEnded) break;
  }
  engine.Finish();
  for (const CaptureResult& result : source.Results()) {
    if (!result.error.empty()) Die(result.error);
  }
}

std::size_t WriteReport(const Report& report) {
  std::size_t bytes = 0;
  const absl::Status status = WriteReportJson(report, [&](std::string_view piece) {
    bytes += piece.size();
    return absl::OkStatus();
  });
  if (!status.ok()) Die("cannot write the report");
  return bytes;
}

}  // namespace

VerdictReplayCost Replay(const VerdictReplay& wanted) {
  const HashKey key = HashKey::Random();
  const Config config = MakeConfig(wanted.sent_mails);
  std::unique_ptr<SentState> sent;
  VerdictReplayCost cost;
  if (wanted.verdicts) {
    sent = std::make_unique<SentState>(MakeSentOptions(config, key));
    Fill(wanted.sent_mails, *sent);
    cost.keys = sent->ledger.entries();
    cost.ledger_megabytes = static_cast<double>(sent->ledger.MemoryBytes()) / 1e6;
  }

  const double start = CpuSeconds();
  Ledger ledger;
  Tally tally(MakeTallyOptions(config, key), &ledger);
  TallySink counted(&tally);
  std::unique_ptr<TransactionSink> sink;
  std::unique_ptr<MessageReaders> readers;
  if (wanted.verdicts) {
    sink = std::make_unique<Judge>(MakeJudgeOptions(config, {}, key), &sent->ledger,
                                   &sent->coverage, &counted);
    readers = std::make_unique<MessageReaders>(MakeReadersOptions(config));
  } else {
    sink = std::make_unique<Unjudged>(LocalNetworks(config.local_networks), &counted);
  }
  Engine engine(MakeEngineOptions(config, key), &ledger, sink.get(), readers.get());
  ReadAll(wanted.capture, engine, ledger);
  const Report report = MakeReport(tally, ledger, RunInfo{}, {}, 0);
  WriteReport(report);
  cost.cpu_seconds = CpuSeconds() - start;

  const auto count = [&](Verdict verdict) {
    return report.verdicts[static_cast<std::size_t>(verdict)];
  };
  cost.transactions = report.transactions.total;
  cost.backscatter = count(Verdict::kBackscatter);
  cost.solicited = count(Verdict::kSolicited);
  return cost;
}

}  // namespace backscatter::bench
