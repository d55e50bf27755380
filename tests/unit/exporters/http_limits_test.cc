// Clients that hold on to the HTTP server, and those that must get through all the same.
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/exporters/http_server_fixture.h"

namespace backscatter {
namespace {

using std::chrono::milliseconds;
using support::Get;
using support::HttpSocket;

using Sockets = std::vector<std::unique_ptr<HttpSocket>>;

class HttpLimitsTest : public HttpServerTest {
 protected:
  // No time-out does by chance what is expected of something else.
  HttpLimitsTest() { limits_.header = limits_.idle = limits_.answer = milliseconds(60'000); }

  void Open(std::size_t count, const std::string& from, Sockets& out,
            std::string_view sends = "") const {
    for (std::size_t i = 0; i < count; ++i) {
      out.push_back(std::make_unique<HttpSocket>(port(), from));
      ASSERT_TRUE(out.back()->connected());
      out.back()->Send(sends);
    }
  }
};

TEST_F(HttpLimitsTest, AByteNowAndThenProlongsNothing) {
  limits_.header = kShort;
  Serve();
  HttpSocket client(port());
  client.Send("GET / HTTP/1.1\r\nX: ");
  const auto start = std::chrono::steady_clock::now();
  while (client.Send("x") && std::chrono::steady_clock::now() - start < milliseconds(8000)) {
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_TRUE(client.Closes());
  EXPECT_EQ(counts().timed_out, 1u);
}

TEST_F(HttpLimitsTest, TheSecondRequestHasItsTimeToo) {
  limits_.header = kShort;
  Serve();
  HttpSocket client(port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(client.Read()->status, 200);
  std::this_thread::sleep_for(2 * kShort);  // idle is something else
  client.Send("GET / HTTP/1.1\r\nX: ");
  EXPECT_TRUE(client.Closes());
  EXPECT_EQ(counts().timed_out, 1u);
}

TEST_F(HttpLimitsTest, WhoSaysNothingAndWhoIsIdleAreClosed) {
  limits_.header = kShort;
  limits_.idle = kShort;
  Serve();
  HttpSocket silent(port());
  HttpSocket idle(port());
  idle.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(idle.Read()->status, 200);
  EXPECT_TRUE(silent.Closes());
  EXPECT_TRUE(idle.Closes());
  EXPECT_TRUE(Becomes([this] { return counts().open == 0; }));
}

TEST_F(HttpLimitsTest, WhoDoesNotReadIsClosedAndDelaysNobody) {
  limits_.answer = kShort;
  routes_.push_back({"/huge", Says(std::string(16U << 20, 'x'))});
  Serve();
  HttpSocket client(port(), "127.0.0.1", 4096);
  client.Send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Becomes([this] { return server_->figures().requests == 1; }));
  EXPECT_EQ(Get(port(), "/")->status, 200);
  EXPECT_TRUE(Becomes([this] { return counts().timed_out == 1 && counts().open == 0; }));
}

TEST_F(HttpLimitsTest, AnswersThatNobodyReadsHaveABound) {
  limits_.answer_bytes = 20U << 20;
  routes_.push_back({"/huge", Says(std::string(16U << 20, 'x'))});
  Serve();
  HttpSocket client(port(), "127.0.0.1", 4096);
  client.Send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Becomes([this] { return server_->figures().requests == 1; }));
  EXPECT_TRUE(Becomes([this] { return Get(port(), "/huge")->status == 503; }));
  EXPECT_EQ(Get(port(), "/")->status, 200);
  EXPECT_GE(server_->figures().busy, 1u);
}

TEST_F(HttpLimitsTest, AShortAnswerComesWhateverNobodyReads) {
  limits_.answer_bytes = 16U << 20;
  routes_.push_back({"/huge", Says(std::string(16U << 20, 'x'))});  // all that there may be
  Serve();
  HttpSocket client(port(), "127.0.0.1", 4096);
  client.Send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(Becomes([this] { return Get(port(), "/long")->status == 503; }));
  EXPECT_EQ(Get(port(), "/")->status, 200);
}

TEST_F(HttpLimitsTest, OneClientDisplacesOnlyItself) {
  limits_.connections_of_one = 8;
  Serve();
  HttpSocket other(port(), "127.0.0.2");
  Sockets many;
  Open(100, "127.0.0.1", many);
  ASSERT_TRUE(Becomes([this] { return counts().accepted == 101; }));
  EXPECT_EQ(counts().open, 9u);
  EXPECT_EQ(counts().displaced, 92u);
  EXPECT_TRUE(many.front()->Closes());  // the oldest
  // Also the flooder's own address gets through, and so does who was there before.
  EXPECT_EQ(Get(port(), "/")->status, 200);
  other.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(other.Read()->status, 200);
}

TEST_F(HttpLimitsTest, AFullHouseLosesWhatTheGreatestHolds) {
  limits_.connections = 16;
  limits_.connections_of_one = 10;
  Serve();
  Sockets great;
  Sockets small;
  Open(6, "127.0.0.2", small);  // before: age does not matter
  ASSERT_TRUE(Becomes([this] { return counts().open == 6; }));
  Open(10, "127.0.0.1", great);
  ASSERT_TRUE(Becomes([this] { return counts().open == 16; }));
  EXPECT_EQ(Get(port(), "/", "", "127.0.0.3")->status, 200);
  EXPECT_TRUE(great.front()->Closes());
  EXPECT_EQ(counts().displaced, 1u);
  for (const auto& each : small) {
    each->Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(each->Read()->status, 200);
  }
}

TEST_F(HttpLimitsTest, WhoOwesItsFirstRequestGoesBeforeWhoIsIdle) {
  limits_.connections_of_one = 2;
  Serve();
  HttpSocket idle(port());
  idle.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(idle.Read()->status, 200);
  std::this_thread::sleep_for(milliseconds(50));  // so that it is the older one for sure
  HttpSocket silent(port());
  ASSERT_TRUE(Becomes([this] { return counts().open == 2; }));
  EXPECT_EQ(Get(port(), "/")->status, 200);
  EXPECT_TRUE(silent.Closes());
  idle.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(idle.Read()->status, 200);
}

TEST_F(HttpLimitsTest, WhatIsBeingAnsweredIsNotDisplaced) {
  limits_.connections_of_one = 2;
  Serve();
  Sockets asking;
  Open(2, "127.0.0.1", asking, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Becomes([this] { return server_->figures().requests == 2; }));
  HttpSocket third(port());
  EXPECT_TRUE(third.Closes());
  EXPECT_EQ(counts().refused, 1u);
  release_.set_value();
  for (const auto& each : asking) EXPECT_EQ(each->Read()->body, "at last\n");
}

TEST_F(HttpLimitsTest, WhatReadsNothingForLongIsDisplacedAtLast) {
  limits_.connections_of_one = 1;
  limits_.reading = kShort;
  routes_.push_back({"/huge", Says(std::string(16U << 20, 'x'))});
  Serve();
  HttpSocket client(port(), "127.0.0.1", 4096);
  client.Send("GET /huge HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Becomes([this] { return server_->figures().requests == 1; }));
  EXPECT_TRUE(Becomes([this] {
    const auto answer = Get(port(), "/");
    return answer && answer->status == 200;
  }));
  EXPECT_EQ(counts().displaced, 1u);
}

TEST_F(HttpLimitsTest, AHandlerThatWaitsDelaysNoQuickOne) {
  Serve();
  HttpSocket waiting(port());
  waiting.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(Becomes([this] { return server_->figures().requests == 1; }));
  EXPECT_EQ(Get(port(), "/")->status, 200);
  release_.set_value();
  EXPECT_EQ(waiting.Read()->body, "at last\n");
}

TEST_F(HttpLimitsTest, WhereTooMuchWaitsTheAnswerIsToComeAgain) {
  Serve();
  Sockets asking;
  Open(20, "127.0.0.1", asking, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  // 8 wait, and one runs by now, or not yet.
  const auto busy = [this] { return static_cast<int>(server_->figures().busy); };
  EXPECT_TRUE(Becomes([&] { return server_->figures().requests == 20 && busy() >= 11; }));
  EXPECT_LE(busy(), 12);
  EXPECT_EQ(Get(port(), "/")->status, 200);
  release_.set_value();
  int whole = 0;
  for (const auto& each : asking) {
    const auto answer = each->Read();
    ASSERT_TRUE(answer.has_value());
    if (answer->status == 200) {
      ++whole;
    } else {
      EXPECT_EQ(answer->status, 503);
      EXPECT_EQ(answer->Header("retry-after"), "1");
    }
  }
  EXPECT_EQ(whole, 20 - busy());
}

TEST_F(HttpLimitsTest, AServerEndsWithItsClientsStillThere) {
  Serve();
  Sockets clients;
  Open(5, "127.0.0.1", clients);
  Open(5, "127.0.0.1", clients, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  Open(5, "127.0.0.1", clients, "GET /slow HTTP/1.1\r\nHost:");
  ASSERT_TRUE(Becomes([this] { return server_->figures().requests == 5; }));
  release_.set_value();
  server_.reset();
  for (const auto& each : clients) EXPECT_TRUE(each->Closes());
}

TEST(HttpConnections, AnIpv6ClientIsItsSixtyFour) {
  const auto key = [](const char* text) { return HttpClientKey(*IpAddress::Parse(text)); };
  EXPECT_EQ(key("2001:db8::1"), key("2001:db8::ffff:1"));
  EXPECT_NE(key("2001:db8::1"), key("2001:db8:0:1::1"));
  EXPECT_NE(key("192.0.2.1"), key("192.0.2.2"));
}

}  // namespace
}  // namespace backscatter
