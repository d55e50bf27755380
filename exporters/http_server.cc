#include "exporters/http_server.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>

#include "exporters/http_address.h"
#include "exporters/http_server_exchange.h"

namespace backscatter {
namespace {

using Clock = HttpConnections::Clock;

constexpr std::chrono::milliseconds kSweep{250};
constexpr int kMostAcceptsAtOnce = 64;
constexpr std::size_t kMostRetired = 4;

// The server as one version of its TLS settings made it. Its thread moves the bytes of every
// connection that came under them.
struct Generation {
  ~Generation() {
    if (daemon != nullptr) MHD_stop_daemon(daemon);
  }

  HttpShared* shared = nullptr;
  std::optional<HttpTls> tls;
  MHD_Daemon* daemon = nullptr;
};

HttpConnections::Connection* KnownOf(MHD_Connection* connection) {
  const MHD_ConnectionInfo* const info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info == nullptr ? nullptr
                         : static_cast<HttpConnections::Connection*>(info->socket_context);
}

void* OnRequestLine(void* generation, const char* target, MHD_Connection* connection) {
  HttpConnections::Connection* const known = KnownOf(connection);
  if (known == nullptr) return nullptr;
  HttpShared* const shared = static_cast<Generation*>(generation)->shared;
  shared->connections.BeginRequest(known, Clock::now());
  return new HttpExchange(shared, connection, known, target);
}

MHD_Result OnRequest(void* /*generation*/, MHD_Connection* /*connection*/, const char* /*url*/,
                     const char* method, const char* version, const char* /*upload*/,
                     std::size_t* upload_size, void** exchange) {
  if (*exchange == nullptr) return MHD_NO;
  return static_cast<HttpExchange*>(*exchange)->OnCall(method, version, upload_size);
}

void OnCompleted(void* generation, MHD_Connection* connection, void** exchange,
                 MHD_RequestTerminationCode /*code*/) {
  delete static_cast<HttpExchange*>(std::exchange(*exchange, nullptr));
  HttpConnections::Connection* const known = KnownOf(connection);
  if (known == nullptr) return;
  static_cast<Generation*>(generation)
      ->shared->connections.Enter(known, HttpConnections::State::kIdle, Clock::now());
}

void OnConnection(void* cls, MHD_Connection* connection, void** context,
                  MHD_ConnectionNotificationCode code) {
  const auto& generation = *static_cast<Generation*>(cls);
  HttpConnections& connections = generation.shared->connections;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    auto* const known = static_cast<HttpConnections::Connection*>(std::exchange(*context, nullptr));
    if (known != nullptr) connections.Remove(known->fd);
    return;
  }
  const MHD_ConnectionInfo* const info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  if (info != nullptr) *context = connections.Find(info->connect_fd);
  if (!generation.tls) return;
  const MHD_ConnectionInfo* const tls =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  AskForClientCertificate(tls == nullptr ? nullptr : tls->tls_session, generation.tls->client_auth);
}

// Null where the system refuses, or the library does not take the TLS.
std::unique_ptr<Generation> Begin(HttpShared& shared, const std::optional<HttpTls>& tls) {
  auto generation = std::make_unique<Generation>();
  generation->shared = &shared;
  generation->tls = tls;
  const HttpLimits& limits = shared.options.limits;
  const std::string priorities = tls ? TlsPriorities(*tls) : "";
  std::vector<MHD_OptionItem> options = {
      // Ours come first; this one must never be reached.
      {MHD_OPTION_CONNECTION_LIMIT, static_cast<std::intptr_t>(4 * limits.connections), nullptr},
      {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<std::intptr_t>(limits.header_bytes),
       nullptr},
      {MHD_OPTION_CONNECTION_TIMEOUT, 0, nullptr},  // it begins anew with each byte
      {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
  };
  unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC |
                   MHD_ALLOW_SUSPEND_RESUME;
  const auto text = [&](MHD_OPTION option, const std::string& value) {
    options.push_back({option, 0, const_cast<char*>(value.c_str())});
  };
  if (generation->tls) {
    flags |= MHD_USE_TLS;
    text(MHD_OPTION_HTTPS_MEM_CERT, generation->tls->certificate);
    text(MHD_OPTION_HTTPS_MEM_KEY, generation->tls->key);
    if (!generation->tls->client_ca.empty()) {
      text(MHD_OPTION_HTTPS_MEM_TRUST, generation->tls->client_ca);
    }
    text(MHD_OPTION_HTTPS_PRIORITIES, priorities);
    options.push_back({MHD_OPTION_TLS_NO_ALPN, 1, nullptr});
  }
  options.push_back({MHD_OPTION_END, 0, nullptr});
  generation->daemon = MHD_start_daemon(
      flags, 0, nullptr, nullptr, OnRequest, generation.get(), MHD_OPTION_ARRAY, options.data(),
      MHD_OPTION_URI_LOG_CALLBACK, OnRequestLine, generation.get(), MHD_OPTION_NOTIFY_COMPLETED,
      OnCompleted, generation.get(), MHD_OPTION_NOTIFY_CONNECTION, OnConnection, generation.get(),
      MHD_OPTION_END);
  if (generation->daemon == nullptr) return nullptr;
  return generation;
}

HttpResponse PlainError(const std::string& /*path*/, int status, std::string_view text) {
  return MakeResponse(status, kPlainText, std::string(text) + "\n");
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(std::vector<ListeningSocket> sockets, HttpOptions options)
      : shared(std::move(options)), sockets_(std::move(sockets)) {}
  ~Impl() { Stop(); }

  absl::Status Serve(HttpSettings settings);
  absl::Status Apply(HttpSettings settings);
  void Stop();

  const std::vector<ListeningSocket>& sockets() const { return sockets_; }

  HttpShared shared;

 private:
  void Loop();
  void Accept(int listening);
  void EndRetired();

  std::vector<ListeningSocket> sockets_;
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
  std::mutex mutex_;
  std::unique_ptr<Generation> now_;
  std::vector<std::unique_ptr<Generation>> retired_;
};

absl::Status HttpServer::Impl::Serve(HttpSettings settings) {
  if (const absl::Status status = Apply(std::move(settings)); !status.ok()) return status;
  shared.checks.Start();
  shared.quick.Start();
  shared.patient.Start();
  acceptor_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

absl::Status HttpServer::Impl::Apply(HttpSettings settings) {
  if (settings.tls) {
    if (const absl::Status status = CheckTls(*settings.tls); !status.ok()) return status;
  }
  const std::lock_guard lock(mutex_);
  const std::shared_ptr<const HttpRules> before = shared.Rules();
  if (now_ == nullptr || now_->tls != settings.tls) {
    if (retired_.size() >= kMostRetired) {
      return absl::UnavailableError("the connections of earlier TLS settings have not ended yet");
    }
    std::unique_ptr<Generation> next = Begin(shared, settings.tls);
    if (next == nullptr) return absl::UnavailableError("the HTTP server does not start");
    if (now_ != nullptr) {
      shared.connections.Retire(now_.get(), Clock::now());
      retired_.push_back(std::move(now_));
    }
    now_ = std::move(next);
  }
  auto rules = std::make_shared<HttpRules>();
  const bool same_users = before != nullptr && before->settings.users == settings.users;
  rules->users = same_users ? before->users : std::make_shared<HttpUsers>(settings.users);
  rules->settings = std::move(settings);
  const std::lock_guard rules_lock(shared.mutex);
  shared.rules = std::move(rules);
  return absl::OkStatus();
}

void HttpServer::Impl::Loop() {
  std::vector<pollfd> fds;
  for (const ListeningSocket& socket : sockets_) fds.push_back({socket.fd.get(), POLLIN, 0});
  Clock::time_point next_sweep = Clock::now() + kSweep;
  while (!stopping_) {
    poll(fds.data(), fds.size(), static_cast<int>(kSweep.count()));
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (fds[i].revents != 0) Accept(fds[i].fd);
    }
    if (Clock::now() < next_sweep) continue;
    next_sweep = Clock::now() + kSweep;
    shared.connections.Sweep(Clock::now());
    EndRetired();
  }
}

void HttpServer::Impl::Accept(int listening) {
  for (int i = 0; i < kMostAcceptsAtOnce; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int fd = accept4(listening, reinterpret_cast<sockaddr*>(&address), &size,
                           SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      // No descriptor left: what waits does not go away, so this must not spin.
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
      return;
    }
    const int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const std::lock_guard lock(mutex_);
    const IpAddress client = EndpointOf(&address).address;
    const bool known = shared.known.Has(HttpClientKey(client));
    if (!shared.connections.Add(fd, client, now_.get(), Clock::now(), known)) {
      close(fd);
      continue;
    }
    if (MHD_add_connection(now_->daemon, fd, reinterpret_cast<sockaddr*>(&address), size) !=
        MHD_YES) {
      shared.connections.Remove(fd);  // it is closed
    }
  }
}

void HttpServer::Impl::EndRetired() {
  std::vector<std::unique_ptr<Generation>> ended;
  const std::lock_guard lock(mutex_);
  std::erase_if(retired_, [&](std::unique_ptr<Generation>& generation) {
    if (shared.connections.CountOf(generation.get()) > 0) return false;
    ended.push_back(std::move(generation));
    return true;
  });
}

void HttpServer::Impl::Stop() {
  stopping_ = true;
  for (const ListeningSocket& socket : sockets_) {
    (void)shutdown(socket.fd.get(), SHUT_RDWR);  // ends the poll
  }
  if (acceptor_.joinable()) acceptor_.join();
  // A daemon must not end while a lane has one of its connections.
  shared.checks.Stop();
  shared.quick.Stop();
  shared.patient.Stop();
  now_.reset();
  retired_.clear();
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(
    const std::vector<std::string>& addresses, HttpOptions options) {
  if (!options.error) options.error = PlainError;
  std::vector<ListeningSocket> sockets;
  for (const std::string& address : addresses) {
    absl::StatusOr<ListeningSocket> socket = ListenOn(address);
    if (!socket.ok()) return socket.status();
    sockets.push_back(*std::move(socket));
  }
  return std::unique_ptr<HttpServer>(
      new HttpServer(std::make_unique<Impl>(std::move(sockets), std::move(options))));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() = default;

absl::Status HttpServer::Serve(HttpSettings settings) { return impl_->Serve(std::move(settings)); }

absl::Status HttpServer::Apply(HttpSettings settings) { return impl_->Apply(std::move(settings)); }

std::vector<Endpoint> HttpServer::endpoints() const {
  std::vector<Endpoint> endpoints;
  for (const ListeningSocket& socket : impl_->sockets()) endpoints.push_back(socket.endpoint);
  return endpoints;
}

HttpFigures HttpServer::figures() const {
  const HttpShared& shared = impl_->shared;
  return {.connections = shared.connections.counts(),
          .requests = shared.requests,
          .wrong_passwords = shared.wrong_passwords,
          .busy = shared.busy};
}

}  // namespace backscatter
