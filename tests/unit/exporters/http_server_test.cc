// The HTTP server as a client sees it: methods, headers, framing, bodies.
#include <zlib.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/unit/exporters/http_server_fixture.h"

namespace backscatter {
namespace {

using support::Get;
using support::HttpAnswer;
using support::HttpSocket;
using testing::HasSubstr;

TEST_F(HttpServerTest, AGetIsAnsweredAndTheConnectionGoesOn) {
  Serve();
  HttpSocket client(port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    const auto answer = client.Read();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello\n");
    EXPECT_EQ(answer->Header("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(answer->Header("x-content-type-options"), "nosniff");
    EXPECT_EQ(answer->Header("cache-control"), "no-store");
  }
  EXPECT_EQ(counts().accepted, 1u);
}

TEST_F(HttpServerTest, AHeadHasTheLengthAndNoBody) {
  Serve();
  HttpSocket client(port());
  client.Send("HEAD /long HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto head = client.Read(/*head=*/true);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->Header("content-length"), std::to_string(long_text_.size()));
  const auto next = client.Read();  // begins right behind the headers
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->body, "hello\n");
}

TEST_F(HttpServerTest, AnOldClientIsAnsweredAndTheConnectionEnds) {
  Serve();
  HttpSocket client(port());
  client.Send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.Read()->status, 200);
  EXPECT_TRUE(client.Closes());
}

struct Wrong {
  const char* request;
  int status;
  const char* allow = "";
};

class WrongRequest : public HttpServerTest, public testing::WithParamInterface<Wrong> {};

TEST_P(WrongRequest, GetsItsStatus) {
  Serve();
  HttpSocket client(port());
  client.Send(GetParam().request);
  const auto answer = client.Read();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, GetParam().status);
  EXPECT_EQ(answer->Header("allow"), GetParam().allow);
}

INSTANTIATE_TEST_SUITE_P(
    Pages, WrongRequest,
    testing::Values(Wrong{"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404},
                    Wrong{"GET /% HTTP/1.1\r\nHost: x\r\n\r\n", 404},
                    Wrong{"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", 404},
                    Wrong{"GET /../ HTTP/1.1\r\nHost: x\r\n\r\n", 404},
                    Wrong{"GET // HTTP/1.1\r\nHost: x\r\n\r\n", 404},
                    Wrong{"GET /act HTTP/1.1\r\nHost: x\r\n\r\n", 405, "POST"},
                    Wrong{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405,
                          "GET, HEAD"},
                    Wrong{"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 405, "GET, HEAD"},
                    Wrong{"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n", 405, "GET, HEAD"},
                    Wrong{"GET / HTTP/1.1\r\n\r\n", 400},  // RFC 9112, 3.2: Host
                    Wrong{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505}));

INSTANTIATE_TEST_SUITE_P(Queries, WrongRequest,
                         testing::Values(Wrong{"GET /query?a=%00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
                                         Wrong{"GET /query?a=%0a HTTP/1.1\r\nHost: x\r\n\r\n", 400},
                                         Wrong{"GET /query?a=%4 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
                                         Wrong{"GET /query?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
                                         Wrong{"GET /query?a=1&a=2 HTTP/1.1\r\nHost: x\r\n\r\n",
                                               400}));

TEST_F(HttpServerTest, AQueryIsDecoded) {
  Serve();
  EXPECT_EQ(Get(port(), "/query?limit=10&q=a%2bb+c&flag&&x=%3D")->body,
            "limit=10;q=a+b c;flag=;x==;");
  EXPECT_EQ(Get(port(), "/query?")->body, "");
}

TEST_F(HttpServerTest, AQueryHasBounds) {
  Serve();
  EXPECT_EQ(Get(port(), "/query?a=" + std::string(2046, 'x'))->status, 200);
  EXPECT_EQ(Get(port(), "/query?a=" + std::string(2047, 'x'))->status, 400);
  std::string many = "/query?";
  for (int i = 0; i < 16; ++i) many += "p" + std::to_string(i) + "=1&";
  EXPECT_EQ(Get(port(), many)->status, 200);
  EXPECT_EQ(Get(port(), many + "p16=1")->status, 400);
}

// Each might be two requests for one reader and one for another: refused, and nothing behind it is
// read.
class Smuggled : public HttpServerTest, public testing::WithParamInterface<const char*> {};

TEST_P(Smuggled, IsRefusedAndNothingBehindItIsRead) {
  Serve();
  HttpSocket client(port());
  client.Send(std::string(GetParam()) + "GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.Read();
  if (answer) {
    EXPECT_GE(answer->status, 400);
    EXPECT_LT(answer->status, 502);
  }
  EXPECT_FALSE(client.Read().has_value());
  EXPECT_TRUE(client.Closes());
}

INSTANTIATE_TEST_SUITE_P(
    Requests, Smuggled,
    testing::Values(
        "POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 0\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: 0x0\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: 0,0\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /act HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /act HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd",
        "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "GET /\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"));

TEST_F(HttpServerTest, APostMayHaveASmallBody) {
  Serve();
  HttpSocket client(port());
  client.Send("POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd");
  EXPECT_EQ(client.Read()->body, "done\n");
  client.Send(
      "POST /act HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n0\r\n\r\n");
  EXPECT_EQ(client.Read()->body, "done\n");
  client.Send("POST /act HTTP/1.1\r\nHost: x\r\nContent-Length: 1025\r\n\r\n");
  EXPECT_EQ(client.Read()->status, 413);
  EXPECT_TRUE(client.Closes());
}

TEST_F(HttpServerTest, AChunkedBodyThatIsTooLongEndsTheConnection) {
  Serve();
  HttpSocket client(port());
  client.Send("POST /act HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 100 && client.Send("100\r\n" + std::string(256, 'x') + "\r\n"); ++i) {
  }
  EXPECT_TRUE(client.Closes());
}

TEST_F(HttpServerTest, HeadersHaveABound) {
  Serve();
  EXPECT_EQ(Get(port(), "/", "X: " + std::string(8000, 'x') + "\r\n")->status, 200);
  for (const std::size_t size : {std::size_t{20'000}, std::size_t{1} << 20}) {
    HttpSocket client(port());
    client.Send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(size, 'x') + "\r\n\r\n");
    EXPECT_TRUE(client.Closes());
    HttpSocket lines(port());
    std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (std::size_t i = 0; i < size / 10; ++i) many += "X-Y: 12\r\n";
    lines.Send(many + "\r\n");
    EXPECT_TRUE(lines.Closes());
    HttpSocket target(port());
    target.Send("GET /" + std::string(size, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(target.Closes());
  }
  EXPECT_EQ(Get(port(), "/")->status, 200);
}

std::string Inflate(const std::string& text) {
  std::string out(1 << 20, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST_F(HttpServerTest, BodiesAreCompressedForThoseWhoTakeIt) {
  Serve();
  for (const char* const takes : {"gzip", "deflate, gzip;q=0.5", "GZIP", "*", "br;q=1, *;q=0.1"}) {
    const auto answer = Get(port(), "/long", "Accept-Encoding: " + std::string(takes) + "\r\n");
    ASSERT_TRUE(answer.has_value()) << takes;
    EXPECT_EQ(answer->Header("content-encoding"), "gzip") << takes;
    EXPECT_LT(answer->body.size(), 200u);
    EXPECT_EQ(Inflate(answer->body), long_text_);
    EXPECT_EQ(answer->Header("vary"), "Accept-Encoding");
  }
  for (const char* const takes :
       {"", "identity", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzipped", "*, gzip;q=0"}) {
    const auto answer = Get(port(), "/long", "Accept-Encoding: " + std::string(takes) + "\r\n");
    ASSERT_TRUE(answer.has_value()) << takes;
    EXPECT_EQ(answer->Header("content-encoding"), "") << takes;
    EXPECT_EQ(answer->body, long_text_);
    EXPECT_EQ(answer->Header("vary"), "Accept-Encoding");
  }
  EXPECT_EQ(Get(port(), "/", "Accept-Encoding: gzip\r\n")->body, "hello\n");
}

TEST_F(HttpServerTest, HeadersOfTheSettingsReplaceOurs) {
  Serve(
      {.headers = {{"x-frame-options", "SAMEORIGIN"}, {"Strict-Transport-Security", "max-age=1"}}});
  const auto answer = Get(port(), "/");
  EXPECT_EQ(answer->Header("x-frame-options"), "SAMEORIGIN");
  EXPECT_EQ(answer->Header("strict-transport-security"), "max-age=1");
  ASSERT_TRUE(server_->Apply({}).ok());
  EXPECT_EQ(Get(port(), "/")->Header("x-frame-options"), "DENY");
}

TEST_F(HttpServerTest, ATakenPortIsSaidSo) {
  Serve();
  const std::string address = "127.0.0.1:" + std::to_string(port());
  const auto second = HttpServer::Listen({address}, {});
  ASSERT_FALSE(second.ok());
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("cannot listen on " + address + ": bind: Address already in use; another"));
}

TEST_F(HttpServerTest, SeveralAddressesAreServed) {
  auto server = HttpServer::Listen({"127.0.0.1:0", "127.0.0.2:0", ":0"}, {.routes = routes_});
  ASSERT_TRUE(server.ok()) << server.status();
  ASSERT_TRUE((*server)->Serve({}).ok());
  const std::vector<Endpoint> endpoints = (*server)->endpoints();
  ASSERT_EQ(endpoints.size(), 3u);
  EXPECT_EQ(endpoints[1].address.ToString(), "127.0.0.2");
  EXPECT_EQ(Get(endpoints[0].port, "/")->status, 200);
  EXPECT_EQ(Get(endpoints[2].port, "/")->status, 200);  // IPv4 on a socket of both families
}

}  // namespace
}  // namespace backscatter
