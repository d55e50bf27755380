#include "exporters/http_server_exchange.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "agent/base/ascii.h"

namespace backscatter {
namespace {

constexpr std::size_t kLeastCompressed = 1024;
// Not counted among the answers that wait: a probe is answered whatever others do not read.
constexpr std::size_t kLeastCharged = 4096;

// Names that a request may have at most once: two readers might choose differently.
struct HeaderCensus {
  std::array<int, 5> counts = {};
  bool bad_name = false;
};
constexpr std::string_view kOnlyOnce[] = {"Content-Length", "Transfer-Encoding", "Host",
                                          "Authorization", "Expect"};

bool IsTokenCharacter(char c) {
  return IsAlpha(c) || IsDigit(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

MHD_Result CountHeader(void* census, MHD_ValueKind /*kind*/, const char* key,
                       const char* /*value*/) {
  auto& out = *static_cast<HeaderCensus*>(census);
  const std::string_view name(key);
  out.bad_name |= name.empty() || !std::ranges::all_of(name, IsTokenCharacter);
  for (std::size_t i = 0; i < std::size(kOnlyOnce); ++i) {
    if (EqualsIgnoreCase(name, kOnlyOnce[i])) ++out.counts[i];
  }
  return MHD_YES;
}

// RFC 9110, 12.5.3; "gzip", "x-gzip" and "*" with a weight above 0.
bool TakesGzip(std::string_view header) {
  bool takes = false;
  while (!header.empty()) {
    std::string_view part = header.substr(0, header.find(','));
    header.remove_prefix(std::min(part.size() + 1, header.size()));
    const std::size_t semicolon = std::min(part.find(';'), part.size());
    std::string_view weight = part.substr(semicolon);
    part = part.substr(0, semicolon);
    while (!part.empty() && IsBlank(part.front())) part.remove_prefix(1);
    while (!part.empty() && IsBlank(part.back())) part.remove_suffix(1);
    if (!EqualsIgnoreCase(part, "gzip") && !EqualsIgnoreCase(part, "x-gzip") && part != "*") {
      continue;
    }
    const std::size_t q = weight.find("q=");
    weight = q == std::string_view::npos ? "1" : weight.substr(q + 2);
    const bool none =
        weight.starts_with('0') && weight.find_first_of("123456789") == std::string_view::npos;
    if (part != "*") return !none;
    takes = !none;
  }
  return takes;
}

std::optional<HttpMethod> MethodOf(std::string_view name) {
  if (name == "GET") return HttpMethod::kGet;
  if (name == "HEAD") return HttpMethod::kHead;
  if (name == "POST") return HttpMethod::kPost;
  return std::nullopt;
}

void FreeBody(void* body) { delete static_cast<std::shared_ptr<const HttpBody>*>(body); }

// Of pages: they load nothing, run nothing, and are in nobody's frame.
constexpr std::pair<std::string_view, std::string_view> kHeaders[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy",
     "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; "
     "base-uri 'none'"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
};

}  // namespace

HttpExchange::~HttpExchange() { shared_.answer_bytes -= charged_; }

std::string_view HttpExchange::Header(const char* name) const {
  const char* const value = MHD_lookup_connection_value(connection_, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// What might be read as another request by someone before us. Empty: nothing.
std::string_view HttpExchange::BadFraming(std::string_view version) const {
  HeaderCensus census;
  MHD_get_connection_values(connection_, MHD_HEADER_KIND, CountHeader, &census);
  if (census.bad_name) return "a header has a wrong name";
  if (std::ranges::any_of(census.counts, [](int count) { return count > 1; })) {
    return "a header that stands alone came twice";
  }
  const std::string_view length = Header("Content-Length");
  const bool chunked = census.counts[1] > 0;
  if (chunked && census.counts[0] > 0) return "the length of the body is given in two ways";
  if (chunked &&
      (version != "HTTP/1.1" || !EqualsIgnoreCase(Header("Transfer-Encoding"), "chunked"))) {
    return "this transfer encoding is not known";
  }
  if (census.counts[0] > 0 && (length.empty() || !std::ranges::all_of(length, IsDigit))) {
    return "the length of the body is no number";
  }
  const bool body = chunked || length.find_first_not_of('0') != std::string_view::npos;
  if (body && request_.method != HttpMethod::kPost) return "only POST may have a body";
  return {};
}

MHD_Result HttpExchange::OnCall(const char* method, const char* version, std::size_t* upload_size) {
  switch (step_) {
    case Step::kHeaders:
      step_ = Step::kBody;
      return OnHeaders(method, version);
    case Step::kBody:
      if (*upload_size == 0) return OnWhole();
      uploaded_ += *upload_size;
      *upload_size = 0;
      return uploaded_ <= shared_.options.limits.upload_bytes ? MHD_YES : MHD_NO;
    case Step::kVerified:
      return Handle();
    case Step::kAnswered:
      return Answer();
  }
  return MHD_NO;
}

MHD_Result HttpExchange::OnHeaders(std::string_view method, std::string_view version) {
  ++shared_.requests;
  request_.client = known_.client;
  const std::size_t mark = std::min(target_.find('?'), target_.size());
  request_.path = target_.substr(0, mark);
  const std::optional<HttpMethod> known = MethodOf(method);
  if (known) request_.method = *known;
  method_ = !known ? "" : *known == HttpMethod::kPost ? "POST" : "GET";
  gzip_ = TakesGzip(Header("Accept-Encoding"));
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return Refuse(400, "this is no HTTP/1.1");
  if (const std::string_view bad = BadFraming(version); !bad.empty()) return Refuse(400, bad);
  const std::string_view length = Header("Content-Length");
  std::size_t bytes = 0;
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (!length.empty() &&
      (parsed.ec != std::errc() || bytes > shared_.options.limits.upload_bytes)) {
    return Refuse(413, "the body is too long");
  }
  return MHD_YES;
}

MHD_Result HttpExchange::OnWhole() {
  shared_.connections.Enter(&known_, HttpConnections::State::kAnswering,
                            HttpConnections::Clock::now());
  const std::shared_ptr<const HttpRules> rules = shared_.Rules();
  if (rules->users->empty()) return Handle();
  const std::optional<HttpCredentials> credentials = ParseBasicCredentials(Header("Authorization"));
  if (!credentials) return Refuse(401, "a user and a password are needed");
  if (rules->users->Remembers(*credentials)) return Handle();
  // bcrypt takes long by design: on a thread of its own, where each client waits for its turn.
  // Who was let in before goes first: others may send as many wrong ones as they like.
  const IpAddress client = HttpClientKey(request_.client);
  const auto check = [this, rules, client, credentials = *credentials] {
    verified_ = rules->users->Verify(credentials);
    step_ = Step::kVerified;
    if (verified_) {
      shared_.known.Add(client);
      shared_.connections.Know(&known_);
    } else {
      ++shared_.wrong_passwords;
    }
  };
  return GoTo(shared_.checks, check, shared_.known.Has(client));
}

MHD_Result HttpExchange::Handle() {
  if (step_ == Step::kVerified && !verified_) return Refuse(401, "wrong user or password");
  const std::vector<HttpRoute>& routes = shared_.options.routes;
  const auto route = std::ranges::find(routes, request_.path, &HttpRoute::path);
  if (route == routes.end()) return Refuse(404, "there is no such page", false);
  if (method_ != (route->post ? "POST" : "GET")) {
    response_.headers = {{"Allow", route->post ? "POST" : "GET, HEAD"}};
    return Refuse(405, "this method is not for this page");
  }
  const std::size_t mark = target_.find('?');
  absl::StatusOr<HttpQuery> query =
      HttpQuery::Parse(mark == std::string::npos ? "" : target_.substr(mark + 1));
  if (!query.ok()) return Refuse(400, std::string(query.status().message()), false);
  request_.query = *std::move(query);
  HttpLaneThread& lane = route->lane == HttpLane::kQuick ? shared_.quick : shared_.patient;
  return GoTo(lane, [this, route] {
    response_ = route->handler(request_);
    if (gzip_ && response_.body != nullptr && response_.body->text().size() >= kLeastCompressed) {
      (void)response_.body->gzip();  // here, not on the thread that moves the bytes
    }
    step_ = Step::kAnswered;
  });
}

MHD_Result HttpExchange::GoTo(HttpLaneThread& lane, std::function<void()> work, bool first) {
  MHD_suspend_connection(connection_);
  const auto job = [this, work = std::move(work)](bool run) {
    if (run) {
      work();
    } else {
      (void)RefuseBusy();
    }
    MHD_resume_connection(connection_);
  };
  const bool taken = lane.Post(HttpClientKey(request_.client), job, first);
  if (!taken) {
    (void)RefuseBusy();
    MHD_resume_connection(connection_);
  }
  return MHD_YES;
}

MHD_Result HttpExchange::RefuseBusy() {
  ++shared_.busy;
  response_ = shared_.options.error(request_.path, 503, "too many requests wait; ask again later");
  response_.headers.emplace_back("Retry-After", "1");
  close_ = true;
  step_ = Step::kAnswered;
  return MHD_YES;
}

MHD_Result HttpExchange::Refuse(int status, std::string_view text, bool close) {
  auto headers = std::move(response_.headers);
  response_ = shared_.options.error(request_.path, status, text);
  std::ranges::move(headers, std::back_inserter(response_.headers));
  if (status == 401) {
    response_.headers.emplace_back("WWW-Authenticate",
                                   "Basic realm=\"" + shared_.options.realm + "\"");
  }
  close_ = close;
  step_ = Step::kAnswered;
  return Answer();
}

MHD_Result HttpExchange::Answer() {
  const std::size_t size = response_.body == nullptr ? 0 : response_.body->text().size();
  if (size >= kLeastCharged && !response_.body->shared() && charged_ == 0) {
    charged_ = size;
    if ((shared_.answer_bytes += charged_) > shared_.options.limits.answer_bytes) {
      shared_.answer_bytes -= std::exchange(charged_, 0);
      (void)RefuseBusy();
    }
  }
  MHD_Response* const response = MakeMhdResponse();
  if (response == nullptr) return MHD_NO;
  const MHD_Result queued =
      MHD_queue_response(connection_, static_cast<unsigned>(response_.status), response);
  MHD_destroy_response(response);
  return queued;
}

MHD_Response* HttpExchange::MakeMhdResponse() const {
  MHD_Response* response = nullptr;
  const bool compressible =
      response_.body != nullptr && response_.body->text().size() >= kLeastCompressed;
  const bool compressed = compressible && gzip_ && !response_.body->gzip().empty();
  if (response_.body == nullptr) {
    response = MHD_create_response_from_buffer(0, nullptr, MHD_RESPMEM_PERSISTENT);
  } else {
    auto* const body = new std::shared_ptr<const HttpBody>(response_.body);
    const std::string& text = compressed ? (*body)->gzip() : (*body)->text();
    // The library does not write to it.
    response = MHD_create_response_from_buffer_with_free_callback_cls(
        text.size(), const_cast<char*>(text.data()), FreeBody, body);
    if (response == nullptr) FreeBody(body);
  }
  if (response == nullptr) return nullptr;
  const std::shared_ptr<const HttpRules> rules = shared_.Rules();
  const auto add = [&](std::string_view name, std::string_view value) {
    MHD_add_response_header(response, std::string(name).c_str(), std::string(value).c_str());
  };
  add("Content-Type", response_.content_type);
  if (compressible) add("Vary", "Accept-Encoding");
  if (compressed) add("Content-Encoding", "gzip");
  if (close_ || shared_.connections.IsRetired(known_)) add("Connection", "close");
  for (const auto& [name, value] : kHeaders) {
    const auto same = [&, name = name](const auto& each) {
      return EqualsIgnoreCase(each.first, name);
    };
    if (std::ranges::none_of(rules->settings.headers, same)) add(name, value);
  }
  for (const auto& [name, value] : rules->settings.headers) add(name, value);
  for (const auto& [name, value] : response_.headers) add(name, value);
  return response;
}

}  // namespace backscatter
