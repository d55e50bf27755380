#include "agent/app/run.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/app/batch_queue.h"
#include "agent/app/batv_key_files.h"
#include "agent/app/capabilities.h"
#include "agent/app/capture_thread.h"
#include "agent/app/control_signals.h"
#include "agent/app/engine_thread.h"
#include "agent/app/log.h"
#include "agent/app/pipeline.h"
#include "agent/app/rights.h"
#include "agent/app/run_setup.h"
#include "agent/app/service_notifier.h"
#include "agent/app/wake.h"
#include "agent/base/abseil_bridge.h"
#include "agent/mail/sent_feed_socket.h"

namespace backscatter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSameWish{500};  // timeout(1) sends SIGTERM twice

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

bool IsUsage(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status);
}

class Agent {
 public:
  Agent(const RunFlags& flags, LoadedConfig loaded, const RunSeams& seams)
      : flags_(flags),
        seams_(seams),
        loaded_(std::move(loaded)),
        key_(HashKey::Random()),
        seed_(static_cast<std::uint32_t>(HashKey::Random().a)),
        log_(seams.log_fd, flags.log_format, flags.log_level),
        notifier_(ServiceNotifier::FromEnvironment()),
        queue_(loaded_.config.tables.queue_batches) {}

  ExitCode Run();

 private:
  absl::Status SetUp();
  absl::Status MakeCapture();
  absl::Status GiveUpRights();
  void StartEngine(std::unique_ptr<SentFeedSocket> feed);

  void Loop();
  int PollTimeout() const;
  bool OnSignal(int signal);
  void OnNews();
  void PetWatchdog();
  void Reload();
  void ApplyConfig();
  Config Effective() const;
  void AskForReport();
  void WriteAskedReports();
  RunInfo MakeRunInfo() const;

  void End();
  ExitCode Finish();
  bool WriteReport(const Report& report);
  void Summarize(std::string_view message, const Report& report);

  const RunFlags& flags_;
  const RunSeams& seams_;
  LoadedConfig loaded_;
  const HashKey key_;
  const std::uint32_t seed_;
  Log log_;
  ServiceNotifier notifier_;
  std::optional<ControlSignals> signals_;
  Wake news_;  // from the other threads
  BatchQueue queue_;
  RunFiles files_;
  std::unique_ptr<CaptureThread> capture_;
  std::function<CapabilitySet()> source_keeps_;
  std::function<std::string()> source_details_;
  bool source_samples_ = false;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<EngineThread> engine_;
  std::vector<std::string> watched_;  // as the log knows them
  std::vector<IpNetwork> applied_;    // addresses that the threads know
  PacketTime started_ = 0;
  std::optional<Clock::time_point> deadline_;
  std::optional<Clock::time_point> next_watchdog_;
  std::uint64_t heartbeats_[2] = {~std::uint64_t{0}, ~std::uint64_t{0}};
  bool whole_ = true;  // everything was written

  std::mutex mutex_;
  std::vector<Report> asked_;  // made by the engine, to be written here
};

absl::Status Agent::SetUp() {
  absl::StatusOr<ControlSignals> signals = ControlSignals::Open();
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  if (!news_.valid())
    return absl::UnavailableError("no descriptor for events: too many open files");
  if (!flags_.not_served.empty()) {
    log_.Info("not served yet", {{"flags", Join(flags_.not_served)}});
  }
  if (loaded_.config.bounce_read_all) {
    log_.Warn("bodies of all mail are read", {{"because", "bounce.read: all"}});
  }
  absl::StatusOr<RunFiles> files = OpenRunFiles(flags_, loaded_.config, key_);
  if (!files.ok()) return files.status();
  files_ = *std::move(files);
  if (!files_.sent->warning().empty()) log_.Warn(files_.sent->warning());
  return MakeCapture();
}

absl::Status Agent::MakeCapture() {
  absl::StatusOr<std::unique_ptr<InterfaceWatcher>> watcher = InterfaceWatcher::Open();
  if (!watcher.ok()) return watcher.status();
  const Config& config = loaded_.config;
  const CaptureRules rules = MakeCaptureRules(config, seed_);
  absl::StatusOr<MadeSource> made = seams_.make_source(config, rules);
  if (!made.ok()) {
    const absl::StatusOr<CapabilitySet> have = EffectiveCapabilities();
    const std::string missing = have.ok() ? MissingRights(config.source, *have) : "";
    return missing.empty() ? made.status()
                           : absl::PermissionDeniedError(
                                 missing + " (" + std::string(made.status().message()) + ")");
  }
  log_.Info("source", {{"name", made->source->Name()}, {"why", made->why}});
  source_keeps_ = made->keeps;
  source_details_ = made->details;
  source_samples_ = made->source->samples();
  capture_ = std::make_unique<CaptureThread>(
      std::move(made->source), *std::move(watcher),
      CaptureThread::Options{
          .interfaces = config.interfaces, .queue = &queue_, .log = &log_, .news = &news_});
  return capture_->Start(rules);
}

absl::Status Agent::GiveUpRights() {
  CapabilitySet kept = RightsToKeep(capture_->source_name(), loaded_.config.interfaces.empty());
  if (source_keeps_) kept = kept | source_keeps_();
  if (const absl::Status status = KeepOnlyCapabilities(kept); !status.ok()) return status;
  const absl::StatusOr<CapabilitySet> have = EffectiveCapabilities();
  if (!have.ok()) return have.status();
  log_.Info("rights given up", {{"kept", have->Names()}});
  return absl::OkStatus();
}

void Agent::StartEngine(std::unique_ptr<SentFeedSocket> feed) {
  engine_ = std::make_unique<EngineThread>(EngineThread::Options{
      .pipeline = pipeline_.get(), .queue = &queue_, .log = &log_, .feed = std::move(feed)});
  engine_->Run();
}

// The configuration with what the host knows of itself.
Config Agent::Effective() const {
  Config config = loaded_.config;
  const InterfaceState state = capture_->state();
  config.local_networks.insert(config.local_networks.end(), state.addresses.begin(),
                               state.addresses.end());
  return config;
}

ExitCode Agent::Run() {
  if (const absl::Status status = SetUp(); !status.ok()) {
    log_.Error("cannot start", {{"why", ToStd(status.message())}});
    return IsUsage(status) ? ExitCode::kUsage : ExitCode::kRefused;
  }
  started_ = Log::SystemTime();
  pipeline_ = std::make_unique<Pipeline>(
      Pipeline::Options{.config = Effective(),
                        .batv_keys = files_.batv_keys,
                        .hash_key = key_,
                        .sampling_key = key_,
                        .source_samples = source_samples_,
                        .lines = files_.lines.get(),
                        .on_reader_gone = [] { kill(getpid(), SIGTERM); }},
      std::move(files_.sent));
  std::unique_ptr<SentFeedSocket> feed;
  if (!loaded_.config.sent_feed.empty()) {
    absl::StatusOr<std::unique_ptr<SentFeedSocket>> listening =
        SentFeedSocket::Listen(loaded_.config.sent_feed, pipeline_->ledger());
    if (!listening.ok()) {
      log_.Error("cannot start", {{"why", ToStd(listening.status().message())}});
      return IsUsage(listening.status()) ? ExitCode::kUsage : ExitCode::kRefused;
    }
    feed = *std::move(listening);
  }
  if (const absl::Status status = GiveUpRights(); !status.ok()) {
    log_.Error("cannot start", {{"why", ToStd(status.message())}});
    return ExitCode::kRefused;
  }
  StartEngine(std::move(feed));
  applied_ = capture_->state().addresses;
  ApplyConfig();
  capture_->Run();
  if (flags_.duration) deadline_ = Clock::now() + std::chrono::nanoseconds(*flags_.duration);
  if (const auto interval = notifier_.watchdog_interval()) {
    next_watchdog_ = Clock::now() + std::chrono::nanoseconds(*interval);
  }
  watched_ = capture_->state().watched;
  log_.Info("capturing", {{"source", capture_->source_name()},
                          {"attached_by", source_details_ ? source_details_() : "sockets"},
                          {"interfaces", Join(watched_)}});
  notifier_.Ready("capturing on " + Join(watched_));
  Loop();
  End();
  return Finish();
}

int Agent::PollTimeout() const {
  Clock::time_point until = Clock::now() + std::chrono::minutes(1);
  if (deadline_) until = std::min(until, *deadline_);
  if (next_watchdog_) until = std::min(until, *next_watchdog_);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

void Agent::Loop() {
  while (!capture_->ended() && !(deadline_ && Clock::now() >= *deadline_)) {
    pollfd fds[2] = {{signals_->fd(), POLLIN, 0}, {news_.fd(), POLLIN, 0}};
    poll(fds, 2, PollTimeout());
    for (int signal = signals_->Next(); signal != 0; signal = signals_->Next()) {
      if (!OnSignal(signal)) return;
    }
    if (fds[1].revents != 0) OnNews();
    PetWatchdog();
  }
}

// False: it is to end.
bool Agent::OnSignal(int signal) {
  switch (signal) {
    case SIGHUP:
      Reload();
      return true;
    case SIGUSR1:
      AskForReport();
      return true;
    default:
      log_.Info("ending", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      return false;
  }
}

void Agent::OnNews() {
  news_.Take();
  WriteAskedReports();
  const std::vector<std::string> watched = capture_->state().watched;
  if (watched != watched_) {
    watched_ = watched;
    log_.Info("interfaces changed", {{"interfaces", Join(watched_)}});
    notifier_.Status("capturing on " + Join(watched_));
  }
  const std::vector<IpNetwork> addresses = capture_->state().addresses;
  if (addresses != std::exchange(applied_, addresses)) ApplyConfig();
}

void Agent::ApplyConfig() {
  capture_->Apply(MakeCaptureRules(Effective(), seed_));
  engine_->Post([config = Effective(), keys = files_.batv_keys](Pipeline& pipeline) {
    pipeline.Reconfigure(config, keys);
  });
}

// systemd restarts what says nothing; so only threads that live may speak.
void Agent::PetWatchdog() {
  if (!next_watchdog_ || Clock::now() < *next_watchdog_) return;
  const std::uint64_t beats[2] = {engine_->heartbeat(), capture_->heartbeat()};
  if (beats[0] != heartbeats_[0] && beats[1] != heartbeats_[1]) notifier_.Watchdog();
  std::copy(beats, beats + 2, heartbeats_);
  next_watchdog_ = Clock::now() + std::chrono::nanoseconds(*notifier_.watchdog_interval());
}

// All of it or nothing.
void Agent::Reload() {
  notifier_.Reloading();
  absl::StatusOr<LoadedConfig> loaded = LoadConfig(flags_.config);
  absl::StatusOr<BatvKeys> keys =
      loaded.ok() ? ReadBatvKeys(loaded->config.batv_keys) : loaded.status();
  if (!keys.ok()) {
    log_.Error("configuration not reloaded, the one before holds",
               {{"why", ToStd(keys.status().message())}});
  } else {
    const std::vector<std::string> restart = KeysThatNeedRestart(loaded_, *loaded);
    loaded->config.sent_feed = loaded_.config.sent_feed;
    loaded_ = *std::move(loaded);
    loaded->config.tables = loaded_.config.tables;
    files_.batv_keys = *std::move(keys);
    ApplyConfig();
    log_.Info("configuration reloaded");
    if (!restart.empty()) log_.Warn("these keys need a restart", {{"keys", Join(restart)}});
  }
  if (files_.lines != nullptr) {
    engine_->Post([this](Pipeline&) {
      const absl::Status opened = files_.lines->Reopen();
      if (!opened.ok())
        log_.Warn("transactions go on as before", {{"why", ToStd(opened.message())}});
    });
  }
  notifier_.Ready("capturing on " + Join(watched_));
}

RunInfo Agent::MakeRunInfo() const {
  return {.source = std::string(capture_->source_name()),
          .interfaces = capture_->state().watched,
          .has_time = true,
          .start = started_,
          .end = Log::SystemTime(),
          .sampling = loaded_.config.sampling_ratio};
}

void Agent::AskForReport() {
  engine_->Post([this, run = MakeRunInfo()](Pipeline& pipeline) {
    Report report = pipeline.Snapshot(run, {}, 0);
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(std::move(report));
    }
    news_.Ring();
  });
}

void Agent::WriteAskedReports() {
  std::vector<Report> reports;
  {
    const std::lock_guard lock(mutex_);
    reports.swap(asked_);
  }
  for (const Report& report : reports) {
    WriteReport(report);
    Summarize("report", report);
  }
}

bool Agent::WriteReport(const Report& report) {
  if (flags_.report.empty()) return true;
  const absl::Status written = WriteReportTo(flags_.report, report);
  if (!written.ok()) log_.Error("report not written", {{"why", ToStd(written.message())}});
  return written.ok();
}

void Agent::Summarize(std::string_view message, const Report& report) {
  std::uint64_t lost = 0;
  for (std::size_t i = 0; i < kLossCount; ++i) {
    if (report.ledger.Get(static_cast<Loss>(i)) > 0) ++lost;
  }
  const auto verdict = [&](Verdict v) { return report.verdicts[static_cast<std::size_t>(v)]; };
  log_.Info(message, {{"packets", capture_->stats().packets},
                      {"sessions", report.sessions.total},
                      {"encrypted", report.sessions.encrypted},
                      {"transactions", report.transactions.total},
                      {"null_sender", report.transactions.null_sender},
                      {"backscatter", verdict(Verdict::kBackscatter)},
                      {"targets", std::uint64_t{report.targets_known}},
                      {"sources", std::uint64_t{report.sources_known}},
                      {"kinds_of_loss", lost},
                      {"report", flags_.report.empty() ? "none" : flags_.report.c_str()}});
}

// Drains: what was captured is counted, and open sessions are settled. A second wish to end that
// is not the same one kills.
void Agent::End() {
  notifier_.Stopping();
  capture_->Stop();
  const Clock::time_point start = Clock::now();
  bool kills = false;
  while (!engine_->ended()) {
    if (!kills && Clock::now() - start >= kSameWish) {
      while (signals_->Next() != 0) {
      }
      ControlSignals::LetStopSignalsKill();
      kills = true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  capture_->Join();
  engine_->Join();
}

ExitCode Agent::Finish() {
  WriteAskedReports();
  const Report report = pipeline_->Snapshot(MakeRunInfo(), {}, 0);
  whole_ &= WriteReport(report);
  if (files_.lines != nullptr) {
    const absl::Status closed = files_.lines->Close();
    if (!closed.ok() && !files_.lines->reader_gone()) {
      log_.Error("transactions not written", {{"why", ToStd(closed.message())}});
    }
    whole_ &= closed.ok();
  }
  Summarize("ended", report);
  const absl::Status failure = capture_->failure();
  if (!failure.ok()) {
    log_.Error("the capture failed", {{"why", ToStd(failure.message())}});
    return ExitCode::kRefused;
  }
  return whole_ ? ExitCode::kDone : ExitCode::kDamaged;
}

}  // namespace

ExitCode RunAgent(const RunFlags& flags, LoadedConfig loaded, const RunSeams& seams) {
  return Agent(flags, std::move(loaded), seams).Run();
}

}  // namespace backscatter
