#include "tests/replay/goldens.h"

#include <string_view>
#include <utility>

namespace backscatter::replay {
namespace {

using support::DialogueCapture;
using support::DialogueOptions;
using support::Merge;
using support::TimedFrame;

DialogueCapture Greeted(DialogueOptions options = {}) {
  DialogueCapture capture(std::move(options));
  capture.Lines({"S: 220 mx.v.test ESMTP", "C: EHLO out.a.test", "S: 250-mx.v.test",
                 "S: 250-PIPELINING", "S: 250 CHUNKING"});
  return capture;
}

DialogueCapture& Quit(DialogueCapture& capture) {
  return capture.Lines({"C: QUIT", "S: 221 2.0.0 Bye"});
}

constexpr std::string_view kReport =
    "From: MAILER-DAEMON@out.a.test\r\nTo: v@v.test\r\n"
    "Subject: Undelivered Mail Returned to Sender\r\nMessage-ID: <1@out.a.test>\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    "--b\r\n\r\nIt said:\r\nMAIL FROM:<>\r\nRCPT TO:<decoy@v.test>\r\n..\r\n--b--\r\n";

std::vector<TimedFrame> PipelinedBounce() {
  DialogueCapture capture = Greeted();
  capture.Lines({"C: MAIL FROM:<> SIZE=400", "C: RCPT TO:<Victim@V.test>",
                 "C: RCPT TO:<nobody@v.test>", "C: DATA", "S: 250 2.1.0 Ok", "S: 250 2.1.5 Ok",
                 "S: 550 5.1.1 <nobody@v.test>: User unknown", "S: 354 Go ahead"});
  capture.Client(std::string(kReport) + ".\r\n").Server("250 2.0.0 Ok: queued\r\n");
  return Quit(capture).Frames();
}

std::vector<TimedFrame> Callout() {
  DialogueCapture capture = Greeted();
  capture.Lines({"C: MAIL FROM:<>", "S: 250 2.1.0 Ok", "C: RCPT TO:<v@v.test>", "S: 250 2.1.5 Ok"});
  return Quit(capture).Frames();
}

std::vector<TimedFrame> Greylisted() {
  DialogueCapture capture = Greeted();
  capture.Lines({"C: MAIL FROM:<>", "S: 250 2.1.0 Ok", "C: RCPT TO:<v@v.test>",
                 "S: 450 4.2.0 Greylisted, see you in a minute", "C: RSET", "S: 250 2.0.0 Ok"});
  return Quit(capture).Frames();
}

std::vector<TimedFrame> ChunkInFlight() {
  DialogueCapture capture = Greeted();
  const std::string chunk(kReport);
  capture.Client("MAIL FROM:<> SIZE=400\r\nRCPT TO:<nobody@v.test>\r\nBDAT " +
                 std::to_string(chunk.size()) + " LAST\r\n" + chunk + "QUIT\r\n");
  capture.Lines({"S: 250 2.1.0 Ok", "S: 550 5.1.1 User unknown", "S: 554 5.5.1 no valid recipients",
                 "S: 221 2.0.0 Bye"});
  return capture.Frames();
}

std::vector<TimedFrame> TwoTransactions() {
  DialogueCapture capture = Greeted();
  capture.Lines({"C: MAIL FROM:<person@a.test>", "S: 250 2.1.0 Ok", "C: RCPT TO:<v@v.test>",
                 "S: 250 2.1.5 Ok", "C: DATA", "S: 354 Go ahead", "C: Subject: hello",
                 "C: ", "C: text", "C: .", "S: 250 2.0.0 Ok", "C: RSET", "S: 250 2.0.0 Ok",
                 "C: mail from: <> RET=HDRS", "S: 250 2.1.0 Ok",
                 "C: rcpt to:<prvs=0123abcdef=v@v.test>", "S: 250 2.1.5 Ok", "C: data",
                 "S: 554 5.7.1 Refused"});
  return Quit(capture).Frames();
}

// XCLIENT and PROXY need configuration; here only what STARTTLS hides and what it does not.
std::vector<TimedFrame> Starttls() {
  DialogueOptions refused;
  refused.start += support::DialogueOptions{}.tcp.round_trip;
  refused.client_port = 40'001;
  DialogueCapture accepted = Greeted();
  accepted.Lines({"C: STARTTLS", "S: 220 2.0.0 Ready"});
  accepted.Client(std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", 10));
  accepted.Server(std::string("\x16\x03\x03\x00\x05\x02\x00\x00\x01\x03", 10));
  accepted.Client(std::string("\x17\x03\x03\x00\x10\r\nMAIL FROM:<>\r\n", 21));
  DialogueCapture plain = Greeted(refused);
  plain.Lines({"C: STARTTLS", "S: 454 4.7.0 not now", "C: MAIL FROM:<>", "S: 250 2.1.0 Ok",
               "C: RCPT TO:<v@v.test>", "S: 250 2.1.5 Ok"});
  return Merge({accepted.Frames(), Quit(plain).Frames()});
}

// The server took `\n.\n` for the end of data, as Postfix 3.7 does, and ran what came behind it.
std::vector<TimedFrame> Smuggled() {
  DialogueCapture capture = Greeted();
  capture.Lines({"C: MAIL FROM:<person@a.test>", "S: 250 2.1.0 Ok", "C: RCPT TO:<v@v.test>",
                 "S: 250 2.1.5 Ok", "C: DATA", "S: 354 Go ahead"});
  capture.Client(
      "Subject: x\r\n\r\ntext\n.\nMAIL FROM:<>\r\nRCPT TO:<w@v.test>\r\nDATA\r\nmore\r\n.\r\n");
  capture.Lines({"S: 250 2.0.0 Ok", "S: 250 2.1.0 Ok", "S: 250 2.1.5 Ok", "S: 354 Go ahead",
                 "S: 250 2.0.0 Ok"});
  return Quit(capture).Frames();
}

DialogueCapture LongBounce(DialogueOptions options = {}) {
  DialogueCapture capture = Greeted(std::move(options));
  capture.Lines({"C: MAIL FROM:<>", "S: 250 2.1.0 Ok", "C: RCPT TO:<v@v.test>", "S: 250 2.1.5 Ok",
                 "C: DATA", "S: 354 Go ahead"});
  std::string body(kReport);
  while (body.size() < 6'000)
    body += "MAIL FROM:<>\r\nRCPT TO:<decoy@v.test>\r\nDATA\r\n.. text\r\n";
  capture.Client(body + ".\r\n").Server("250 2.0.0 Ok\r\n");
  Quit(capture);
  return capture;
}

// The capture misses the second segment of the body; the server had it.
std::vector<TimedFrame> GapInBody() {
  std::vector<TimedFrame> kept;
  int full_segments = 0;
  for (TimedFrame& frame : LongBounce().Frames()) {
    if (frame.payload_length == 1448 && ++full_segments == 2) continue;
    kept.push_back(std::move(frame));
  }
  return kept;
}

std::vector<TimedFrame> ClientOnly() {
  std::vector<TimedFrame> kept;
  for (TimedFrame& frame : LongBounce().Frames()) {
    if (frame.from == Direction::kFromClient) kept.push_back(std::move(frame));
  }
  return kept;
}

// The capture starts in the middle of the body, over IPv6.
std::vector<TimedFrame> MidStream() {
  DialogueOptions options;
  options.client = "2001:db8::7";
  options.server = "2001:db8::25";
  std::vector<TimedFrame> kept;
  int full_segments = 0;
  for (TimedFrame& frame : LongBounce(options).Frames()) {
    if (frame.payload_length == 1428) ++full_segments;
    if (full_segments >= 2) kept.push_back(std::move(frame));
  }
  return kept;
}

std::vector<TimedFrame> Lmtp() {
  DialogueOptions options;
  options.server_port = 24;
  DialogueCapture capture(options);
  capture.Lines({"S: 220 store.v.test LMTP", "C: LHLO mx.v.test", "S: 250 store.v.test",
                 "C: MAIL FROM:<>", "S: 250 2.1.0 Ok", "C: RCPT TO:<v@v.test>", "S: 250 2.1.5 Ok",
                 "C: RCPT TO:<full@v.test>", "S: 250 2.1.5 Ok", "C: DATA", "S: 354 Go ahead",
                 "C: Subject: x", "C: ", "C: text", "C: .", "S: 250 2.0.0 stored",
                 "S: 452 4.2.2 Mailbox full"});
  return Quit(capture).Frames();
}

}  // namespace

std::vector<Golden> MakeGoldens() {
  return {
      {"pipelined-bounce", "replies are paired by a queue; a body's quotes count nothing",
       PipelinedBounce()},
      {"callout", "MAIL, RCPT, QUIT is aborted, not accepted", Callout()},
      {"greylisted", "a 4xx is deferred, not refused", Greylisted()},
      {"chunk-in-flight", "a refused BDAT chunk is skipped by its size", ChunkInFlight()},
      {"two-transactions",
       "RSET ends one transaction; a refused DATA rejects the next; BATV undone",
       TwoTransactions()},
      {"starttls", "accepted hides the session, refused does not", Starttls()},
      {"smuggled", "the end of data is where the server's replies say", Smuggled()},
      {"gap-in-body", "a lost segment of a body costs no count", GapInBody()},
      {"client-only", "without replies all is unknown and unfinished", ClientOnly()},
      {"mid-stream", "a capture that starts in a body counts nothing of it", MidStream()},
      {"lmtp", "one final reply for each accepted recipient", Lmtp()},
  };
}

}  // namespace backscatter::replay
