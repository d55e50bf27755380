#include "agent/app/run.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/app/batch_queue.h"
#include "agent/app/batv_key_files.h"
#include "agent/app/capture_thread.h"
#include "agent/app/control_signals.h"
#include "agent/app/engine_thread.h"
#include "agent/app/live_output.h"
#include "agent/app/log.h"
#include "agent/app/pipeline.h"
#include "agent/app/pipeline_files.h"
#include "agent/app/rights.h"
#include "agent/app/room_options.h"
#include "agent/app/run_config.h"
#include "agent/app/run_paths.h"
#include "agent/app/run_reports.h"
#include "agent/app/service_notifier.h"
#include "agent/app/wake.h"
#include "agent/app/web.h"
#include "agent/app/words.h"
#include "agent/base/abseil_bridge.h"
#include "agent/base/capabilities.h"
#include "agent/mail/sent_feed_socket.h"

namespace backscatter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kSameWish{500};  // timeout(1) sends SIGTERM twice

class Agent {
 public:
  Agent(const RunFlags& flags, LoadedConfig loaded, const RunSeams& seams)
      : flags_(flags),
        seams_(seams),
        config_(std::move(loaded)),
        key_(HashKey::Random()),
        seed_(static_cast<std::uint32_t>(HashKey::Random().a)),
        log_(seams.log_fd, flags.log_format, flags.log_level),
        notifier_(ServiceNotifier::FromEnvironment()),
        queue_(config_.now().tables.queue_batches),
        reports_(flags.report, &log_, &news_) {}

  ExitCode Run();

 private:
  absl::Status SetUp();
  absl::Status Listen();
  absl::Status MakeCapture();
  absl::Status StartPipeline();
  absl::Status GiveUpRights();
  void Begin();

  void Loop();
  int PollTimeout() const;
  bool OnSignal(int signal);
  void OnNews();
  void PetWatchdog();
  absl::StatusOr<std::string> Reload();
  void TellReload();
  void WarnOfBodies();
  void ApplyConfig();
  Config Effective() const;
  RunInfo MakeRunInfo() const;

  void End();
  ExitCode Finish();

  const RunFlags& flags_;
  const RunSeams& seams_;
  RunConfig config_;
  const HashKey key_;
  const std::uint32_t seed_;
  Log log_;
  ServiceNotifier notifier_;
  std::optional<ControlSignals> signals_;
  Wake news_;  // from the other threads
  BatchQueue queue_;
  PipelineFiles files_;
  std::unique_ptr<LiveOutput> live_;
  RunReports reports_;
  std::unique_ptr<CaptureThread> capture_;
  std::function<CapabilitySet()> source_keeps_;
  std::function<std::string()> source_details_;
  bool source_samples_ = false;
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<EngineThread> engine_;
  std::unique_ptr<Web> web_;
  std::vector<std::string> watched_;  // as the log knows them
  std::vector<IpNetwork> applied_;    // addresses that the threads know
  PacketTime started_ = 0;
  bool reload_ok_ = true;
  bool told_reload_ = true;  // what the metrics say
  std::optional<Clock::time_point> deadline_;
  std::optional<Clock::time_point> next_watchdog_;
  std::uint64_t heartbeats_[2] = {~std::uint64_t{0}, ~std::uint64_t{0}};
};

absl::Status Agent::SetUp() {
  absl::StatusOr<ControlSignals> signals = ControlSignals::Open();
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  if (!news_.valid())
    return absl::UnavailableError("no descriptor for events: too many open files");
  WarnOfBodies();
  const Config& config = config_.now();
  for (const std::string& path : {config.sent_file, config.flood_file}) MakeFolderOf(path);
  absl::StatusOr<PipelineFiles> files = OpenPipelineFiles(RunPathsOf(flags_, config), config, key_);
  if (!files.ok()) return files.status();
  files_ = *std::move(files);
  for (const std::string& warning : {files_.sent->warning(), files_.floods->warning()}) {
    if (!warning.empty()) log_.Warn(warning);
  }
  absl::StatusOr<std::unique_ptr<LiveOutput>> live = LiveOutput::Open(config, key_, &log_);
  if (!live.ok()) return live.status();
  live_ = *std::move(live);
  if (const absl::Status status = Listen(); !status.ok()) return status;
  return MakeCapture();
}

absl::Status Agent::Listen() {
  absl::StatusOr<std::unique_ptr<Web>> web =
      Web::Listen({.listen = flags_.web_listen,
                   .config_file = flags_.web_config,
                   .lifecycle = flags_.web_lifecycle,
                   .log = &log_,
                   .news = &news_,
                   .snapshots = &live_->box(),
                   .transactions = &live_->recent(),
                   .report = [this](const WebReports::Done& done) {
                     engine_->Post([this, done](Pipeline& pipeline) {
                       MakeApiReport(pipeline, MakeRunInfo(), NamerOf(live_->publisher()), done);
                     });
                   }});
  if (!web.ok()) return web.status();
  web_ = *std::move(web);
  return absl::OkStatus();
}

absl::Status Agent::MakeCapture() {
  absl::StatusOr<std::unique_ptr<InterfaceWatcher>> watcher = InterfaceWatcher::Open();
  if (!watcher.ok()) return watcher.status();
  const Config& config = config_.now();
  const CaptureRules rules = MakeCaptureRules(config, seed_);
  absl::StatusOr<MadeSource> made = seams_.make_source(config, rules);
  if (!made.ok()) return WithMissingRights(made.status(), config.source);
  log_.Info("source", {{"name", made->source->Name()}, {"why", made->why}});
  if (!made->warning.empty()) log_.Warn(made->warning);
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
  CapabilitySet kept = RightsToKeep(capture_->source_name(), config_.now().interfaces.empty());
  if (source_keeps_) kept = kept | source_keeps_();
  if (const absl::Status status = KeepOnlyCapabilities(kept); !status.ok()) return status;
  const absl::StatusOr<CapabilitySet> have = EffectiveCapabilities();
  if (!have.ok()) return have.status();
  log_.Info("rights given up", {{"kept", have->Names()}});
  return absl::OkStatus();
}

// The configuration with what the host knows of itself.
Config Agent::Effective() const {
  Config config = config_.now();
  const InterfaceState state = capture_->state();
  config.local_networks.insert(config.local_networks.end(), state.addresses.begin(),
                               state.addresses.end());
  return config;
}

absl::Status Agent::StartPipeline() {
  started_ = Log::SystemTime();
  live_->SetSource([this](LiveSnapshot& snapshot) {
    snapshot.run = MakeRunInfo();
    AddSourceStats(capture_->stats(), snapshot);
  });
  pipeline_ = std::make_unique<Pipeline>(
      Pipeline::Options{.config = Effective(),
                        .batv_keys = files_.batv_keys,
                        .hash_key = key_,
                        .sampling_key = key_,
                        .source_samples = source_samples_,
                        .flood_listener = live_->floods(),
                        .live = live_.get(),
                        .lines = files_.lines.get(),
                        .on_reader_gone = [] { kill(getpid(), SIGTERM); }},
      std::move(files_.sent), std::move(files_.floods));
  if (const std::size_t on = pipeline_->floods_on(); on > 0) {
    log_.Info("floods go on", {{"floods", std::uint64_t{on}}});
  }
  std::unique_ptr<SentFeedSocket> feed;
  if (const std::string& path = config_.now().sent_feed; !path.empty()) {
    absl::StatusOr<std::unique_ptr<SentFeedSocket>> listening =
        SentFeedSocket::Listen(path, pipeline_->ledger());
    if (!listening.ok()) return listening.status();
    feed = *std::move(listening);
  }
  engine_ = std::make_unique<EngineThread>(EngineThread::Options{
      .pipeline = pipeline_.get(),
      .queue = &queue_,
      .log = &log_,
      .lines = files_.lines.get(),
      .feed = std::move(feed),
      .publish = [this](Pipeline& pipeline, PacketTime now) { live_->Publish(pipeline, now); }});
  return absl::OkStatus();
}

// From here on there are threads, which must have no rights that are not needed.
void Agent::Begin() {
  engine_->Run();
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
                          {"interfaces", JoinWords(watched_)}});
  web_->Capturing("capturing on " + JoinWords(watched_));
  notifier_.Ready("capturing on " + JoinWords(watched_));
}

ExitCode Agent::Run() {
  absl::Status status = SetUp();
  if (status.ok()) status = StartPipeline();
  if (status.ok()) status = GiveUpRights();
  if (status.ok()) status = web_->Serve();
  if (!status.ok()) {
    log_.Error("cannot start", {{"why", ToStd(status.message())}});
    return ExitCodeOf(status);
  }
  Begin();
  Loop();
  End();
  return Finish();
}

int Agent::PollTimeout() const {
  Clock::time_point until = Clock::now() + std::chrono::minutes(1);
  if (deadline_) until = std::min(until, *deadline_);
  if (next_watchdog_) until = std::min(until, *next_watchdog_);
  until = std::min(until, Clock::now() + Web::kTick);
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
    web_->Tick();
    TellReload();
    PetWatchdog();
  }
}

// False: it is to end.
bool Agent::OnSignal(int signal) {
  switch (signal) {
    case SIGHUP:
      (void)Reload();
      return true;
    case SIGUSR1:
      reports_.Ask(*engine_, MakeRunInfo());
      return true;
    default:
      log_.Info("ending", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      return false;
  }
}

void Agent::OnNews() {
  news_.Take();
  web_->TakeReload([this] { return Reload(); });
  reports_.WriteAsked(capture_->stats().packets);
  const std::vector<std::string> watched = capture_->state().watched;
  if (watched != watched_) {
    watched_ = watched;
    log_.Info("interfaces changed", {{"interfaces", JoinWords(watched_)}});
    notifier_.Status("capturing on " + JoinWords(watched_));
    web_->Capturing("capturing on " + JoinWords(watched_));
  }
  const std::vector<IpNetwork> addresses = capture_->state().addresses;
  if (addresses != std::exchange(applied_, addresses)) ApplyConfig();
}

void Agent::ApplyConfig() {
  capture_->Apply(MakeCaptureRules(Effective(), seed_));
  engine_->Post([this, config = Effective(), keys = files_.batv_keys,
                 label_key = live_->label_key()](Pipeline& pipeline) {
    pipeline.Reconfigure(config, keys);
    live_->Reconfigure(config, label_key);
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

// All of it or nothing. Returns what to tell whoever asked.
absl::StatusOr<std::string> Agent::Reload() {
  absl::StatusOr<std::string> told = "The configuration was reloaded.";
  notifier_.Reloading();
  const absl::StatusOr<LoadedConfig> loaded = LoadConfig(flags_.config);
  absl::StatusOr<BatvKeys> keys =
      loaded.ok() ? ReadBatvKeys(loaded->config.batv_keys) : loaded.status();
  const absl::Status status = keys.ok() ? live_->TakeLabelKey(loaded->config) : keys.status();
  reload_ok_ = status.ok();
  if (!status.ok()) {
    log_.Error("configuration not reloaded, the one before holds",
               {{"why", ToStd(status.message())}});
    told = status;
  } else {
    const std::vector<std::string> restart = config_.Take(*loaded);
    files_.batv_keys = *std::move(keys);
    ApplyConfig();
    log_.Info("configuration reloaded");
    WarnOfBodies();
    if (!restart.empty()) {
      log_.Warn("these keys need a restart", {{"keys", JoinWords(restart)}});
      told->append(" These keys need a restart: " + JoinWords(restart) + ".");
    }
  }
  engine_->Post([this](Pipeline&) {
    live_->Reopen();
    if (files_.lines == nullptr) return;
    const absl::Status opened = files_.lines->Reopen();
    if (!opened.ok()) log_.Warn("transactions go on as before", {{"why", ToStd(opened.message())}});
  });
  told = web_->RereadBeside(std::move(told));
  told_reload_ = !told.ok();  // tells it again, with its time
  TellReload();
  notifier_.Ready("capturing on " + JoinWords(watched_));
  return told;
}

// A certificate that does not fit its key is to be seen in the metrics, too.
void Agent::TellReload() {
  const bool worked = reload_ok_ && web_->holds();
  if (worked != std::exchange(told_reload_, worked)) live_->SetReload(worked);
}

void Agent::WarnOfBodies() {
  if (!config_.now().bounce_read_all) return;
  log_.Warn("bodies of all mail are read", {{"because", "bounce.read: all"}});
}

RunInfo Agent::MakeRunInfo() const {
  return {.source = std::string(capture_->source_name()),
          .interfaces = capture_->state().watched,
          .has_time = true,
          .start = started_,
          .end = Log::SystemTime()};
}

// Drains: what was captured is counted, and open sessions are settled. A second wish to end that
// is not the same one kills.
void Agent::End() {
  notifier_.Stopping();
  web_->End();
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
  const std::uint64_t packets = capture_->stats().packets;
  reports_.WriteAsked(packets);
  bool whole = true;
  if (files_.lines != nullptr) {
    const absl::Status closed = files_.lines->Close();
    if (!closed.ok() && !files_.lines->reader_gone()) {
      log_.Error("transactions not written", {{"why", ToStd(closed.message())}});
    }
    whole = closed.ok();
  }
  whole &= reports_.WriteLast(pipeline_->Snapshot(MakeRunInfo(), {}, 0), packets);
  const absl::Status failure = capture_->failure();
  if (!failure.ok()) {
    log_.Error("the capture failed", {{"why", ToStd(failure.message())}});
    return ExitCode::kRefused;
  }
  return whole ? ExitCode::kDone : ExitCode::kDamaged;
}

}  // namespace

ExitCode RunAgent(const RunFlags& flags, LoadedConfig loaded, const RunSeams& seams) {
  return Agent(flags, std::move(loaded), seams).Run();
}

}  // namespace backscatter
