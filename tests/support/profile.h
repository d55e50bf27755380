// What kind of traffic to generate. All chances are of a thousand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/packet_time.h"
#include "tests/support/pcap_writer.h"
#include "tests/support/tcp_plan.h"

namespace backscatter::support {

// Weights of the kinds of session; what they add up to does not matter.
struct SessionWeights {
  std::uint16_t mail = 1000;         // one or more ordinary transactions and bounces
  std::uint16_t callout = 0;         // MAIL FROM:<>, RCPT, QUIT
  std::uint16_t starttls = 0;        // accepted: encrypted from there on
  std::uint16_t tls_refused = 0;     // STARTTLS refused, mail in plain text
  std::uint16_t implicit_tls = 0;    // port 465
  std::uint16_t bdat_in_flight = 0;  // RCPT refused, the chunk is already on its way
  std::uint16_t turned_away = 0;     // 554 banner
  std::uint16_t oddity = 0;          // nested MAIL, orphan RCPT, EHLO in mid-session, resets, ...
  std::uint16_t hanging = 0;         // never finished; only among the last sessions
};

struct Profile {
  std::string_view name;
  std::uint32_t sessions = 0;
  std::uint32_t lone_syns = 0;  // connections that never come to be, each from its own address
  bool stay_open = false;       // every session stops after MAIL and stays open
  PacketTime interval = kMillisecond;  // between the starts of two sessions, on average
  TimeUnit unit = TimeUnit::kMicroseconds;
  std::uint32_t targets = 1000;
  std::uint32_t sources = 100;
  std::uint16_t heavy_targets = 500;  // recipients that go to the first five targets
  std::uint16_t ipv6 = 0;             // sources
  std::uint16_t tuple_reuse = 0;      // sessions on the ports of an earlier one
  SessionWeights weights;

  std::uint16_t null_sender = 1000;  // transactions
  std::uint32_t maximum_transactions = 1;
  std::uint32_t maximum_recipients = 1;
  std::uint16_t pipelining = 700;     // sessions
  std::uint16_t split_replies = 100;  // pipelined replies that come one a segment
  std::uint16_t bdat = 0;             // bodies
  std::uint16_t unknown_user = 0;     // recipients answered 550 5.1.1
  std::uint16_t greylisted = 0;       // recipients answered 450
  std::uint16_t mail_refused = 0;
  std::uint16_t data_refused = 0;
  std::uint16_t body_refused = 0;
  std::uint16_t tagged_targets = 0;  // BATV, SRS, source routes, quotes
  std::uint16_t mixed_case = 0;
  std::uint32_t bounce_body[2] = {150, 900};  // octets behind the report's own text
  std::uint32_t mail_body[2] = {500, 4000};
  std::uint16_t returned_headers = 0;  // bounces with the header of the message that they return
  std::uint16_t of_sent_mail = 0;      // of these, bounces of one of the `sent_mails`
  std::uint32_t sent_mails = 1'000'000;

  TcpOptions tcp;
  std::uint16_t lossy = 0;  // sessions that lose a segment of a body in the capture
};

// One of kProfileNames; nullopt for any other name.
std::optional<Profile> FindProfile(std::string_view name);
inline constexpr std::string_view kProfileNames =
    "bodies, envelopes, bounces, half-open, small, open";

}  // namespace backscatter::support
