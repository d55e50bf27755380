// The pages of the agent, and how it takes up a new web configuration.
#include "agent/app/web.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <nlohmann/json.hpp>

#include "tests/support/http_socket.h"
#include "tests/support/make_transaction.h"
#include "tests/support/tls_client.h"

namespace backscatter {
namespace {

using support::Get;
using support::HttpSocket;
using support::MadeCertificate;
using support::MakeCertificate;
using support::TlsClient;
using testing::HasSubstr;
using testing::Not;

class WebTest : public testing::Test {
 protected:
  WebTest() {
    char name[] = "/tmp/backscatter_web_XXXXXX";
    directory_ = mkdtemp(name);
    log_file_ = std::fopen(Path("log").c_str(), "w");
    log_ = std::make_unique<Log>(fileno(log_file_), LogFormat::kLogfmt, LogLevel::kInfo);
  }
  ~WebTest() override {
    web_.reset();
    std::fclose(log_file_);
    std::filesystem::remove_all(directory_);
  }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  std::string LogText() const {
    std::ifstream in(Path("log"), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void WriteCertificate(const MadeCertificate& made) const {
    Write("server.crt", made.certificate);
    Write("server.key", made.key);
  }

  void Serve(const std::string& config_file = "", bool lifecycle = false,
             const std::string& address = "127.0.0.1:0") {
    auto web = Web::Listen({.listen = {address},
                            .config_file = config_file,
                            .lifecycle = lifecycle,
                            .log = log_.get(),
                            .news = &news_,
                            .snapshots = &snapshots_,
                            .transactions = &transactions_,
                            .report = [this](const WebReports::Done& done) {
                              ++reports_asked_;
                              if (answers_) done(std::make_shared<ApiReport>(), report_cost_);
                            }});
    ASSERT_TRUE(web.ok()) << web.status();
    web_ = *std::move(web);
    ASSERT_TRUE(web_->Serve().ok());
  }
  std::uint16_t port() const {
    const std::string log = LogText();
    const std::size_t at = log.find("msg=serving address=");
    return static_cast<std::uint16_t>(
        std::strtoul(log.c_str() + log.find(':', log.find("address=", at)) + 1, nullptr, 10));
  }
  // Looks at the files again until `condition` holds, ten seconds at most.
  template <typename Condition>
  bool BecomesAfterLooks(Condition condition, int looks = 100) {
    for (int i = 0; i < looks; ++i) {
      web_->Tick();
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }

  std::string directory_;
  std::FILE* log_file_;
  std::unique_ptr<Log> log_;
  Wake news_;
  SnapshotBox snapshots_;
  RecentTransactions transactions_;
  std::atomic<int> reports_asked_{0};
  std::atomic<bool> answers_{true};
  std::chrono::nanoseconds report_cost_{0};
  std::unique_ptr<Web> web_;
};

TEST_F(WebTest, ItIsReadyWhileItCapturesOnly) {
  Serve();
  EXPECT_EQ(Get(port(), "/-/healthy")->status, 200);
  EXPECT_EQ(Get(port(), "/-/ready")->status, 503);
  web_->Capturing("capturing on eth0");
  EXPECT_EQ(Get(port(), "/-/ready")->status, 200);
  web_->End();
  EXPECT_EQ(Get(port(), "/-/ready")->status, 503);
  EXPECT_EQ(Get(port(), "/-/healthy")->status, 200);
}

TEST_F(WebTest, TheLandingPageTellsVersionStateAndWhereToGo) {
  Serve();
  web_->Capturing("capturing on <eth0> & \"more\"");
  const auto page = Get(port(), "/");
  EXPECT_EQ(page->Header("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page->body, HasSubstr("capturing on &lt;eth0&gt; &amp; &quot;more&quot;"));
  EXPECT_THAT(page->body, HasSubstr("href=\"metrics\""));
  EXPECT_THAT(page->body, Not(HasSubstr("reload")));
}

TEST_F(WebTest, MetricsAreThoseOfTheLatestSnapshot) {
  Serve();
  EXPECT_EQ(Get(port(), "/metrics")->status, 503);
  const auto put = [this](std::uint64_t number, std::uint64_t packets) {
    auto snapshot = std::make_shared<LiveSnapshot>();
    snapshot->number = number;
    snapshot->packets = packets;
    snapshots_.Put(std::move(snapshot));
  };
  put(1, 4711);
  const auto page = Get(port(), "/metrics");
  EXPECT_EQ(page->status, 200);
  EXPECT_EQ(page->Header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(page->body, HasSubstr("} 4711\n"));
  EXPECT_EQ(snapshots_.scraped(), 1u);
  put(2, 4712);
  EXPECT_THAT(Get(port(), "/metrics")->body, HasSubstr("} 4712\n"));
  EXPECT_EQ(snapshots_.scraped(), 2u);
}

TEST_F(WebTest, ErrorsOfTheApiAreJson) {
  Serve();
  const auto answer = Get(port(), "/api/v1/\"nothing\"");
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->Header("content-type"), "application/json");
  const auto json = nlohmann::json::parse(answer->body);
  EXPECT_EQ(json.at("schema"), "backscatter.error/1");
  EXPECT_EQ(json.at("status"), 404);
  EXPECT_EQ(Get(port(), "/nothing")->Header("content-type"), "text/plain; charset=utf-8");
}

TEST_F(WebTest, TheApiAnswersInJson) {
  Serve();
  EXPECT_EQ(Get(port(), "/api/v1/status")->status, 503);
  EXPECT_EQ(Get(port(), "/api/v1/floods")->status, 503);
  snapshots_.Put(std::make_shared<LiveSnapshot>());
  for (const char* const page : {"status", "targets", "sources", "floods", "transactions"}) {
    const auto answer = Get(port(), "/api/v1/" + std::string(page));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 200) << page;
    EXPECT_EQ(answer->Header("content-type"), "application/json");
    EXPECT_EQ(nlohmann::json::parse(answer->body).at("schema"),
              "backscatter." + std::string(page) + "/1");
    for (const char* const query : {"?limit=0", "?limit=1001", "?offset=x", "?what=1", "?limit"}) {
      EXPECT_EQ(Get(port(), "/api/v1/" + std::string(page) + query)->status, 400) << page << query;
    }
  }
  EXPECT_EQ(Get(port(), "/api/v1/floods?state=on&limit=5")->status, 200);
  EXPECT_EQ(Get(port(), "/api/v1/floods?state=off")->status, 400);
}

TEST_F(WebTest, AReportIsMadeOnceForAllWhoAsk) {
  Serve();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Get(port(), "/api/v1/targets")->status, 200);
    EXPECT_EQ(Get(port(), "/api/v1/sources")->status, 200);
  }
  EXPECT_EQ(reports_asked_, 1);
}

TEST_F(WebTest, AnEngineWithoutTimeIsSaidSoAndNotAskedTwice) {
  answers_ = false;
  Serve();
  HttpSocket waiting(port());
  waiting.Send("GET /api/v1/targets HTTP/1.1\r\nHost: x\r\n\r\n");
  snapshots_.Put(std::make_shared<LiveSnapshot>());
  EXPECT_EQ(Get(port(), "/api/v1/status")->status, 200);  // meanwhile
  EXPECT_EQ(waiting.Read()->status, 503);
  HttpSocket again(port());
  again.Send("GET /api/v1/sources HTTP/1.1\r\nHost: x\r\n\r\n");
  web_->End();
  EXPECT_EQ(again.Read()->status, 503);
  EXPECT_EQ(Get(port(), "/api/v1/sources")->status, 503);
  EXPECT_EQ(reports_asked_, 1);
}

TEST_F(WebTest, TheLatestTransactionsAreKeptUpToTheNumberAskedFor) {
  const TargetNamer name = [](std::string_view address) {
    return TargetLabel{.domain = "", .target = "h(" + std::string(address) + ")"};
  };
  const auto happens = [this](const std::string& target) {
    const Transaction transaction = BounceTo(target, "192.0.2.1");
    transactions_.OnTransaction({transaction, MailDirection::kInbound, Judgement()});
  };
  Serve();
  happens("none@v.test");
  transactions_.Configure(3, {}, name);
  for (int i = 0; i < 5; ++i) happens("t" + std::to_string(i) + "@v.test");
  auto json = nlohmann::json::parse(Get(port(), "/api/v1/transactions?limit=2&offset=1")->body);
  EXPECT_EQ(json.at("capacity"), 3);
  EXPECT_EQ(json.at("seen"), 5);
  EXPECT_EQ(json.at("available"), 3);
  ASSERT_EQ(json.at("transactions").size(), 2u);
  EXPECT_EQ(json.at("transactions")[0].at("recipients")[0].at("target"), "h(t3@v.test)");
  EXPECT_EQ(json.at("transactions")[1].at("recipients")[0].at("target"), "h(t2@v.test)");
  transactions_.Configure(1, {}, name);
  json = nlohmann::json::parse(Get(port(), "/api/v1/transactions")->body);
  EXPECT_EQ(json.at("transactions").size(), 1u);
  transactions_.Configure(0, {}, name);
  EXPECT_EQ(nlohmann::json::parse(Get(port(), "/api/v1/transactions")->body).at("available"), 0);
}

TEST(RecentTransactions, HaveABoundInBytes) {
  RecentTransactions recent;
  recent.Configure(1'000'000, {}, [](std::string_view) {
    return TargetLabel{.domain = "", .target = std::string(1 << 20, 'x')};
  });
  const Transaction transaction = BounceTo("a@v.test", "192.0.2.1");
  for (int i = 0; i < 50; ++i) {
    recent.OnTransaction({transaction, MailDirection::kInbound, Judgement()});
  }
  EXPECT_EQ(recent.Latest({}).kept, 31u);  // of a MiB and a little, in 32 MiB
}

std::string PostReload(std::uint16_t port) {
  HttpSocket client(port);
  client.Send("POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  const auto answer = client.Read();
  return answer ? std::to_string(answer->status) + " " + answer->body : "none";
}

TEST_F(WebTest, AReloadIsForWhoIsToldItIs) {
  Serve();
  EXPECT_THAT(PostReload(port()), HasSubstr("403 The lifecycle API is not enabled"));
  int reloads = 0;
  web_->TakeReload([&]() -> absl::StatusOr<std::string> {
    ++reloads;
    return "";
  });
  EXPECT_EQ(reloads, 0);
}

TEST_F(WebTest, AReloadRunsWhereItIsTakenAndTellsItsResult) {
  Serve("", /*lifecycle=*/true);
  const std::uint16_t at = port();
  absl::StatusOr<std::string> result = "It holds.";
  std::atomic<bool> stop{false};
  const std::thread::id here = std::this_thread::get_id();
  const auto ask = [&] {
    std::string answer;
    stop = false;
    std::thread client([&] {
      answer = PostReload(at);
      stop = true;
    });
    while (!stop) {
      web_->TakeReload([&] {
        EXPECT_EQ(std::this_thread::get_id(), here);
        return result;
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    client.join();
    return answer;
  };
  EXPECT_EQ(ask(), "200 It holds.\n");
  result = absl::InvalidArgumentError("site.yaml:3: unknown key");
  EXPECT_EQ(ask(), "500 site.yaml:3: unknown key\n");
  std::string answer;
  std::thread client([&] { answer = PostReload(at); });
  for (eventfd_t count = 0; eventfd_read(news_.fd(), &count) != 0;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  web_->End();
  client.join();
  EXPECT_THAT(answer, HasSubstr("503 "));
}

TEST_F(WebTest, ACertificateThatIsReplacedIsTakenUp) {
  WriteCertificate(MakeCertificate(1));
  Write("web.yml", "tls_server_config: {cert_file: server.crt, key_file: server.key}\n");
  Serve(Path("web.yml"));
  EXPECT_EQ(TlsClient(port()).serial(), 1);
  WriteCertificate(MakeCertificate(2));
  EXPECT_TRUE(BecomesAfterLooks([this] { return TlsClient(port()).serial() == 2; }));
  EXPECT_THAT(LogText(), HasSubstr("web configuration read again"));
}

TEST_F(WebTest, ABrokenWebConfigurationLeavesTheOldOneAndIsSaidOnce) {
  WriteCertificate(MakeCertificate(1));
  const std::string config = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";
  Write("web.yml", config);
  Serve(Path("web.yml"));
  Write("server.crt", MakeCertificate(2).certificate);  // the key is the old one still
  const auto times = [this] {
    const std::string log = LogText();
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find("not read again", at)) != std::string::npos; ++at) {
      ++count;
    }
    return count;
  };
  EXPECT_TRUE(BecomesAfterLooks([&] { return times() == 1; }));
  EXPECT_EQ(TlsClient(port()).serial(), 1);
  EXPECT_FALSE(web_->holds());
  EXPECT_FALSE(BecomesAfterLooks([&] { return times() > 1; }, 30));
  EXPECT_FALSE(web_->Reread().ok());
  WriteCertificate(MakeCertificate(3));
  EXPECT_TRUE(BecomesAfterLooks([this] { return TlsClient(port()).serial() == 3; }));
  EXPECT_TRUE(web_->holds());
}

TEST_F(WebTest, AFileThatIsBeingWrittenIsNotTaken) {
  WriteCertificate(MakeCertificate(1));
  std::string config = "tls_server_config: {cert_file: server.crt, key_file: server.key}\n";
  Write("web.yml", config);
  Serve(Path("web.yml"));
  const auto taken = [this] { return LogText().find("read again") != std::string::npos; };
  EXPECT_FALSE(BecomesAfterLooks(
      [&] {
        Write("web.yml", config += '\n');
        return taken();
      },
      30));
  EXPECT_TRUE(BecomesAfterLooks(taken));
}

TEST_F(WebTest, AFileThatBecomesEmptyDoesNotOpenTheDoor) {
  WriteCertificate(MakeCertificate(1));
  Write("web.yml", "tls_server_config: {cert_file: server.crt, key_file: server.key}\n");
  Serve(Path("web.yml"));
  Write("web.yml", "");
  EXPECT_TRUE(BecomesAfterLooks(
      [this] { return LogText().find("holds nothing any more") != std::string::npos; }));
  EXPECT_EQ(TlsClient(port()).Get("/")->status, 200);
}

TEST_F(WebTest, AWrongWebConfigurationIsNoBeginning) {
  Write("web.yml", "basic_auth_users: {alice: secret}\n");
  const auto web = Web::Listen({.listen = {"127.0.0.1:0"},
                                .config_file = Path("web.yml"),
                                .log = log_.get(),
                                .news = &news_,
                                .snapshots = &snapshots_,
                                .transactions = &transactions_});
  EXPECT_TRUE(absl::IsInvalidArgument(web.status()));
}

TEST_F(WebTest, AnOpenDoorIsWarnedOf) {
  Serve();
  EXPECT_THAT(LogText(), Not(HasSubstr("level=warn")));
  Serve("", false, "0.0.0.0:0");
  EXPECT_THAT(LogText(), HasSubstr("whoever reaches this address reads what it serves"));
}

TEST_F(WebTest, WrongPasswordsAreLoggedAsANumber) {
  Write("web.yml",
        "basic_auth_users: {scraper: "
        "$2y$04$abcdefghijklmnopqrstuuoD8yw7MmybLKVooaTGGZAt3HXugv2.a}\n");
  Serve(Path("web.yml"));
  EXPECT_EQ(Get(port(), "/", "Authorization: Basic c2NyYXBlcjp0ZXN0\r\n")->status, 200);
  EXPECT_EQ(Get(port(), "/", "Authorization: Basic c2NyYXBlcjp3cm9uZw==\r\n")->status, 401);
  EXPECT_TRUE(BecomesAfterLooks([this] {
    return LogText().find("msg=\"wrong HTTP passwords\" since_start=1") != std::string::npos;
  }));
}

}  // namespace
}  // namespace backscatter
