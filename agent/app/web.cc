#include "agent/app/web.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/app/config_flags.h"
#include "agent/base/abseil_bridge.h"
#include "agent/base/escape.h"
#include "exporters/api_json.h"
#include "exporters/prometheus.h"
#include "exporters/web_pages.h"

namespace backscatter {
namespace {

constexpr std::chrono::seconds kLongestReload{20};

bool IsLoopback(const IpAddress& address) {
  static const IpNetwork kV4 = *IpNetwork::Parse("127.0.0.0/8");
  static const IpNetwork kV6 = *IpNetwork::Parse("::1");
  return kV4.Contains(address) || kV6.Contains(address);
}

HttpResponse Text(int status, std::string text) {
  return MakeResponse(status, kPlainText, std::move(text) + "\n");
}

HttpResponse ApiError(int status, std::string_view text) {
  return MakeResponse(status, kJsonText, RenderApiError(status, text));
}

// Programs read /api, people the rest.
HttpResponse MakeError(const std::string& path, int status, std::string_view text) {
  if (!path.starts_with("/api/")) return Text(status, std::string(text));
  return ApiError(status, text);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Web>> Web::Listen(Options options) {
  std::unique_ptr<Web> web(new Web(std::move(options)));
  if (web->options_.listen.empty()) return web;
  if (!web->options_.config_file.empty()) {
    web->config_ = ReadWebConfig(web->options_.config_file);
    if (!web->config_.status.ok()) return web->config_.status;
  }
  absl::StatusOr<std::unique_ptr<HttpServer>> server = HttpServer::Listen(
      web->options_.listen, {.routes = web->Routes(), .error = MakeError, .realm = "backscatterd"});
  if (!server.ok()) return server.status();
  web->server_ = *std::move(server);
  return web;
}

Web::~Web() { End(); }

std::vector<HttpRoute> Web::Routes() {
  return {
      {"/", [this](const HttpRequest&) { return Landing(); }},
      {"/metrics", [this](const HttpRequest&) { return Metrics(); }},
      {"/-/healthy", [](const HttpRequest&) { return Text(200, "backscatterd is healthy."); }},
      {"/-/ready", [this](const HttpRequest&) { return Ready(); }},
      {"/api/v1/status", [this](const HttpRequest& request) { return Status(request); }},
      {"/api/v1/floods", [this](const HttpRequest& request) { return Floods(request); }},
      {"/api/v1/transactions",
       [this](const HttpRequest& request) { return Transactions(request); }},
      {.path = "/api/v1/targets",
       .handler = [this](const HttpRequest& request) { return Rows(request, RenderApiTargets); },
       .lane = HttpLane::kPatient},
      {.path = "/api/v1/sources",
       .handler = [this](const HttpRequest& request) { return Rows(request, RenderApiSources); },
       .lane = HttpLane::kPatient},
      {.path = "/-/reload",
       .handler = [this](const HttpRequest&) { return Reloaded(); },
       .post = true,
       .lane = HttpLane::kPatient},
  };
}

absl::Status Web::Serve() {
  if (server_ == nullptr) return absl::OkStatus();
  const absl::Status served = server_->Serve(config_.settings);
  if (!served.ok()) return served;
  for (const Endpoint& endpoint : server_->endpoints()) {
    options_.log->Info("serving", {{"address", endpoint.ToString()},
                                   {"tls", config_.settings.tls.has_value()},
                                   {"users", !config_.settings.users.empty()}});
  }
  WarnOfOpenDoors();
  return absl::OkStatus();
}

void Web::WarnOfOpenDoors() const {
  const HttpSettings& settings = config_.settings;
  const bool by_certificate =
      settings.tls && settings.tls->client_auth == ClientAuth::kRequireAndVerify;
  if (!settings.users.empty() || by_certificate) return;
  for (const Endpoint& endpoint : server_->endpoints()) {
    if (IsLoopback(endpoint.address)) continue;
    options_.log->Warn("whoever reaches this address reads what it serves",
                       {{"address", endpoint.ToString()},
                        {"advice", "basic_auth_users in --web.config.file, or a firewall"}});
  }
}

absl::Status Web::Reread() {
  if (server_ == nullptr || options_.config_file.empty()) return absl::OkStatus();
  WebConfig fresh = ReadWebConfig(options_.config_file);
  absl::Status status = fresh.status;
  if (status.ok() && fresh.settings == HttpSettings() && config_.settings != HttpSettings()) {
    status = absl::InvalidArgumentError(EscapeForTerminal(options_.config_file) +
                                        " holds nothing any more; to serve everyone, start again");
  }
  if (status.ok() && fresh.settings != config_.settings) status = server_->Apply(fresh.settings);
  retry_ = absl::IsUnavailable(status);
  holds_ = status.ok();
  if (!status.ok()) {
    options_.log->Error("web configuration not read again, the one before holds",
                        {{"why", ToStd(status.message())}});
    config_.files = std::move(fresh.files);
    return status;
  }
  config_ = std::move(fresh);
  options_.log->Info("web configuration read again",
                     {{"tls", config_.settings.tls.has_value()},
                      {"users", std::uint64_t{config_.settings.users.size()}}});
  WarnOfOpenDoors();
  return absl::OkStatus();
}

absl::StatusOr<std::string> Web::RereadBeside(absl::StatusOr<std::string> told) {
  const absl::Status reread = Reread();
  if (!told.ok()) {
    return absl::InvalidArgumentError("Not reloaded, the configuration before holds: " +
                                      std::string(told.status().message()));
  }
  if (reread.ok()) return told;
  return absl::InvalidArgumentError(*told + " But the web configuration was not, the one before " +
                                    "holds: " + std::string(reread.message()));
}

void Web::Tick() {
  const auto now = std::chrono::steady_clock::now();
  if (server_ == nullptr || now < next_look_) return;
  next_look_ = now + kTick;
  LogTurnedAway();
  if (options_.config_file.empty()) return;
  if (FilesHaveSettled()) (void)Reread();
}

// True where they are not what was read, and have not changed since the last look: one that is
// being written is not half of something.
bool Web::FilesHaveSettled() {
  std::vector<FileStamp> now;
  for (const FileStamp& file : config_.files) now.push_back(StampOf(file.path));
  const bool changes = now != std::exchange(looked_at_, now);
  return !changes && (now != config_.files || retry_);
}

void Web::LogTurnedAway() {
  const HttpFigures figures = server_->figures();
  const std::uint64_t wrong = figures.wrong_passwords;
  if (wrong != std::exchange(told_wrong_passwords_, wrong)) {
    options_.log->Write(passwords_limit_, LogLevel::kWarn, "wrong HTTP passwords",
                        {{"since_start", wrong}});
  }
  const std::uint64_t away = figures.connections.refused + figures.connections.displaced;
  if (away != std::exchange(told_turned_away_, away)) {
    options_.log->Write(turned_away_limit_, LogLevel::kWarn,
                        "HTTP clients were turned away: too many connections",
                        {{"since_start", away}});
  }
}

void Web::Capturing(std::string state) {
  const std::lock_guard lock(mutex_);
  if (stage_ == Stage::kStarting) stage_ = Stage::kCapturing;
  state_ = std::move(state);
}

void Web::End() {
  reports_.End();
  const std::lock_guard lock(mutex_);
  stage_ = Stage::kEnding;
  state_ = "ending";
  changed_.notify_all();
}

HttpResponse Web::Landing() const {
  const std::lock_guard lock(mutex_);
  return MakeResponse(
      200, kHtmlText,
      RenderLandingPage(
          {.version = VersionNumber(), .state = state_, .lifecycle = options_.lifecycle}));
}

HttpResponse Web::Ready() const {
  const std::lock_guard lock(mutex_);
  switch (stage_) {
    case Stage::kStarting:
      return Text(503, "backscatterd does not capture yet.");
    case Stage::kCapturing:
      return Text(200, "backscatterd is ready.");
    case Stage::kEnding:
      return Text(503, "backscatterd is ending.");
  }
  return Text(503, "backscatterd is ending.");
}

HttpResponse Web::Metrics() {
  std::shared_ptr<const LiveSnapshot> snapshot = options_.snapshots->GetForScrape();
  if (snapshot == nullptr) return Text(503, "Nothing is counted yet.");
  if (snapshot != rendered_) {
    page_ = std::make_shared<const HttpBody>(RenderMetrics(*snapshot), /*shared=*/true);
    rendered_ = std::move(snapshot);
  }
  return {.status = 200, .content_type = kMetricsContentType, .body = page_};
}

std::string_view Web::StageName() const {
  const std::lock_guard lock(mutex_);
  switch (stage_) {
    case Stage::kStarting:
      return "starting";
    case Stage::kCapturing:
      return "capturing";
    case Stage::kEnding:
      return "ending";
  }
  return "ending";
}

HttpResponse Web::Status(const HttpRequest& request) const {
  if (!request.query.parameters().empty()) return ApiError(400, "no parameters are known here");
  const std::shared_ptr<const LiveSnapshot> snapshot = options_.snapshots->Get();
  if (snapshot == nullptr) return ApiError(503, "nothing is counted yet");
  return MakeResponse(
      200, kJsonText,
      RenderApiStatus(*snapshot, StageName(), server_->figures(), Log::SystemTime()));
}

HttpResponse Web::Floods(const HttpRequest& request) const {
  const absl::StatusOr<ApiPage> page = ParseApiPage(request.query, {"state"});
  if (!page.ok()) return ApiError(400, ToStd(page.status().message()));
  std::optional<bool> on;
  if (const std::string* const state = request.query.Find("state")) {
    if (*state != "on" && *state != "ended") return ApiError(400, "state wants on or ended");
    on = *state == "on";
  }
  const std::shared_ptr<const LiveSnapshot> snapshot = options_.snapshots->Get();
  if (snapshot == nullptr) return ApiError(503, "nothing is counted yet");
  return MakeResponse(200, kJsonText, RenderApiFloods(*snapshot, on, *page));
}

HttpResponse Web::Transactions(const HttpRequest& request) const {
  const absl::StatusOr<ApiPage> page = ParseApiPage(request.query);
  if (!page.ok()) return ApiError(400, ToStd(page.status().message()));
  return MakeResponse(200, kJsonText,
                      RenderApiTransactions(options_.transactions->Latest(*page), *page));
}

HttpResponse Web::Rows(const HttpRequest& request,
                       std::string (*render)(const ApiReport&, const ApiPage&)) {
  const absl::StatusOr<ApiPage> page = ParseApiPage(request.query);
  if (!page.ok()) return ApiError(400, ToStd(page.status().message()));
  const std::shared_ptr<const ApiReport> report = reports_.Get();
  if (report == nullptr) return ApiError(503, "the engine had no time for a report; ask again");
  return MakeResponse(200, kJsonText, render(*report, *page));
}

// On the patient lane, which has one thread: one reload at a time.
HttpResponse Web::Reloaded() {
  if (!options_.lifecycle) {
    return Text(403, "The lifecycle API is not enabled (--web.enable-lifecycle).");
  }
  std::unique_lock lock(mutex_);
  reload_ = {.wanted = true, .result = std::nullopt};
  options_.news->Ring();
  changed_.wait_for(lock, kLongestReload,
                    [this] { return reload_.result || stage_ == Stage::kEnding; });
  if (!reload_.result) return Text(503, "The agent did not get to it: it is ending, or busy.");
  const absl::StatusOr<std::string>& result = *reload_.result;
  if (result.ok()) return Text(200, *result);
  return Text(500, std::string(result.status().message()));
}

void Web::TakeReload(const std::function<absl::StatusOr<std::string>()>& reload) {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(reload_.wanted, false)) return;
  }
  absl::StatusOr<std::string> result = reload();
  const std::lock_guard lock(mutex_);
  reload_.result = std::move(result);
  changed_.notify_all();
}

}  // namespace backscatter
