// Who may ask: passwords by bcrypt, and how the server asks for them.
#include "exporters/http_users.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "exporters/http_lane.h"
#include "tests/unit/exporters/http_server_fixture.h"

namespace backscatter {
namespace {

using support::Get;

// At the least cost; $2a$, $2b$ and $2y$ mean the same.
constexpr char kHashOfTest[] = "$2y$04$abcdefghijklmnopqrstuuoD8yw7MmybLKVooaTGGZAt3HXugv2.a";
constexpr char kHashOfSecret[] = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

// "Authorization" of scraper:test, scraper:wrong, nobody:test.
constexpr char kRight[] = "Authorization: Basic c2NyYXBlcjp0ZXN0\r\n";
constexpr char kWrong[] = "Authorization: Basic c2NyYXBlcjp3cm9uZw==\r\n";
constexpr char kNobody[] = "Authorization: Basic bm9ib2R5OnRlc3Q=\r\n";

TEST(BasicCredentials, AreDecodedWithinBounds) {
  const auto parsed = ParseBasicCredentials("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  ASSERT_TRUE(parsed.has_value());  // RFC 7617, 2
  EXPECT_EQ(parsed->user, "Aladdin");
  EXPECT_EQ(parsed->password, "open sesame");
  EXPECT_EQ(ParseBasicCredentials("bAsIc YTpiOmM=")->password, "b:c");
  EXPECT_EQ(ParseBasicCredentials("Basic Og==")->user, "");
  for (const char* const wrong : {"", "Basic", "Basic ", "Basic !!!!", "Bearer YTpi",
                                  "Basic YWI=", "Basic YTpi YTpi", "Basic YQA6Yg=="}) {
    EXPECT_FALSE(ParseBasicCredentials(wrong).has_value()) << wrong;
  }
  EXPECT_FALSE(ParseBasicCredentials("Basic " + std::string(2000, 'Y')).has_value());
}

TEST(BcryptCost, IsOfWholeHashesOnly) {
  EXPECT_EQ(BcryptCost(kHashOfTest), 4);
  EXPECT_EQ(BcryptCost(kHashOfSecret), 5);
  std::string hash = kHashOfTest;
  hash[2] = 'x';  // the flawed variant of crypt_blowfish
  EXPECT_FALSE(BcryptCost(hash).has_value());
  hash = kHashOfTest;
  hash[5] = '3';
  EXPECT_FALSE(BcryptCost(hash).has_value());
  hash = kHashOfTest;
  hash[20] = '+';
  EXPECT_FALSE(BcryptCost(hash).has_value());
  EXPECT_FALSE(BcryptCost(std::string(kHashOfTest) + "a").has_value());
  EXPECT_FALSE(BcryptCost("test").has_value());
  EXPECT_FALSE(BcryptCost("").has_value());
}

TEST(HttpUsers, OnlyTheRightPasswordIsRememberedAndNoneDisplacesIt) {
  HttpUsers users({{"scraper", kHashOfTest}, {"ann", kHashOfSecret}});
  const HttpCredentials right{"scraper", "test"};
  EXPECT_FALSE(users.Remembers(right));
  EXPECT_TRUE(users.Verify(right));
  EXPECT_TRUE(users.Remembers(right));
  EXPECT_TRUE(users.Verify({"ann", "secret"}));
  for (const HttpCredentials& wrong :
       std::vector<HttpCredentials>{{"scraper", "secret"},
                                    {"scraper", ""},
                                    {"ann", "test"},
                                    {"nobody", "test"},
                                    {"", ""},
                                    {"scraper", std::string(1000, 'x')}}) {
    EXPECT_FALSE(users.Verify(wrong)) << wrong.user << " " << wrong.password;
    EXPECT_FALSE(users.Remembers(wrong)) << wrong.user << " " << wrong.password;
  }
  EXPECT_TRUE(users.Remembers(right));
  EXPECT_FALSE(HttpUsers(std::vector<HttpUser>{{"scraper", kHashOfSecret}}).Remembers(right));
}

class HttpUsersTest : public HttpServerTest {
 protected:
  const HttpSettings settings_ = {.users = {{"scraper", kHashOfTest}}};
};

TEST_F(HttpUsersTest, EveryPageWantsAPassword) {
  Serve(settings_);
  EXPECT_EQ(Get(port(), "/", kRight)->body, "hello\n");
  for (const char* const header :
       {"", kWrong, kNobody, "Authorization: Basic\r\n", "Authorization: Bearer x\r\n"}) {
    for (const char* const page : {"/", "/nothing", "/act", "/query?a=%00"}) {
      const auto answer = Get(port(), page, header);
      ASSERT_TRUE(answer.has_value());
      EXPECT_EQ(answer->status, 401) << header << page;
      EXPECT_EQ(answer->Header("www-authenticate"), "Basic realm=\"http\"");
      EXPECT_EQ(answer->body.find("hello"), std::string::npos);
    }
  }
  EXPECT_EQ(server_->figures().wrong_passwords, 8u);
  EXPECT_EQ(Get(port(), "/nothing", kRight)->status, 404);
  EXPECT_EQ(Get(port(), "/", std::string(kRight) + kRight)->status, 400);
}

TEST_F(HttpUsersTest, AChangeOfUsersHoldsFromTheNextRequestOn) {
  Serve(settings_);
  support::HttpSocket client(port());
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(kRight) + "\r\n";
  client.Send(request);
  EXPECT_EQ(client.Read()->status, 200);
  ASSERT_TRUE(server_->Apply({.users = {{"scraper", kHashOfSecret}}}).ok());
  client.Send(request);
  EXPECT_EQ(client.Read()->status, 401);
  ASSERT_TRUE(server_->Apply({}).ok());
  EXPECT_EQ(Get(port(), "/")->status, 200);
}

// A house full of strangers who wait for the check of a password, and more of them at the door.
TEST_F(HttpUsersTest, StrangersDisplaceNobodyWhoWasLetInAndGoForThem) {
  limits_.connections = 8;
  std::string slow = kHashOfTest;
  slow.replace(4, 2, "13");  // of nothing that anybody knows
  Serve(settings_);
  const std::string right = "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(kRight) + "\r\n";
  const std::string wrong = "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(kNobody) + "\r\n";
  support::HttpSocket stays(port(), "127.0.0.2");
  stays.Send(right);
  EXPECT_EQ(stays.Read()->status, 200);
  ASSERT_TRUE(server_->Apply({.users = {{"ann", slow}, {"scraper", kHashOfTest}}}).ok());
  std::vector<std::unique_ptr<support::HttpSocket>> others;
  const auto come = [&](int count) {
    for (int i = 0; i < count; ++i) {
      others.push_back(std::make_unique<support::HttpSocket>(
          port(), "127.0.1." + std::to_string(others.size() + 1)));
      others.back()->Send(wrong);
    }
  };
  come(7);
  ASSERT_TRUE(Becomes([this] { return server_->figures().requests == 8; }));
  come(3);  // each place is taken, by one who waits for an answer or was let in
  ASSERT_TRUE(Becomes([this] { return counts().refused == 3; }));
  support::HttpSocket comes(port(), "127.0.0.2");
  ASSERT_TRUE(Becomes([this] { return counts().displaced == 1; }));
  come(3);
  ASSERT_TRUE(Becomes([this] { return counts().refused == 6; }));
  for (support::HttpSocket* const each : {&stays, &comes}) {
    each->Send(right);
    const auto answer = each->Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 200);
  }
}

// Many wrong passwords wait, and each takes its time.
TEST_F(HttpUsersTest, WhoWasLetInBeforeIsNotKeptWaitingByWrongPasswords) {
  std::string slow = kHashOfTest;
  slow.replace(4, 2, "11");  // of nothing that anybody knows
  Serve({.users = {{"scraper", kHashOfTest}}});
  EXPECT_EQ(Get(port(), "/", kRight)->status, 200);
  // Nobody is remembered now, and a name that is not known costs what the slowest does.
  ASSERT_TRUE(server_->Apply({.users = {{"scraper", kHashOfTest}, {"ann", slow}}}).ok());
  std::vector<std::unique_ptr<support::HttpSocket>> others;
  const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(kNobody) + "\r\n";
  for (int i = 0; i < 100; ++i) {
    others.push_back(
        std::make_unique<support::HttpSocket>(port(), "127.0.1." + std::to_string(i / 2 + 1)));
    others.back()->Send(request);
  }
  ASSERT_TRUE(Becomes([this] { return server_->figures().requests == 101; }));
  EXPECT_EQ(Get(port(), "/", kRight)->status, 200);
  EXPECT_LT(server_->figures().wrong_passwords, 90u);  // the rest still waits
}

TEST(HttpLane, ClientsTakeTurns) {
  HttpLaneThread lane(100, 50);
  std::string order;
  const IpAddress first = *IpAddress::Parse("192.0.2.1");
  const IpAddress second = *IpAddress::Parse("192.0.2.2");
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(lane.Post(first, [&](bool) { order += 'a'; }));
  }
  EXPECT_TRUE(lane.Post(second, [&](bool) { order += 'b'; }));
  EXPECT_TRUE(lane.Post(second, [&](bool) { order += 'b'; }));
  lane.Start();
  lane.Stop();
  EXPECT_EQ(order, "ababaa");
}

TEST(HttpLane, WhoGoesFirstWaitsForNobodysTurn) {
  HttpLaneThread lane(4, 4);
  std::string order;
  const auto address = [](int i) { return *IpAddress::Parse("192.0.2." + std::to_string(i)); };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(lane.Post(address(i), [&](bool) { order += 'a'; }));
  EXPECT_FALSE(lane.Post(address(9), [&](bool) { order += 'x'; }));
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(lane.Post(
        address(9), [&](bool) { order += 'b'; }, /*first=*/true));
  }
  EXPECT_TRUE(lane.Post(
      address(3), [&](bool) { order += 'c'; }, /*first=*/true));
  lane.Start();
  lane.Stop();
  EXPECT_EQ(order, "acbbaaa");  // whoever comes first last is first
}

TEST(HttpLane, HasBoundsAndCallsEveryJobThatItTook) {
  HttpLaneThread lane(5, 3);
  int called = 0;
  int run = 0;
  const auto job = [&](bool runs) {
    ++called;
    run += runs ? 1 : 0;
  };
  const IpAddress first = *IpAddress::Parse("192.0.2.1");
  const IpAddress second = *IpAddress::Parse("192.0.2.2");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(lane.Post(first, job));
  EXPECT_FALSE(lane.Post(first, job));
  EXPECT_TRUE(lane.Post(second, job));
  EXPECT_TRUE(lane.Post(second, job));
  EXPECT_FALSE(lane.Post(*IpAddress::Parse("192.0.2.3"), job));
  lane.Start();
  lane.Stop();
  EXPECT_EQ(called, 5);
  EXPECT_LE(run, 5);
  EXPECT_FALSE(lane.Post(first, job));
}

}  // namespace
}  // namespace backscatter
