#include "tests/support/profile.h"

namespace backscatter::support {
namespace {

// Big messages, mostly with a sender: about a gigabyte in 1.4 million packets.
Profile Bodies() {
  Profile p;
  p.name = "bodies";
  p.sessions = 13'500;
  p.interval = 8 * kMillisecond;
  p.targets = 2'000;
  p.sources = 1'500;
  p.weights = {.mail = 960, .callout = 10, .starttls = 10, .tls_refused = 10, .implicit_tls = 10};
  p.null_sender = 40;
  p.maximum_recipients = 3;
  p.bdat = 100;
  p.unknown_user = 20;
  p.tagged_targets = 100;
  p.mail_body[0] = 20'000;
  p.mail_body[1] = 124'000;
  p.ipv6 = 50;
  p.lossy = 10;
  p.tcp.acknowledge_every = 1;
  p.tcp.disordered_writes = 20;
  p.tcp.retransmitted_segments = 1;
  return p;
}

// A flood of small bounces: about 17 packets and 2.4 kB a session.
Profile Envelopes() {
  Profile p;
  p.name = "envelopes";
  p.sessions = 300'000;
  p.interval = kMillisecond;
  p.targets = 50'000;
  p.sources = 4'000;
  p.weights = {.mail = 930, .callout = 40, .bdat_in_flight = 30};
  p.null_sender = 940;
  p.maximum_transactions = 1;
  p.bdat = 100;
  p.unknown_user = 150;
  p.greylisted = 30;
  p.tagged_targets = 50;
  p.mixed_case = 100;
  p.ipv6 = 50;
  p.pipelining = 400;
  p.bounce_body[0] = 20;
  p.bounce_body[1] = 380;
  p.tcp.delayed_acks = 300;
  p.tcp.round_trip = 80 * kMillisecond;
  p.mail_body[0] = 300;
  p.mail_body[1] = 1'500;
  return p;
}

// The same flood with what verdicts look for: nine bounces of ten return a header with a Message-ID
// (90.1 % of 994 real ones had one), and one of ten answers a mail that was sent.
Profile Bounces() {
  Profile p = Envelopes();
  p.name = "bounces";
  p.returned_headers = 900;
  p.of_sent_mail = 100;
  return p;
}

// A SYN flood with a little mail in it.
Profile HalfOpen() {
  Profile p = Envelopes();
  p.name = "half-open";
  p.sessions = 2'000;
  p.lone_syns = 200'000;
  p.interval = 20 * kMillisecond;
  p.targets = 500;
  p.sources = 200;
  return p;
}

// A few hundred sessions with everything odd switched on.
Profile Small() {
  Profile p;
  p.name = "small";
  p.sessions = 400;
  p.lone_syns = 40;
  p.interval = 30 * kMillisecond;
  p.unit = TimeUnit::kNanoseconds;
  p.targets = 60;
  p.sources = 25;
  p.ipv6 = 250;
  p.tuple_reuse = 150;
  p.weights = {.mail = 600,
               .callout = 80,
               .starttls = 40,
               .tls_refused = 40,
               .implicit_tls = 40,
               .bdat_in_flight = 60,
               .turned_away = 20,
               .oddity = 150,
               .hanging = 60};
  p.null_sender = 600;
  p.maximum_transactions = 4;
  p.maximum_recipients = 4;
  p.pipelining = 500;
  p.split_replies = 300;
  p.bdat = 250;
  p.unknown_user = 200;
  p.greylisted = 80;
  p.mail_refused = 40;
  p.data_refused = 60;
  p.body_refused = 60;
  p.tagged_targets = 300;
  p.mixed_case = 300;
  p.mail_body[0] = 200;
  p.mail_body[1] = 20'000;
  p.lossy = 150;
  p.tcp.disordered_writes = 200;
  p.tcp.retransmitted_segments = 30;
  p.tcp.resent_syns = 40;
  p.tcp.delayed_acks = 200;
  p.tcp.keep_alives = 20;
  p.tcp.crossed_in_capture = 20;
  return p;
}

// Connections that stay open after banner, EHLO and MAIL, for memory per flow.
Profile Open() {
  Profile p;
  p.name = "open";
  p.sessions = 100'000;
  p.stay_open = true;
  p.interval = 600 * kMicrosecond;
  p.targets = 500;
  p.sources = 2'000;
  p.ipv6 = 50;
  return p;
}

}  // namespace

std::optional<Profile> FindProfile(std::string_view name) {
  if (name == "bodies") return Bodies();
  if (name == "envelopes") return Envelopes();
  if (name == "bounces") return Bounces();
  if (name == "half-open") return HalfOpen();
  if (name == "small") return Small();
  if (name == "open") return Open();
  return std::nullopt;
}

}  // namespace backscatter::support
